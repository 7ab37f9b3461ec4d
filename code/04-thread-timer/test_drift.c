/* Which ways of making a beat drift, and which do not; and how late the kernel may wake a sleeper. Most of the tests
 * look at one run of `drift`. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

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
    assert_int_equal(count_lines(run.out), 1 + 5);
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
}

static void the_timer_of_the_chapter_does_not_drift(void **state)
{
    (void)state;
    does_not_drift("timer_start of this chapter");
}

static void a_timer_with_an_interval_does_not_drift(void **state)
{
    (void)state;
    does_not_drift("setitimer with an interval");
}

/* What a process has that nobody has changed: it is inherited from the first one. */
static void the_timer_slack_is_50_microseconds(void **state)
{
    (void)state;
    assert_int_equal(prctl(PR_GET_TIMERSLACK), 50000);
}

// § How late the kernel may wake a sleeper: /proc/timer_list, which only root may read
enum { LIMIT_S = 17, CAP_S = 300 };

static void sleep_in_poll(int seconds)
{
    poll(NULL, 0, seconds * 1000);
}

static void sleep_in_select(int seconds)
{
    struct timeval limit = {.tv_sec = seconds};

    select(0, NULL, NULL, NULL, &limit);
}

static void sleep_in_epoll_wait(int seconds)
{
    struct epoll_event event;

    epoll_wait(epoll_create1(0), &event, 1, seconds * 1000);
}

static void sleep_in_nanosleep(int seconds)
{
    struct timespec limit = {.tv_sec = seconds};

    nanosleep(&limit, NULL);
}

/* How often /proc/timer_list has a timer that expires within `seconds`, but not a second sooner, and may be late by
 * `slack` ns, or by up to a tenth of a percent less: a rest of time was taken after it had been set. -1: no such
 * list. */
static int timers_with(int seconds, long long slack)
{
    long long soft, hard, left;
    char line[256];
    int n = 0;
    FILE *f = fopen("/proc/timer_list", "r");

    if (f == NULL)
        return -1;
    while (fgets(line, sizeof line, f) != NULL)
        if (sscanf(line, " # expires at %lld-%lld nsecs [in %lld", &soft, &hard, &left) == 3 &&
            left <= seconds * 1000000000LL && left > (seconds - 1) * 1000000000LL && hard - soft <= slack &&
            hard - soft > slack - slack / 1000)
            n++;
    fclose(f);
    return n;
}

/* In a child of its own. If it was a second until we looked, once more. */
static void assert_slack(void (*sleeper)(int seconds), long call, int seconds, long long slack)
{
    int n = 0;

    for (int tries = 0; n == 0 && tries < 5; tries++) {
        pid_t pid = fork_in_test();
        if (pid == 0) {
            sleeper(seconds);
            _exit(0);
        }
        await_asleep(pid, call);
        n = timers_with(seconds, slack);
        kill(pid, SIGKILL);
    }
    if (n == -1)
        print_message("/proc/timer_list cannot be read: nothing tested\n");
    assert_true(n != 0);
}

/* A process with a nice value above 0 gets five times as much. */
static long long a_thousandth_of(int seconds)
{
    return seconds * 1000000LL * (getpriority(PRIO_PROCESS, 0) > 0 ? 5 : 1);
}

static void nanosleep_may_end_50_microseconds_late_however_long_it_is(void **state)
{
    (void)state;
    assert_slack(sleep_in_nanosleep, SYS_clock_nanosleep, LIMIT_S, 50000);
}

static void poll_select_and_epoll_wait_may_end_a_thousandth_late(void **state)
{
    (void)state;
    assert_slack(sleep_in_poll, SYS_poll, LIMIT_S, a_thousandth_of(LIMIT_S));
    assert_slack(sleep_in_select, SYS_pselect6, LIMIT_S, a_thousandth_of(LIMIT_S));
    assert_slack(sleep_in_epoll_wait, SYS_epoll_wait, LIMIT_S, a_thousandth_of(LIMIT_S));
}

static void poll_may_end_a_tenth_of_a_second_late_but_not_more(void **state)
{
    (void)state;
    assert_slack(sleep_in_poll, SYS_poll, CAP_S, 100000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_ways_come_to_their_end),
        cmocka_unit_test(a_sleep_loop_is_late_by_all_its_work),
        cmocka_unit_test(a_timer_armed_anew_when_it_rings_drifts_even_without_work),
        cmocka_unit_test(absolute_deadlines_do_not_drift),
        cmocka_unit_test(the_timer_of_the_chapter_does_not_drift),
        cmocka_unit_test(a_timer_with_an_interval_does_not_drift),
        cmocka_unit_test(the_timer_slack_is_50_microseconds),
        cmocka_unit_test(nanosleep_may_end_50_microseconds_late_however_long_it_is),
        cmocka_unit_test(poll_select_and_epoll_wait_may_end_a_thousandth_late),
        cmocka_unit_test(poll_may_end_a_tenth_of_a_second_late_but_not_more),
    };

    return cmocka_run_group_tests(tests, run_drift, NULL);
}
