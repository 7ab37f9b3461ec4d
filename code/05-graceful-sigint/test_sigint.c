/* The right programs of chapter 5 about sleeps, windows and exit statuses, under the faults that break the wrong
 * ones. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"

enum { TIMES = 10 };

static long long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void press_ctrl_c(struct program *p)
{
    assert_int_equal(write(p->out_fd, "\x03", 1), 1);
}

/* strace sends SIGINT as each round goes to sleep, which is the first, third, fifth... sleep: the others are what is
 * left of a round. No round is over before its tick. Returns how many sleeps were interrupted. */
static int interrupted_sleeps(int tick_ms)
{
    char log[] = "/tmp/test_sigint.XXXXXX", line[32], seen[TESTKIT_TEXT] = "";
    const char *wrapper[] = {"strace", "-qq", "-o", log, "-e", "inject=clock_nanosleep:signal=INT:when=1+2", NULL};
    struct program p = {.name = "whole_sleep", .tick_ms = tick_ms, .wrapper = wrapper};
    FILE *f = fdopen(mkstemp(log), "r");
    long long start = now_ms();

    assert_non_null(f);
    program_launch(&p);
    for (int round = 1; round <= 5; round++) {
        snprintf(line, sizeof line, "round %d done\n", round);
        await_line(&p, line);
        assert_true(now_ms() - start >= (long long)round * tick_ms);
    }
    program_finish(&p);
    assert_int_equal(exit_status(&p), 0);
    seen[fread(seen, 1, sizeof seen - 1, f)] = '\0';
    fclose(f);
    unlink(log);
    return count_of("ERESTARTNOHAND", seen);
}

/* A round whose tick is past when it begins has no sleep to interrupt; on a slow machine, longer ticks give it one. */
static void a_sleep_until_a_deadline_is_whole(void **state)
{
    (void)state;
    assert_true(interrupted_sleeps(100) == 5 || interrupted_sleeps(2000) == 5);
}

/* strace sends SIGINT at a system call that only this window makes. */
static void run_with_sigint_at(struct program *p, const char *call)
{
    char inject[64];
    const char *wrapper[] = {"strace", "-f", "-qq", "-o", "/dev/null", "-e", inject, NULL};

    snprintf(inject, sizeof inject, "inject=%s:signal=INT", call);
    p->wrapper = wrapper;
    program_run(p);
    p->wrapper = NULL;
}

static void a_blocked_sigint_waits_until_the_parent_is_ready(void **state)
{
    (void)state;
    for (int i = 0; i < TIMES; i++) {
        struct program p = {.name = "early_block", .tick_ms = 5};
        run_with_sigint_at(&p, "getppid");
        assert_string_equal(p.out, "parent: the round is whole; SIGINTs: 1\nchild: cleaned up; SIGINTs: 0\n");
        assert_int_equal(exit_status(&p), 0);
    }
}

static void a_blocked_sigint_waits_until_the_child_is_ready(void **state)
{
    (void)state;
    for (int i = 0; i < TIMES; i++) {
        struct program p = {.name = "early_block", .tick_ms = 5};
        run_with_sigint_at(&p, "getsid");
        assert_string_equal(p.out, "parent: the round is whole; SIGINTs: 0\nchild: cleaned up; SIGINTs: 1\n");
        assert_int_equal(exit_status(&p), 0);
    }
}

/* As early as anybody can press the key: the child has only just been made. */
static void ctrl_c_at_the_first_moment_of_the_child_is_handled_on_both_sides(void **state)
{
    (void)state;
    skip_if_signals_are_deferred();
    for (int i = 0; i < 3; i++) {
        struct program p = {.name = "early_block", .tick_ms = 250, .terminal = true};
        program_launch(&p);
        await_child(p.pid);
        press_ctrl_c(&p);
        program_finish(&p);
        assert_non_null(strstr(p.out, "parent: the round is whole; SIGINTs: 1\r\nchild: cleaned up; SIGINTs: 1\r\n"));
        assert_int_equal(exit_status(&p), 0);
    }
}

static void no_child_outlives_its_killed_parent(void **state)
{
    static const char *const names[] = {"who_gets_it", "early_block"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct program p = {.name = names[i], .tick_ms = 60000};
        program_launch(&p);
        await_child(p.pid);
        kill(p.pid, SIGKILL);
        program_finish(&p);
        assert_int_equal(exit_status(&p), 1000 + SIGKILL);
        assert_string_equal(p.err, "");
    }
}

static void a_killed_child_is_reported(void **state)
{
    static const char *const names[] = {"who_gets_it", "early_block"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct program p = {.name = names[i], .tick_ms = 500};
        program_launch(&p);
        kill(await_child(p.pid), SIGKILL);
        program_finish(&p);
        assert_non_null(strstr(p.err, "cannot send: Broken pipe; the child was killed by signal 9 (Killed)\n"));
        assert_int_equal(count_lines(p.err), 1);
        assert_int_equal(exit_status(&p), 1);
    }
}

/* ---- the end of a program that SIGINT has ended */

static void waitpid_sees_that_it_died_of_sigint(void **state)
{
    struct program p = {.name = "die_of_sigint"};

    (void)state;
    program_launch(&p);
    await_line(&p, "READY\n");
    kill(p.pid, SIGINT);
    program_finish(&p);
    assert_int_equal(exit_status(&p), 1000 + SIGINT);
    assert_string_equal(p.err, "");
}

static void a_loop_stops_when_its_program_dies_of_sigint(void **state)
{
    static const char *const shells[] = {"/bin/bash", "/bin/dash"};
    const char *args[] = {"-c", "for i in 1 2 3; do echo round $i; \"$0\"; done; echo END",
                          program_path(NULL, "die_of_sigint"), NULL};

    (void)state;
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        struct program p = {.name = shells[i], .args = args, .terminal = true};
        program_launch(&p);
        await_line(&p, "round 1\r\nREADY");
        press_ctrl_c(&p);
        program_finish(&p);
        assert_null(strstr(p.out, "round 2"));
        assert_null(strstr(p.out, "END"));
        assert_int_equal(exit_status(&p), 1000 + SIGINT);
    }
}

/* The shell, which a trap has made survive, gives the same number for both ways to end. */
static void the_shells_status_is_130_for_both_ways_to_end(void **state)
{
    static const char *const names[] = {"die_of_sigint", "exit_130"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *args[] = {"-c", "trap : INT; \"$0\"; echo status $?", program_path(NULL, names[i]), NULL};
        struct program p = {.name = "/bin/bash", .args = args, .terminal = true};
        program_launch(&p);
        await_line(&p, "READY");
        press_ctrl_c(&p);
        program_finish(&p);
        assert_non_null(strstr(p.out, "status 130\r\n"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sleep_until_a_deadline_is_whole),
        cmocka_unit_test(a_blocked_sigint_waits_until_the_parent_is_ready),
        cmocka_unit_test(a_blocked_sigint_waits_until_the_child_is_ready),
        cmocka_unit_test(ctrl_c_at_the_first_moment_of_the_child_is_handled_on_both_sides),
        cmocka_unit_test(no_child_outlives_its_killed_parent),
        cmocka_unit_test(a_killed_child_is_reported),
        cmocka_unit_test(waitpid_sees_that_it_died_of_sigint),
        cmocka_unit_test(a_loop_stops_when_its_program_dies_of_sigint),
        cmocka_unit_test(the_shells_status_is_130_for_both_ways_to_end),
    };

    /* whatever started us may have ignored it, and nobody below would then hear of it */
    sigaction(SIGINT, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
