#!/bin/sh
# cmocka 1.1.5: CMOCKA_XML_FILE names the file for the verdicts. If it is there already, cmocka does not touch it and
# prints the XML on stderr instead, without a word; the exit status is as always. So a second run of the same command
# leaves the verdicts of the first in place, and what reads them sees a test pass that has just failed. Remove the file
# before each run. (code/code.mk does.)
. "$(dirname "$0")/common"
debs libcmocka0=1.1.5-2.1 libcmocka-dev=1.1.5-2.1

cat >test.c <<'END'
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

static void works(void **state)
{
	(void)state;
	assert_null(getenv("BROKEN"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(works)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
END
lib=$(dirname usr/lib/*/libcmocka.so)
gcc -Iusr/include test.c -o test -L"$lib" -lcmocka -Wl,-rpath,"$PWD/$lib"

export CMOCKA_MESSAGE_OUTPUT=XML CMOCKA_XML_FILE=verdicts.xml
for run in "" "BROKEN=1"; do
	status=0
	env $run ./test >stdout 2>stderr || status=$?
	echo "${run:-right}: exit status $status; in the file: $(grep -o 'failures="[0-9]*"' verdicts.xml)," \
		"on stderr: $(grep -o 'failures="[0-9]*"' stderr || echo nothing)"
done >out
seen <<END
right: exit status 0; in the file: failures="0", on stderr: nothing
BROKEN=1: exit status 1; in the file: failures="0", on stderr: failures="1"
END
