/* blocking_pipe and the other right programs of chapter 1, seen from outside. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"

static long long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void fool_comes_at_tick_5_and_END_at_tick_10(void **state)
{
    struct program p = {.name = "blocking_pipe", .tick_ms = 20};
    long long start = now_ms();

    (void)state;
    program_launch(&p);
    await_line(&p, "sub process recv: fool\n");
    assert_true(now_ms() - start >= 5 * 20);
    await_line(&p, "sub process recv: END\n");
    assert_true(now_ms() - start >= 10 * 20);
    program_finish(&p);
    assert_string_equal(p.out, "sub process recv: fool\nsub process recv: END\n");
    assert_string_equal(p.err, "");
    assert_int_equal(exit_status(&p), 0);
}

static void both_processes_sleep_while_they_wait(void **state)
{
    struct program p = {.name = "blocking_pipe", .tick_ms = 60000};
    pid_t child;

    (void)state;
    program_launch(&p);
    child = await_child(p.pid);
    await_asleep(child, SYS_read);
    await_asleep(p.pid, SYS_clock_nanosleep);
    kill(p.pid, SIGKILL);
    program_finish(&p);
}

static void the_child_leaves_when_the_parent_is_killed(void **state)
{
    struct program p = {.name = "blocking_pipe", .tick_ms = 60000};

    (void)state;
    program_launch(&p);
    await_asleep(await_child(p.pid), SYS_read);
    kill(p.pid, SIGKILL);
    program_finish(&p);
    assert_string_equal(p.err, "blocking_pipe: end of file before END: the parent is gone\n");
}

static void the_parent_learns_of_a_killed_child_when_it_sends(void **state)
{
    struct program p = {.name = "blocking_pipe", .tick_ms = 20};
    long long start = now_ms();

    (void)state;
    program_launch(&p);
    kill(await_child(p.pid), SIGKILL);
    program_finish(&p);
    assert_true(now_ms() - start >= 5 * 20);
    assert_string_equal(p.err, "blocking_pipe: cannot send: Broken pipe; the child was killed by signal 9 (Killed)\n");
    assert_int_equal(exit_status(&p), 1);
}

static void control_c_ends_both(void **state)
{
    struct program p = {.name = "blocking_pipe", .tick_ms = 60000, .terminal = true};

    (void)state;
    program_launch(&p);
    await_asleep(await_child(p.pid), SYS_read);
    assert_int_equal(write(p.out_fd, "\x03", 1), 1);
    program_finish(&p);
    assert_int_equal(exit_status(&p), 1000 + SIGINT);
    assert_string_equal(p.out, "^C");
}

/* The whole output of a program that ends well. Should the machine have stood still for some of the short ticks, it
 * gets longer ones. */
static void prints(const char *name, const char *expected)
{
    struct program p = {.name = name, .tick_ms = 20};

    program_run(&p);
    if (strcmp(p.out, expected) != 0) {
        p.tick_ms = 500;
        program_run(&p);
    }
    assert_string_equal(p.out, expected);
    assert_string_equal(p.err, "");
    assert_int_equal(exit_status(&p), 0);
}

static void closed_end_sees_end_of_file(void **state)
{
    (void)state;
    prints("closed_end", "sub process recv: fool\nsub process: end of file\n");
}

static void two_messages_are_two(void **state)
{
    (void)state;
    prints("two_messages", "recv: fool\nrecv: END\n");
}

static void a_blocked_read_uses_no_cpu_time(void **state)
{
    (void)state;
    prints("asleep", "blocking read:    state S, CPU time used: none\n"
                     "asking in a loop: state R, CPU time used: some\n");
}

static void capacity_counts_pages(void **state)
{
    (void)state;
    prints("capacity", "PIPE_BUF 4096, F_GETPIPE_SZ 65536\n"
                       "in writes of 1: 65536 bytes\n"
                       "in writes of 16: 65536 bytes\n"
                       "in writes of 3000: 48000 bytes\n"
                       "in writes of 4096: 65536 bytes\n");
}

static void no_reader_shows_both_dispositions(void **state)
{
    (void)state;
    prints("no_reader", "SIGPIPE at its default: the writer was killed by signal 13 (Broken pipe)\n"
                        "write: Broken pipe\n"
                        "SIGPIPE ignored: the writer exited with status 0\n");
}

static void a_flag_set_by_a_child_is_its_parents_too(void **state)
{
    (void)state;
    prints("shared_flag", "the parent's read end: non-blocking\n"
                          "read: Resource temporarily unavailable\n"
                          "the same pipe, opened anew: blocking\n");
}

static void without_waiting_a_write_of_more_than_pipe_buf_is_cut(void **state)
{
    (void)state;
    prints("without_waiting", "room for           0     4096     8192\n"
                              "write     16  EAGAIN       16       16\n"
                              "write   4096  EAGAIN     4096     4096\n"
                              "write   4097  EAGAIN     4096     4097\n"
                              "write 100000  EAGAIN     4096     8192\n");
}

/* ls counts its own descriptors: an end of the pipe that is left open would be one more than in a shell. */
static void the_pipeline_prints_what_that_of_a_shell_prints(void **state)
{
    static const char *const script[] = {"-c", "ls /proc/self/fd | wc -l", NULL};
    struct program shell = {.name = "/bin/sh", .args = script};

    (void)state;
    program_run(&shell);
    assert_int_equal(exit_status(&shell), 0);
    prints("pipeline", shell.out);
}

/* With the SIGPIPE of its parent, which ignores it, ls would live on and complain. */
static void the_pipeline_gives_its_programs_the_default_sigpipe(void **state)
{
    static const char *const strace[] = {"strace", "-f", "-qq", "-e", "trace=rt_sigaction,execve",
                                         "-e", "signal=none", NULL};
    struct program p = {.name = "pipeline", .wrapper = strace};

    (void)state;
    program_run(&p);
    assert_int_equal(count_of("rt_sigaction(SIGPIPE, {sa_handler=SIG_DFL", p.err), 2);
}

/* On a slow machine both messages are in the pipe before the child reads: they must still be two. */
static void messages_stay_apart_when_the_child_is_late(void **state)
{
    struct program p = {.name = "blocking_pipe", .tick_ms = 20};
    pid_t child;

    (void)state;
    program_launch(&p);
    child = await_child(p.pid);
    kill(child, SIGSTOP);
    await_asleep(p.pid, SYS_wait4); /* both are sent */
    kill(child, SIGCONT);
    program_finish(&p);
    assert_string_equal(p.out, "sub process recv: fool\nsub process recv: END\n");
    assert_int_equal(exit_status(&p), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fool_comes_at_tick_5_and_END_at_tick_10),
        cmocka_unit_test(both_processes_sleep_while_they_wait),
        cmocka_unit_test(the_child_leaves_when_the_parent_is_killed),
        cmocka_unit_test(the_parent_learns_of_a_killed_child_when_it_sends),
        cmocka_unit_test(control_c_ends_both),
        cmocka_unit_test(closed_end_sees_end_of_file),
        cmocka_unit_test(two_messages_are_two),
        cmocka_unit_test(a_blocked_read_uses_no_cpu_time),
        cmocka_unit_test(capacity_counts_pages),
        cmocka_unit_test(no_reader_shows_both_dispositions),
        cmocka_unit_test(a_flag_set_by_a_child_is_its_parents_too),
        cmocka_unit_test(without_waiting_a_write_of_more_than_pipe_buf_is_cut),
        cmocka_unit_test(the_pipeline_prints_what_that_of_a_shell_prints),
        cmocka_unit_test(the_pipeline_gives_its_programs_the_default_sigpipe),
        cmocka_unit_test(messages_stay_apart_when_the_child_is_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
