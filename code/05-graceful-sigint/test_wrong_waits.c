/* The wrong programs of chapter 5 that wait, reap and hang on to a parent fail, and fail as the chapter says. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"

#ifndef SYS_pause
#define SYS_pause SYS_ppoll /* what pause is where the kernel has no such call */
#endif

/* A set of signals in /proc/PID/status: SigPnd, ShdPnd, SigBlk, SigIgn, SigCgt. */
static unsigned long long signals_of(pid_t pid, const char *field)
{
    char path[64], line[256], format[32];
    unsigned long long set = ~0ULL;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    snprintf(format, sizeof format, "%s: %%llx", field);
    f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL)
        sscanf(line, format, &set);
    fclose(f);
    return set;
}

static const char *const sigint_in_between[] = {
    "strace", "-qq", "-o", "/dev/null", "-e", "trace=getppid", "-e", "inject=getppid:signal=INT:when=1", NULL};

/* strace sends the first SIGINT after the flag was tested. The program falls asleep then, although nothing is pending
 * or blocked any more: the handler has run. Another SIGINT, which the test sends, wakes it. */
static void a_signal_between_the_flag_and_pause_is_slept_through(void **state)
{
    int hung = 0;

    (void)state;
    for (int i = 0; i < 10; i++) {
        struct program p = {.name = "flag_then_pause", .wrapper = sigint_in_between};
        pid_t pid;
        program_launch(&p);
        await_line(&p, "waiting for Ctrl-C\n");
        pid = await_child(p.pid);
        await_asleep(pid, SYS_pause);
        assert_true(signals_of(pid, "SigPnd") == 0 && signals_of(pid, "ShdPnd") == 0);
        assert_true(signals_of(pid, "SigBlk") == 0);
        kill(pid, SIGINT);
        program_finish(&p);
        hung += strstr(p.out, "awake after 2 SIGINT\n") != NULL;
        assert_int_equal(exit_status(&p), 0);
    }
    assert_int_equal(hung, 10);
}

static void a_signal_after_pause_has_begun_is_noticed(void **state)
{
    struct program p = {.name = "flag_then_pause", .terminal = true};

    (void)state;
    program_launch(&p);
    await_line(&p, "waiting for Ctrl-C\r\n");
    await_asleep(p.pid, SYS_pause);
    assert_int_equal(write(p.out_fd, "\x03", 1), 1);
    program_finish(&p);
    assert_non_null(strstr(p.out, "awake after 1 SIGINT\r\n"));
    assert_int_equal(exit_status(&p), 0);
}

/* How many hung in the line of a program's table that begins with `name`. */
static int hung_in(const struct program *p, const char *name)
{
    const char *line = strstr(p->out, name);
    int rounds, hung = -1;

    assert_non_null(line);
    sscanf(line + strlen(name), "%d rounds, %d hung", &rounds, &hung);
    assert_true(hung >= 0);
    return hung;
}

/* A matter of luck, some 2 to 7 of 1000: so as often as it takes, up to 40 times. */
static void each_racy_wait_sleeps_through_a_signal_sooner_or_later(void **state)
{
    int by_pause = 0, by_read = 0, by_poll = 0;

    (void)state;
    for (int i = 0; i < 40 && (by_pause == 0 || by_read == 0 || by_poll == 0); i++) {
        struct program p = {.name = "racy_waits"};
        setenv("WAIT_ROUNDS", "2000", 1);
        program_run(&p);
        assert_int_equal(exit_status(&p), 0);
        by_pause += hung_in(&p, "flag, then pause");
        by_read += hung_in(&p, "flag, then read");
        by_poll += hung_in(&p, "flag, then poll");
    }
    unsetenv("WAIT_ROUNDS");
    assert_true(by_pause > 0 && by_read > 0 && by_poll > 0);
}

static void one_waitpid_for_each_sigchld_leaves_99_zombies(void **state)
{
    struct program p = {.name = "reap_once"};

    (void)state;
    program_run(&p);
    assert_string_equal(p.out, "100 children have ended, SIGCHLD is blocked\n"
                               "unblocked: handler runs: 1, reaped: 1\n"
                               "zombies left: 99\n");
    assert_int_equal(exit_status(&p), 0);
}

static void pdeathsig_kills_when_the_thread_that_forked_ends(void **state)
{
    struct program p = {.name = "pdeathsig_thread"};

    (void)state;
    program_run(&p);
    assert_string_equal(p.out, "parent: starting a thread that forks a child\n"
                               "parent: the thread has ended, I am still here\n"
                               "parent: the child was killed by signal 9 (Killed)\n");
    assert_int_equal(exit_status(&p), 0);
}

static void pdeathsig_after_the_death_of_the_parent_does_nothing(void **state)
{
    struct program p = {.name = "pdeathsig_late", .tick_ms = 20};

    (void)state;
    program_run(&p);
    assert_string_equal(p.out, "parent: forking a child, then killing myself\n"
                               "child:  prctl says that I shall leave with my parent\n"
                               "child:  a tick later: still here\n"
                               "child:  getppid says that my parent is another: leaving\n");
    assert_int_equal(exit_status(&p), 1000 + SIGKILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_between_the_flag_and_pause_is_slept_through),
        cmocka_unit_test(a_signal_after_pause_has_begun_is_noticed),
        cmocka_unit_test(each_racy_wait_sleeps_through_a_signal_sooner_or_later),
        cmocka_unit_test(one_waitpid_for_each_sigchld_leaves_99_zombies),
        cmocka_unit_test(pdeathsig_kills_when_the_thread_that_forked_ends),
        cmocka_unit_test(pdeathsig_after_the_death_of_the_parent_does_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
