/* The functions of tick.h, called in children, since most of them end the process. */
#define _GNU_SOURCE /* pipe2 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"
#include "tick.h"

static char *name_only[] = {"test_tick", NULL};

/* Runs `body` in a child whose stderr is returned. Returns the status of waitpid(2). */
static int in_child(void (*body)(void), char *err, size_t size)
{
    int fd[2], status;
    pid_t pid;
    size_t got = 0;
    ssize_t n;

    fflush(NULL);
    assert_int_equal(pipe(fd), 0);
    pid = fork_in_test();
    if (pid == 0) {
        dup2(fd[1], STDERR_FILENO);
        dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
        body();
        _exit(0);
    }
    close(fd[1]);
    while ((n = read(fd[0], err + got, size - 1 - got)) > 0)
        got += (size_t)n;
    err[got] = '\0';
    close(fd[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static long long now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void start_with(const char *ms)
{
    if (ms == NULL)
        unsetenv("TICK_MS");
    else
        setenv("TICK_MS", ms, 1);
    program_start(1, name_only, "a test");
}

static void default_tick(void)
{
    start_with(NULL);
    _exit(tick_ms() == 1000 ? 0 : 9);
}

static void a_tick_is_a_second_by_default(void **state)
{
    char err[256];

    (void)state;
    assert_int_equal(in_child(default_tick, err, sizeof err), 0);
}

static void sleeps_in_turn(void)
{
    long long start = now_ns();

    start_with("7");
    sleep_until_tick(2.5);
    if (now_ns() - start < 17500000)
        _exit(8);
    sleep_until_tick(1); /* past: at once, which an upper bound would have to show; it must at least return */
    _exit(0);
}

static void sleep_until_tick_never_wakes_early(void **state)
{
    char err[256];

    (void)state;
    assert_int_equal(in_child(sleeps_in_turn, err, sizeof err), 0);
}

/* The three that a shell or nohup may have wished. */
static bool is_a_wish(int sig)
{
    return sig == SIGINT || sig == SIGQUIT || sig == SIGHUP;
}

static bool is_ignored(int sig)
{
    struct sigaction now;

    return sigaction(sig, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

static void set_all(void (*disposition)(int))
{
    for (int sig = 1; sig <= SIGRTMAX; sig++) /* those that cannot be set are EINVAL */
        sigaction(sig, &(struct sigaction){.sa_handler = disposition}, NULL);
}

static void start_ignoring_all(void)
{
    set_all(SIG_IGN);
    start_with("1");
    for (int sig = 1; sig <= SIGRTMAX; sig++)
        if (is_ignored(sig) != (is_a_wish(sig) || sig == SIGPIPE))
            _exit(sig);
}

static void start_ignoring_none(void)
{
    set_all(SIG_DFL);
    start_with("1");
    for (int sig = 1; sig <= SIGRTMAX; sig++)
        if (is_ignored(sig) != (sig == SIGPIPE))
            _exit(sig);
}

static void what_is_ignored_at_the_start_is_so_no_more_but_for_wishes(void **state)
{
    char err[256];

    (void)state;
    assert_int_equal(in_child(start_ignoring_all, err, sizeof err), 0);
    assert_int_equal(in_child(start_ignoring_none, err, sizeof err), 0);
}

static void start_blocking_all(void)
{
    sigset_t mask;

    sigfillset(&mask);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    start_with("1");
    sigprocmask(SIG_SETMASK, NULL, &mask);
    for (int sig = 1; sig <= SIGRTMAX; sig++)
        if (sigismember(&mask, sig) == 1)
            _exit(sig);
}

static void what_is_blocked_at_the_start_is_unblocked(void **state)
{
    char err[256];

    (void)state;
    assert_int_equal(in_child(start_blocking_all, err, sizeof err), 0);
}

static void start_with_one_pending(int sig)
{
    sigset_t mask;

    set_all(SIG_DFL);
    sigfillset(&mask);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    raise(sig);
    start_with("1");
}

static void start_with_term_pending(void) { start_with_one_pending(SIGTERM); }
static void start_with_pipe_pending(void) { start_with_one_pending(SIGPIPE); }

static void a_pending_signal_is_delivered_at_the_start(void **state)
{
    char err[256];

    (void)state;
    assert_int_equal(in_child(start_with_term_pending, err, sizeof err), SIGTERM); /* killed by it */
    assert_int_equal(in_child(start_with_pipe_pending, err, sizeof err), 0);       /* ignored by then */
}

static void on_signal(int sig)
{
    (void)sig;
}

static void start_with_a_handler(void)
{
    struct sigaction now;

    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_signal}, NULL);
    start_with("1");
    _exit(sigaction(SIGUSR1, NULL, &now) == 0 && now.sa_handler == on_signal ? 0 : 9);
}

static void a_handler_stays(void **state)
{
    char err[256];

    (void)state;
    assert_int_equal(in_child(start_with_a_handler, err, sizeof err), 0);
}

static void start_without_descriptors(void)
{
    int fd;

    close(0);
    close(1);
    close(2);
    start_with("1");
    fd = open("/dev/null", O_RDONLY);
    _exit(fd > 2 && write(1, "", 1) == 1 && read(0, &fd, 1) == 0 ? 0 : 9);
}

static void descriptors_0_to_2_are_open_after_the_start(void **state)
{
    char err[256];

    (void)state;
    assert_int_equal(in_child(start_without_descriptors, err, sizeof err), 0);
}

static void say_to_full_device(void)
{
    start_with("1");
    dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
    say("a line");
}

static void say_in_grandchild(void)
{
    int status;
    pid_t pid;

    start_with("1");
    dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
    pid = fork_in_test();
    if (pid == 0) {
        say("a line");
        _exit(0);
    }
    waitpid(pid, &status, 0);
    _exit(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_STDOUT_LOST ? 0 : 9);
}

static void say_ends_the_process_when_stdout_is_full(void **state)
{
    char err[256];
    int status = in_child(say_to_full_device, err, sizeof err);

    (void)state;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    assert_string_equal(err, "test_tick: stdout: No space left on device\n");
}

static void say_tells_a_parent_that_the_line_was_said(void **state)
{
    char err[256];

    (void)state;
    assert_int_equal(in_child(say_in_grandchild, err, sizeof err), 0);
    assert_string_equal(err, "test_tick: stdout: No space left on device\n");
}

static void lose_stdout(int error)
{
    start_with("1");
    errno = error;
    stdout_lost_from_handler();
}

static void lose_to_pipe(void) { lose_stdout(EPIPE); }
static void lose_to_disk(void) { lose_stdout(ENOSPC); }
static void lose_to_else(void) { lose_stdout(EIO); }

static void a_handler_says_the_same_as_say(void **state)
{
    char err[256];

    (void)state;
    assert_int_equal(WEXITSTATUS(in_child(lose_to_disk, err, sizeof err)), 1);
    assert_string_equal(err, "test_tick: stdout: No space left on device\n");
    assert_int_equal(WEXITSTATUS(in_child(lose_to_pipe, err, sizeof err)), 1);
    assert_string_equal(err, "test_tick: stdout: Broken pipe\n");
    assert_int_equal(WEXITSTATUS(in_child(lose_to_else, err, sizeof err)), 1);
    assert_string_equal(err, "test_tick: stdout: write failed\n");
}

static pthread_barrier_t together;

static void *say_in_thread(void *arg)
{
    pthread_barrier_wait(&together);
    say("fool");
    return arg;
}

static void say_in_eight_threads(void)
{
    pthread_t thread[8];

    dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
    pthread_barrier_init(&together, NULL, 8);
    for (int i = 0; i < 8; i++)
        pthread_create(&thread[i], NULL, say_in_thread, NULL);
    pause();
}

/* Not each try has two threads fail at the same moment; without care, one of a hundred surely has. */
static void of_threads_that_lose_stdout_at_once_one_says_so(void **state)
{
    char err[1024];

    (void)state;
    for (int i = 0; i < 100; i++) {
        in_child(say_in_eight_threads, err, sizeof err);
        assert_string_equal(err, "test_tick: stdout: No space left on device\n");
    }
}

/* O_NONBLOCK belongs to the pipe's end, whoever has set it; and the pipe is full. */
static void say_waits_for_room_in_a_non_blocking_pipe(void **state)
{
    static char bytes[65536];
    int fd[2], status;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe2(fd, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(write(fd[1], bytes, sizeof bytes), sizeof bytes);
    pid = fork_in_test();
    if (pid == 0) {
        start_with("1");
        dup2(fd[1], STDOUT_FILENO);
        say("a line");
        _exit(0);
    }
    await_asleep(pid, SYS_poll);
    assert_int_equal(read(fd[0], bytes, sizeof bytes), sizeof bytes);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(read(fd[0], bytes, sizeof bytes), 7);
    assert_memory_equal(bytes, "a line\n", 7);
    close(fd[0]);
    close(fd[1]);
}

static void start_with_bad_argument(void)
{
    static char *odd[] = {"test_tick", "a\033[2J\n\\\303\244'", NULL};

    program_start(2, odd, "a test");
}

static void start_with_bad_tick(void) { start_with("1\n2"); }

static void start_with_long_tick(void)
{
    char digits[400];

    memset(digits, '\t', sizeof digits - 1);
    digits[sizeof digits - 1] = '\0';
    start_with(digits);
}

static void what_a_terminal_would_not_print_is_named_all_the_same(void **state)
{
    char err[1024];

    (void)state;
    assert_int_equal(WEXITSTATUS(in_child(start_with_bad_argument, err, sizeof err)), 2);
    assert_string_equal(err, "test_tick: unexpected argument 'a\\033[2J\\012\\134\\303\\244'': this program takes none "
                             "(-h for help)\n");
    assert_int_equal(WEXITSTATUS(in_child(start_with_bad_tick, err, sizeof err)), 2);
    assert_string_equal(err, "test_tick: TICK_MS is '1\\0122': expected a whole number from 1 to 60000\n");
    assert_int_equal(WEXITSTATUS(in_child(start_with_long_tick, err, sizeof err)), 2);
    assert_non_null(strstr(err, "\\011...': expected"));
    assert_int_equal(count_lines(err), 1);
}

static int gate[2];

static void dies_with_its_parent(void)
{
    pid_t parent = getpid(), pid;
    char byte;

    pid = fork_in_test();
    if (pid == 0) {
        leave_with_parent(parent);
        if (write(gate[1], "R", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    if (read(gate[0], &byte, 1) != 1) /* READY: prctl is done */
        _exit(1);
    _exit(0);
}

static void leave_with_parent_leaves_nobody(void **state)
{
    char err[256], byte;

    (void)state;
    assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
    assert_int_equal(in_child(dies_with_its_parent, err, sizeof err), 0);
    close(gate[1]);
    assert_int_equal(read(gate[0], &byte, 1), 0); /* end of file: the grandchild has ended as well */
    close(gate[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tick_is_a_second_by_default),
        cmocka_unit_test(sleep_until_tick_never_wakes_early),
        cmocka_unit_test(what_is_ignored_at_the_start_is_so_no_more_but_for_wishes),
        cmocka_unit_test(what_is_blocked_at_the_start_is_unblocked),
        cmocka_unit_test(a_pending_signal_is_delivered_at_the_start),
        cmocka_unit_test(a_handler_stays),
        cmocka_unit_test(descriptors_0_to_2_are_open_after_the_start),
        cmocka_unit_test(say_ends_the_process_when_stdout_is_full),
        cmocka_unit_test(say_tells_a_parent_that_the_line_was_said),
        cmocka_unit_test(a_handler_says_the_same_as_say),
        cmocka_unit_test(of_threads_that_lose_stdout_at_once_one_says_so),
        cmocka_unit_test(say_waits_for_room_in_a_non_blocking_pipe),
        cmocka_unit_test(what_a_terminal_would_not_print_is_named_all_the_same),
        cmocka_unit_test(leave_with_parent_leaves_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
