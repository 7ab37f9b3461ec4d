#!/bin/sh
# Breaks the library on purpose, in each way that mutants.list names, and shows which test notices.
#
# usage: mutants.sh [-h] [NAME...]      only these mutants
#
# BUILD   where to work (default: ../../build/mutants, from this folder)
# TESTS   the tests, without .c (default: each test_*.c here that includes conn.h or safe_io.h)
# JOBS    how many at a time (default 2);  CC, CPPFLAGS, CFLAGS as in make
#
# First the library itself has to pass. Then, for each mutant, the tests run under a time limit, the one that
# mutants.list names first, up to the first that fails. One line a mutant: killed by which test, or SURVIVED. A mutant
# passes if it is killed, or if it survives and mutants.list says why no test can tell it from the library.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
list=$here/mutants.list
library="safe_io.h safe_io.c conn.h conn.c"
: "${CC:=gcc}" "${CPPFLAGS:=-D_XOPEN_SOURCE=700}" "${CFLAGS:=-std=c11 -O2 -g}" "${JOBS:=2}"
: "${BUILD:=$here/../../build/mutants}"

field() { # NUMBER NAME: a field of a record NAME | FILE[:FUNCTION] | TEST or equivalent: WHY | SED
	awk -F ' +[|] +' -v n="$1" -v name="$2" '
		$1 == name && n < 4 {print $n}
		$1 == name && n == 4 {sub(/^[^|]*[|][^|]*[|][^|]*[|] +/, ""); print}' "$list"
}

names() { sed -n 's/^\([a-z0-9_]*\) *|.*/\1/p' "$list"; }

compile() { # SOURCE OBJECT
	$CC $CPPFLAGS -U_FORTIFY_SOURCE $CFLAGS -w -I "$here" -I "$here/../b-testing-signals" -c -o "$2" "$1"
}

wraps() { # TEST: a link option for each function that the test wraps
	grep -o '__wrap_[a-z0-9_]*' "$here/$1.c" | sort -u | sed 's/^__wrap_/-Wl,--wrap=/'
}

link() { # TEST DIR: the program of a test with the library in DIR
	$CC $CFLAGS $(wraps "$1") -o "$2/$1" "$BUILD/objects/$1.o" "$BUILD/objects/testkit.o" \
		"$2/safe_io.o" "$2/conn.o" -lcmocka -lpthread
}

run() { # TEST DIR SECONDS: true if every test in it passed; the log is DIR/TEST.log
	(cd "$here/../.." && exec timeout -k 5 "$3" "$2/$1") >"$2/$1.log" 2>&1 </dev/null || return 1
	awk '/Running [0-9]+ test/ {all = $3} /^\[       OK/ {ok++} END {exit !(all > 0 && ok >= all)}' "$2/$1.log"
}

killer() { # LOG: the first test that failed, or the last that began and never ended
	failed=$(sed -n 's/^\[  FAILED  \] \([A-Za-z_][A-Za-z0-9_]*\)$/\1/p' "$1" | head -n 1)
	begun=$(sed -n 's/^\[ RUN      \] //p' "$1" | tail -n 1)
	if [ "$failed" ]; then echo "$failed"; elif grep -q LeakSanitizer "$1"; then echo LeakSanitizer; else echo "${begun:-what comes first} (it never ended)"; fi
}

mutate() { # NAME DIR: the library into DIR, with the mutation. False, with a line on stdout, if it is none
	where=$(field 2 "$1")
	file=${where%%:*} function=${where#"$file"} function=${function#:} script=$(field 4 "$1")
	for f in $library; do cp "$here/$f" "$2"; done
	if [ "$function" ]; then
		sed -i -e "/^[a-z][^;]*\\b$function(/,/^}/{" -e "$script" -e '}' "$2/$file"
	else
		sed -i -e "$script" "$2/$file"
	fi || { echo "sed does not understand it"; return 1; }
	! cmp -s "$here/$file" "$2/$file" || { echo "it changes nothing in $where"; return 1; }
	for f in safe_io conn; do
		compile "$2/$f.c" "$2/$f.o" 2>"$2/$f.err" || { echo "it does not compile, see $2/$f.err"; return 1; }
	done
}

in_order() { # TEST: the test programs, first the one that has this test in it, then the fastest
	{
		grep -lw -- "$1" $(sed "s|.*|$here/&.c|" "$BUILD/order") | sed 's|.*/||; s|[.]c$||'
		cat "$BUILD/order"
	} | awk '!seen[$0]++'
}

one() { # NAME: writes BUILD/NAME.result, and prints it
	dir=$BUILD/$1 expected=$(field 3 "$1") killed='' verdict=FAILED
	case $expected in leak:*) CFLAGS="$CFLAGS -fsanitize=address" ;; esac
	rm -rf "$dir"
	mkdir -p "$dir"
	if ! problem=$(mutate "$1" "$dir"); then
		line="$1: ERROR, $problem"
	else
		for t in $(in_order "${expected#leak: }"); do
			link "$t" "$dir"
			if ! run "$t" "$dir" "$(cat "$BUILD/$t.limit")"; then
				killed=$(killer "$dir/$t.log")
				break
			fi
		done
		case $expected,$killed in
		equivalent:*,) verdict=ok line="$1: survived, ${expected}" ;;
		equivalent:*)  line="$1: KILLED by $killed (in $t), but said to be equivalent" ;;
		*,)            line="$1: SURVIVED" ;;
		*)             verdict=ok line="$1: killed by $killed (in $t)" ;;
		esac
	fi
	rm -f "$dir"/test_*[!g] # the programs; the logs stay
	printf '%s\n%s\n' "$verdict" "$line" >"$BUILD/$1.result"
	[ ! -t 2 ] || printf '\r\033[K' >&2
	printf '%s\n' "$line"
	[ ! -t 2 ] || printf '%s of %s' "$(ls "$BUILD" | grep -c '[.]result$')" "$WANTED" >&2
}

the_library_passes() { # and how long each test takes
	mkdir -p "$BUILD/library" "$BUILD/objects"
	for f in safe_io conn; do compile "$here/$f.c" "$BUILD/library/$f.o"; done
	compile "$here/../b-testing-signals/testkit.c" "$BUILD/objects/testkit.o"
	for t in $TESTS; do
		compile "$here/$t.c" "$BUILD/objects/$t.o"
		link "$t" "$BUILD/library"
		start=$(date +%s%N)
		[ ! -t 2 ] || printf '\r\033[Kthe library itself: %s' "$t" >&2
		run "$t" "$BUILD/library" 300 || {
			echo "the library itself fails $(killer "$BUILD/library/$t.log") (in $t), see $BUILD/library/$t.log" >&2
			return 1
		}
		ms=$((($(date +%s%N) - start) / 1000000))
		limit=$((ms / 200 + 10)) # five times as long, and ten seconds
		echo $((limit < 60 ? limit : ms / 1000 > 30 ? 300 : 60)) >"$BUILD/$t.limit"
		echo "$ms $t"
	done >"$BUILD/times"
	[ ! -t 2 ] || printf '\r\033[K' >&2
	sort -n "$BUILD/times" | cut -d ' ' -f 2 >"$BUILD/order"
}

case ${1-} in
-h) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit ;;
-1) one "$2"; exit ;;
-*) echo "mutants.sh: what is $1? (-h: help)" >&2; exit 2 ;;
esac

mkdir -p "$BUILD"
BUILD=$(cd "$BUILD" && pwd)
: "${TESTS:=$(cd "$here" && grep -lE '#include "(conn|safe_io)[.]h"' test_*.c | sed 's/[.]c$//')}"
wanted=${*:-$(names)}
WANTED=$(echo $wanted | wc -w)
export BUILD CC CPPFLAGS CFLAGS WANTED
rm -f "$BUILD"/*.result
twice=$(names | sort | uniq -d)
[ -z "$twice" ] || { echo "mutants.list has a name twice: $twice" >&2; exit 2; }
for name in $wanted; do
	[ "$(field 2 "$name")" ] || { echo "mutants.list does not have $name" >&2; exit 2; }
done

the_library_passes
echo $wanted | tr ' ' '\n' | xargs -P "$JOBS" -n 1 "$0" -1
[ ! -t 2 ] || printf '\r\033[K' >&2
cat "$BUILD"/*.result | awk '/^ok$/ {ok++} /^FAILED$/ {bad++}
	END {print ok + 0 " passed, " bad + 0 " failed"; exit bad > 0}'
