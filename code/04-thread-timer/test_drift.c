/* Which ways of making a beat drift, and which do not. The tests look at one run of `drift`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "../b-testing-signals/testkit.h"

static struct program run = {.name = "drift"};

static int run_drift(void **state)
{
    (void)state;
    program_run(&run);
    return 0;
}

struct row {
    double after_50, after_100, after_200;
};

static struct row row_of(const char *way)
{
    const char *at = strstr(run.out, way);
    struct row r = {0, 0, 0};

    if (at == NULL || sscanf(at + strlen(way), "%lf %lf %lf", &r.after_50, &r.after_100, &r.after_200) != 3)
        fail_msg("no row '%s' in: %s%s", way, run.out, run.err);
    return r;
}

static void all_ways_come_to_their_end(void **state)
{
    (void)state;
    assert_string_equal(run.err, "");
    assert_int_equal(exit_status(&run), 0);
    assert_int_equal(count_lines(run.out), 2 + 8);
}

/* The work alone, 0.3 ms a tick, makes it that late. (Printed numbers are rounded.) */
static void a_sleep_loop_is_late_by_all_its_work(void **state)
{
    struct row r = row_of("nanosleep in a loop");

    (void)state;
    assert_true(r.after_50 >= 50 * 0.3 - 0.01);
    assert_true(r.after_100 - r.after_50 >= 50 * 0.3 - 0.01);
    assert_true(r.after_200 - r.after_100 >= 100 * 0.3 - 0.01);
    assert_true(r.after_200 >= 200 * 0.3 - 0.01);
}

static void a_timer_armed_anew_when_it_rings_drifts_even_without_work(void **state)
{
    struct row r = row_of("one-shot timer, armed when it rings");

    (void)state;
    assert_true(r.after_50 > 0);
    assert_true(r.after_100 > r.after_50);
    assert_true(r.after_200 > r.after_100);
}

/* Lateness comes and goes with the load of the machine; what would stay is drift, and there is none: less than a
 * twentieth of what the sleep loop has in the same run. */
static bool has_no_drift(const char *way)
{
    double limit = row_of("nanosleep in a loop").after_200 / 20;
    struct row r = row_of(way);

    return r.after_200 >= 0 && r.after_200 < limit && r.after_200 - r.after_100 < limit;
}

/* A machine that stands still for half a second looks like drift, in one run, but not in each of five. */
static void does_not_drift(const char *way)
{
    for (int tries = 1; !has_no_drift(way); tries++) {
        if (tries == 5)
            fail_msg("'%s' drifts: %s", way, run.out);
        program_run(&run);
    }
}

static void absolute_deadlines_do_not_drift(void **state)
{
    (void)state;
    does_not_drift("clock_nanosleep to a deadline");
    does_not_drift("the same, timer slack 1 ns");
}

static void the_timer_of_the_chapter_does_not_drift(void **state)
{
    (void)state;
    does_not_drift("timer_start of this chapter");
}

static void timers_with_an_interval_do_not_drift(void **state)
{
    (void)state;
    does_not_drift("setitimer with an interval");
    does_not_drift("timer_create with an interval");
    does_not_drift("timerfd with an interval");
}

/* What a process has that nobody has changed: it is inherited from the first one. */
static void the_timer_slack_is_50_microseconds(void **state)
{
    (void)state;
    assert_int_equal(prctl(PR_GET_TIMERSLACK), 50000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_ways_come_to_their_end),
        cmocka_unit_test(a_sleep_loop_is_late_by_all_its_work),
        cmocka_unit_test(a_timer_armed_anew_when_it_rings_drifts_even_without_work),
        cmocka_unit_test(absolute_deadlines_do_not_drift),
        cmocka_unit_test(the_timer_of_the_chapter_does_not_drift),
        cmocka_unit_test(timers_with_an_interval_do_not_drift),
        cmocka_unit_test(the_timer_slack_is_50_microseconds),
    };

    return cmocka_run_group_tests(tests, run_drift, NULL);
}
