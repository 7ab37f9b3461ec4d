/* The right programs of chapter 5 that wait, reap and watch a parent. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"

/* The fault of flag_then_pause, in test_wrong_waits.c: no other SIGINT is sent here. */
static void a_signal_between_the_flag_and_sigsuspend_is_never_slept_through(void **state)
{
    static const char *const wrapper[] = {
        "strace", "-qq", "-o", "/dev/null", "-e", "trace=getppid", "-e", "inject=getppid:signal=INT:when=1", NULL};

    (void)state;
    for (int i = 0; i < 10; i++) {
        struct program p = {.name = "flag_then_sigsuspend", .wrapper = wrapper};
        program_run(&p);
        assert_string_equal(p.out, "waiting for Ctrl-C\nawake after 1 SIGINT\n");
        assert_int_equal(exit_status(&p), 0);
    }
}

static void ctrl_c_ends_sigsuspend(void **state)
{
    struct program p = {.name = "flag_then_sigsuspend", .terminal = true};

    (void)state;
    program_launch(&p);
    await_line(&p, "waiting for Ctrl-C\r\n");
    assert_int_equal(write(p.out_fd, "\x03", 1), 1); /* at once: no need to wait until it sleeps */
    program_finish(&p);
    assert_non_null(strstr(p.out, "awake after 1 SIGINT\r\n"));
    assert_int_equal(exit_status(&p), 0);
}

/* WAIT_ROUNDS rounds, or 10000. Ten times as many take a quarter of a minute. */
static void none_of_the_five_waits_sleeps_through_a_signal(void **state)
{
    static const char *const names[] = {"sigsuspend", "ppoll", "self-pipe", "signalfd", "sigwaitinfo"};
    struct program p = {.name = "five_waits"};
    int wanted, rounds, hung;
    char yes_or_no[8];
    double cost;

    (void)state;
    setenv("WAIT_ROUNDS", "10000", 0);
    wanted = atoi(getenv("WAIT_ROUNDS"));
    program_run(&p);
    assert_int_equal(exit_status(&p), 0);
    assert_int_equal(count_lines(p.out), 6);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *line = strstr(p.out, names[i]);
        assert_non_null(line);
        assert_int_equal(sscanf(line + strlen(names[i]), "%d %d %7s %lf", &rounds, &hung, yes_or_no, &cost), 4);
        assert_int_equal(rounds, wanted);
        assert_int_equal(hung, 0);
    }
}

static void a_bad_number_of_rounds_is_named(void **state)
{
    static const char *const bad[] = {"", "0", "-1", "ten", "10000001"};
    const char *wanted = getenv("WAIT_ROUNDS");
    char saved[32];

    (void)state;
    snprintf(saved, sizeof saved, "%s", wanted == NULL ? "10000" : wanted);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct program p = {.name = "five_waits"};
        setenv("WAIT_ROUNDS", bad[i], 1);
        program_run(&p);
        assert_non_null(strstr(p.err, "WAIT_ROUNDS is '"));
        assert_int_equal(count_lines(p.err), 1);
        assert_string_equal(p.out, "");
        assert_int_equal(exit_status(&p), 2);
    }
    setenv("WAIT_ROUNDS", saved, 1);
}

static void one_sigchld_can_reap_a_hundred_children(void **state)
{
    struct program p = {.name = "reap_all"};

    (void)state;
    program_run(&p);
    assert_string_equal(p.out, "100 children have ended, SIGCHLD is blocked\n"
                               "unblocked: handler runs: 1, reaped: 100\n"
                               "zombies left: 0\n");
    assert_int_equal(exit_status(&p), 0);
}

static void a_child_shares_a_mapping_and_a_pipe_but_no_global(void **state)
{
    struct program p = {.name = "two_memories"};

    (void)state;
    program_run(&p);
    assert_string_equal(p.out, "child:  global 2, shared 2\n"
                               "parent: global 1, shared 2\n"
                               "parent: recv: both are 2\n");
    assert_int_equal(exit_status(&p), 0);
}

static void a_lifeline_ends_when_the_parent_kills_itself(void **state)
{
    struct program p = {.name = "lifeline", .tick_ms = 20};

    (void)state;
    program_run(&p);
    assert_string_equal(p.out, "parent: killing myself at tick 1\n"
                               "child:  end of file, so my parent is gone; cleaning up\n");
    assert_int_equal(exit_status(&p), 1000 + SIGKILL);
}

/* Only the parent gets the signal. */
static void a_lifeline_ends_whatever_signal_kills_the_parent(void **state)
{
    static const int deadly[] = {SIGKILL, SIGTERM, SIGINT, SIGHUP, SIGQUIT};

    (void)state;
    for (size_t i = 0; i < sizeof deadly / sizeof deadly[0]; i++) {
        struct program p = {.name = "lifeline", .tick_ms = 60000};
        program_launch(&p);
        await_asleep(await_child(p.pid), SYS_read);
        kill(p.pid, deadly[i]);
        program_finish(&p);
        assert_non_null(strstr(p.out, "child:  end of file, so my parent is gone; cleaning up\n"));
        assert_int_equal(exit_status(&p), 1000 + deadly[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_between_the_flag_and_sigsuspend_is_never_slept_through),
        cmocka_unit_test(ctrl_c_ends_sigsuspend),
        cmocka_unit_test(none_of_the_five_waits_sleeps_through_a_signal),
        cmocka_unit_test(a_bad_number_of_rounds_is_named),
        cmocka_unit_test(one_sigchld_can_reap_a_hundred_children),
        cmocka_unit_test(a_child_shares_a_mapping_and_a_pipe_but_no_global),
        cmocka_unit_test(a_lifeline_ends_when_the_parent_kills_itself),
        cmocka_unit_test(a_lifeline_ends_whatever_signal_kills_the_parent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
