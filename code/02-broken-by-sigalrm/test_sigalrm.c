/* The right programs of chapter 2 do what the wrong ones fail to do, under the same fault. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"

/* An alarm that rings late, on a slow machine, can ring twice: the first line of a row will do. */
static void without_repeated_alarms(char *text)
{
    char *twice;

    while ((twice = strstr(text, "alarm(14)\nalarm(14)\n")) != NULL)
        memmove(twice, twice + 10, strlen(twice + 10) + 1);
}

/* A machine that stands still for some ticks shows fewer alarms, or another order: then again, with longer ticks. */
static void run_for(struct program *p, const char *expected)
{
    program_run(p);
    without_repeated_alarms(p->out);
    if (strcmp(p->out, expected) == 0)
        return;
    p->tick_ms *= 10;
    program_run(p);
    without_repeated_alarms(p->out);
}

/* Runs a program, and again under strace; its output must be `expected` both times, and in what strace saw of
 * `trace` there must be `fault` at least once: the proof that there was something to survive. */
static void survives(const char *name, const char *expected, const char *trace, const char *fault)
{
    char log[] = "/tmp/test_sigalrm.XXXXXX", seen[TESTKIT_TEXT] = "";
    const char *wrapper[] = {"strace", "-f", "-qq", "-o", log, "-e", trace, NULL};
    struct program p = {.name = name, .tick_ms = 50}, traced = {.name = name, .tick_ms = 50, .wrapper = wrapper};
    FILE *f;

    run_for(&p, expected);
    assert_string_equal(p.out, expected);
    assert_string_equal(p.err, "");
    assert_int_equal(exit_status(&p), 0);

    f = fdopen(mkstemp(log), "r");
    assert_non_null(f);
    run_for(&traced, expected);
    assert_string_equal(traced.out, expected);
    assert_int_equal(exit_status(&traced), 0);
    seen[fread(seen, 1, sizeof seen - 1, f)] = '\0';
    fclose(f);
    unlink(log);
    if (count_of(fault, seen) == 0)
        fail_msg("%s: no '%s' in what strace saw: %s", name, fault, seen);
}

static void sa_restart_mends_the_read(void **state)
{
    (void)state;
    survives("restarted_read",
             "alarm(14)\nsub process recv: fool\nalarm(14)\nsub process recv: END\nsub process: end of file\n",
             "trace=read", "ERESTARTSYS");
}

static void poll_is_called_again(void **state)
{
    (void)state;
    survives("poll_retried", "alarm(14)\nsub process recv: fool\nsub process: end of file\n", "trace=poll",
             "ERESTART_RESTARTBLOCK");
}

static void the_rest_of_a_short_write_is_written(void **state)
{
    (void)state;
    survives("whole_write", "alarm(14)\nall 100000 bytes written\nsub process recv: 100000 bytes\n", "trace=write",
             "100000) = 65536");
}

static void a_volatile_flag_is_seen(void **state)
{
    struct program p = {.name = "volatile_flag", .tick_ms = 20};

    (void)state;
    skip_if_signals_are_deferred();
    program_run(&p);
    without_repeated_alarms(p.out);
    assert_string_equal(p.out, "alarm(14)\nthe flag is set\n");
    assert_int_equal(exit_status(&p), 0);
}

static void sigaction_stays_installed(void **state)
{
    struct program p = {.name = "sigaction_stays", .tick_ms = 50};

    (void)state;
    skip_if_signals_are_deferred();
    program_run(&p);
    if (count_of("alarm(14)\n", p.out) < 2) { /* all three have merged: the machine stood still */
        p.tick_ms = 500;
        program_run(&p);
    }
    assert_true(count_of("alarm(14)\n", p.out) >= 2);
    assert_non_null(strstr(p.out, "three alarms, and still here\n"));
    assert_int_equal(exit_status(&p), 0);
}

static void write_in_a_handler_does_not_deadlock(void **state)
{
    struct program p = {.name = "write_in_handler"};

    (void)state;
    program_run(&p);
    assert_string_equal(p.out, "printing until the handler has printed 500 lines\ndone\n");
    assert_int_equal(exit_status(&p), 0);
}

static void a_handler_that_saves_errno_is_not_noticed(void **state)
{
    struct program p = {.name = "errno_saved"};

    (void)state;
    program_run(&p);
    assert_string_equal(p.out, "2000 alarms, errno right each time\n");
    assert_int_equal(exit_status(&p), 0);
}

static void three_pending_alarms_are_one(void **state)
{
    struct program p = {.name = "pending"};

    (void)state;
    program_run(&p);
    assert_string_equal(p.out, "blocked; pending: no\n"
                               "sent three times; pending: yes\n"
                               "alarm(14)\n"
                               "unblocked; pending: no\n");
    assert_int_equal(exit_status(&p), 0);
}

/* SIGALRM from outside as well, as fast as the child answers: each line is an answer. */
static void a_restarted_read_survives_a_storm(void **state)
{
    struct program p = {.name = "restarted_read", .tick_ms = 100};
    pid_t child;
    int storm = 0;

    (void)state;
    program_launch(&p);
    child = await_child(p.pid);
    await_line(&p, "alarm(14)\n"); /* its handler is there */
    for (; storm < 200 && state_of(child) != 'Z'; storm++) {
        await_asleep(child, SYS_read);
        kill(child, SIGALRM);
        if (strstr(p.out, "recv: END") != NULL)
            break;
        await_line(&p, "alarm(14)\n");
    }
    program_finish(&p);
    assert_true(storm > 0);
    without_repeated_alarms(p.out);
    assert_string_equal(p.out, "alarm(14)\nsub process recv: fool\nalarm(14)\nsub process recv: END\n"
                               "sub process: end of file\n");
    assert_int_equal(exit_status(&p), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sa_restart_mends_the_read),
        cmocka_unit_test(poll_is_called_again),
        cmocka_unit_test(the_rest_of_a_short_write_is_written),
        cmocka_unit_test(a_volatile_flag_is_seen),
        cmocka_unit_test(sigaction_stays_installed),
        cmocka_unit_test(write_in_a_handler_does_not_deadlock),
        cmocka_unit_test(a_handler_that_saves_errno_is_not_noticed),
        cmocka_unit_test(three_pending_alarms_are_one),
        cmocka_unit_test(a_restarted_read_survives_a_storm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
