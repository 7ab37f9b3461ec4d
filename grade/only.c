/* only.c - one test of a cmocka program alone, or the names of all of them. For ./mutants, which links it with
 * --wrap=_cmocka_run_group_tests.
 *
 * From the environment, as in judge.h:
 *
 *     TEST=NAME   this test alone; exit status 2 if there is none
 *     LIST=1      print the names, and run none */
#include <err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int __real__cmocka_run_group_tests(const char *group, const struct CMUnitTest *tests, size_t count,
                                   CMFixtureFunction setup, CMFixtureFunction teardown);
int __wrap__cmocka_run_group_tests(const char *group, const struct CMUnitTest *tests, size_t count,
                                   CMFixtureFunction setup, CMFixtureFunction teardown);

int __wrap__cmocka_run_group_tests(const char *group, const struct CMUnitTest *tests, size_t count,
                                   CMFixtureFunction setup, CMFixtureFunction teardown)
{
    const char *only = getenv("TEST");

    if (getenv("LIST") != NULL) {
        for (size_t i = 0; i < count; i++)
            puts(tests[i].name);
        return 0;
    }
    if (only == NULL)
        return __real__cmocka_run_group_tests(group, tests, count, setup, teardown);
    for (size_t i = 0; i < count; i++)
        if (strcmp(tests[i].name, only) == 0)
            return __real__cmocka_run_group_tests(group, tests + i, 1, setup, teardown);
    errx(2, "there is no test %s", only);
}
