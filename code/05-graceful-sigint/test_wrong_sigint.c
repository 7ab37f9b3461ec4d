/* The wrong programs of chapter 5 that lose a sleep, a window, an exit status or a signal, and how. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"

enum { TIMES = 10 };

static void press_ctrl_c(struct program *p)
{
    assert_int_equal(write(p->out_fd, "\x03", 1), 1);
}

/* A tick is a minute: five whole rounds would last longer than this test is allowed to. */
static void a_signal_cuts_a_sleep_short(void **state)
{
    struct program p = {.name = "short_sleep", .tick_ms = 60000};
    char line[32];

    (void)state;
    program_launch(&p);
    for (int round = 1; round <= 5; round++) {
        await_asleep(p.pid, SYS_clock_nanosleep);
        kill(p.pid, SIGINT);
        snprintf(line, sizeof line, "round %d done\n", round);
        await_line(&p, line);
    }
    program_finish(&p);
    assert_int_equal(exit_status(&p), 0); /* it does not even notice */
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

static void sigint_before_its_handler_kills_the_parent(void **state)
{
    (void)state;
    for (int i = 0; i < TIMES; i++) {
        struct program p = {.name = "late_handler", .tick_ms = 5};
        run_with_sigint_at(&p, "getppid");
        assert_int_equal(exit_status(&p), 1000 + SIGINT);
        assert_string_equal(p.out, "");
    }
}

static void sigint_before_its_handler_kills_the_child(void **state)
{
    (void)state;
    for (int i = 0; i < TIMES; i++) {
        struct program p = {.name = "late_handler", .tick_ms = 5};
        run_with_sigint_at(&p, "getsid");
        assert_string_equal(p.out, "parent: the round is whole\n");
        assert_non_null(strstr(p.err, "the child was killed by signal 2 (Interrupt)\n"));
        assert_int_equal(exit_status(&p), 1);
    }
}

/* What makes it so hard to find. */
static void a_late_handler_is_early_enough_almost_always(void **state)
{
    struct program p = {.name = "late_handler", .tick_ms = 250, .terminal = true};

    (void)state;
    program_launch(&p);
    await_asleep(await_child(p.pid), SYS_read);
    await_asleep(p.pid, SYS_clock_nanosleep);
    press_ctrl_c(&p);
    program_finish(&p);
    assert_non_null(strstr(p.out, "parent: the round is whole\r\nchild: cleaned up\r\n"));
    assert_int_equal(exit_status(&p), 0);
}

/* ---- a loop in a script, and a program in it that ends after Ctrl-C */

static const char loop[] = "for i in 1 2 3; do echo round $i; \"$0\"; echo status $?; done; echo END";

/* bash goes on only if it was waiting for the program when Ctrl-C came: before that, it dies itself. */
static void a_bash_loop_goes_on_after_exit_130(void **state)
{
    const char *args[] = {"-c", loop, program_path(NULL, "exit_130"), NULL};
    struct program p = {.name = "/bin/bash", .args = args, .terminal = true};
    char ready[32];

    (void)state;
    program_launch(&p);
    for (int round = 1; round <= 3; round++) {
        snprintf(ready, sizeof ready, "round %d\r\nREADY", round);
        await_line(&p, ready);
        await_asleep(p.pid, SYS_wait4);
        press_ctrl_c(&p);
    }
    program_finish(&p);
    assert_int_equal(count_of("status 130\r\n", p.out), 3);
    assert_non_null(strstr(p.out, "END"));
    assert_int_equal(exit_status(&p), 0);
}

static void a_dash_loop_stops_even_after_exit_130(void **state)
{
    const char *args[] = {"-c", loop, program_path(NULL, "exit_130"), NULL};
    struct program p = {.name = "/bin/dash", .args = args, .terminal = true};

    (void)state;
    program_launch(&p);
    await_line(&p, "round 1\r\nREADY");
    press_ctrl_c(&p);
    program_finish(&p);
    assert_null(strstr(p.out, "round 2"));
    assert_int_equal(exit_status(&p), 1000 + SIGINT);
}

/* ---- system(3) */

static void system_hides_sigint_from_its_caller(void **state)
{
    struct program p = {.name = "hidden_by_system", .terminal = true};

    (void)state;
    program_launch(&p);
    await_line(&p, "READY");
    await_asleep(await_child(p.pid), SYS_read);
    press_ctrl_c(&p);
    program_finish(&p);
    assert_non_null(strstr(p.out, "the command was killed by signal 2 (Interrupt)\r\nour handler ran 0 times\r\n"));
    assert_int_equal(exit_status(&p), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_cuts_a_sleep_short),
        cmocka_unit_test(sigint_before_its_handler_kills_the_parent),
        cmocka_unit_test(sigint_before_its_handler_kills_the_child),
        cmocka_unit_test(a_late_handler_is_early_enough_almost_always),
        cmocka_unit_test(a_bash_loop_goes_on_after_exit_130),
        cmocka_unit_test(a_dash_loop_stops_even_after_exit_130),
        cmocka_unit_test(system_hides_sigint_from_its_caller),
    };

    /* whatever started us may have ignored it, and nobody below would then hear of it */
    sigaction(SIGINT, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
