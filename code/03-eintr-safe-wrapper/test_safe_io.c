/* What safe_io.h says, one sentence a test. The kernel is the real one, and so are the signals: what happens when a
 * system call fails at some other place is in test_fault_matrix.c. */
#define _GNU_SOURCE /* pipe2, F_GETPIPE_SZ */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"
#include "safe_io.h"

enum { MARK = 4242, LARGE = 300000, SIGNALS = 3 }; /* MARK: an errno that nobody sets */

// § Helpers
static void make_pipe(int fd[2], int flags)
{
    assert_int_equal(pipe2(fd, O_CLOEXEC | flags), 0);
}

static void close_pipe(int fd[2])
{
    close(fd[0]);
    close(fd[1]);
}

/* Writes until the pipe is full. Returns how many bytes that took. */
static size_t fill(int fd)
{
    static const char bytes[4096];
    int flags = fcntl(fd, F_GETFL);
    size_t total = 0;
    ssize_t n;

    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    while ((n = write(fd, bytes, sizeof bytes)) > 0)
        total += (size_t)n;
    fcntl(fd, F_SETFL, flags);
    return total;
}

static void fill_with_pattern(char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)(i * 7 + i / 256);
}

/* In a child: a condition that must hold. Children never assert, they exit. */
#define require(condition) ((condition) ? (void)0 : give_up(#condition, __LINE__))
static void give_up(const char *condition, int line)
{
    dprintf(STDERR_FILENO, "in a child, line %d: not so: %s, errno %d\n", line, condition, errno);
    _exit(1);
}

static void expect_exit(pid_t child, int status)
{
    int got = 0;

    assert_int_equal(waitpid(child, &got, 0), child);
    assert_true(WIFEXITED(got));
    assert_int_equal(WEXITSTATUS(got), status);
}

// § A child that sleeps in a system call, and is woken by signals
static int handled[2]; /* a pipe: the handler tells that it ran */
static volatile sig_atomic_t times_handled;

static void on_signal(int number)
{
    int saved = errno;

    (void)number;
    times_handled++;
    if (write(handled[1], "!", 1) != 1)
        _exit(3);
    errno = saved;
}

/* Starts a child with a handler for SIGUSR1, without SA_RESTART, that calls `body`. */
static pid_t start_child(void (*body)(int fd[2]), int fd[2])
{
    pid_t pid;

    make_pipe(handled, 0);
    pid = fork_in_test();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* if the test fails, and leaves it behind */
    alarm(60);
    times_handled = 0;
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_signal}, NULL);
    errno = MARK;
    body(fd);
    _exit(times_handled == SIGNALS ? 0 : 2);
}

/* Interrupts the child's system call again and again: each time it must go back to sleep there. */
static void interrupt(pid_t child, long call)
{
    char mark;

    for (int i = 0; i < SIGNALS; i++) {
        await_asleep(child, call);
        assert_int_equal(kill(child, SIGUSR1), 0);
        assert_int_equal(read(handled[0], &mark, 1), 1);
    }
    await_asleep(child, call);
    close_pipe(handled);
}

// § safe_read
static void safe_read_returns_what_is_there(void **state)
{
    int fd[2];
    char bytes[] = "##########";

    (void)state;
    make_pipe(fd, 0);
    assert_int_equal(write(fd[1], "hello", 5), 5);
    errno = MARK;
    assert_int_equal(safe_read(fd[0], bytes, 10), 5);
    assert_int_equal(errno, MARK);
    assert_memory_equal(bytes, "hello#####", 10);
    close_pipe(fd);
}

static void safe_read_takes_no_more_than_it_is_asked_for(void **state)
{
    int fd[2];
    char bytes[10];

    (void)state;
    make_pipe(fd, 0);
    assert_int_equal(write(fd[1], "hello", 5), 5);
    assert_int_equal(safe_read(fd[0], bytes, 0), 0);
    assert_int_equal(safe_read(fd[0], bytes, 2), 2);
    assert_int_equal(safe_read(fd[0], bytes, 10), 3);
    assert_memory_equal(bytes, "llo", 3);
    close_pipe(fd);
}

static void safe_read_says_0_at_the_end_and_leaves_errno_alone(void **state)
{
    int fd[2];
    char byte;

    (void)state;
    make_pipe(fd, 0);
    close(fd[1]);
    errno = MARK;
    assert_int_equal(safe_read(fd[0], &byte, 1), 0);
    assert_int_equal(safe_read(fd[0], &byte, 1), 0);
    assert_int_equal(errno, MARK);
    close(fd[0]);
}

static void safe_read_does_not_wait_on_a_non_blocking_descriptor(void **state)
{
    int fd[2];
    char byte;

    (void)state;
    make_pipe(fd, O_NONBLOCK);
    assert_int_equal(safe_read(fd[0], &byte, 1), -1);
    assert_int_equal(errno, EAGAIN);
    close_pipe(fd);
}

static void errors_of_read_and_write_are_handed_on(void **state)
{
    int fd[2];
    char byte = 'x';

    (void)state;
    make_pipe(fd, 0);
    assert_int_equal(safe_read(fd[1], &byte, 1), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(safe_write(fd[0], &byte, 1), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(full_read(fd[1], &byte, 1), 0);
    assert_int_equal(errno, EBADF);
    assert_int_equal(full_write(fd[0], &byte, 1), 0);
    assert_int_equal(errno, EBADF);
    close_pipe(fd);
}

static void child_safe_read(int fd[2])
{
    char bytes[10];

    require(safe_read(fd[0], bytes, sizeof bytes) == 4);
    require(errno == MARK && memcmp(bytes, "fool", 4) == 0);
}

static void safe_read_sleeps_on_when_a_signal_comes(void **state)
{
    int fd[2];
    pid_t child;

    (void)state;
    make_pipe(fd, 0);
    child = start_child(child_safe_read, fd);
    interrupt(child, SYS_read);
    assert_int_equal(write(fd[1], "fool", 4), 4);
    expect_exit(child, 0);
    close_pipe(fd);
}

// § full_read
static void child_full_read(int fd[2])
{
    char bytes[10];

    require(full_read(fd[0], bytes, sizeof bytes) == 10);
    require(errno == MARK && memcmp(bytes, "0123456789", 10) == 0);
}

static void full_read_goes_on_after_short_counts_and_signals(void **state)
{
    int fd[2];
    pid_t child;

    (void)state;
    make_pipe(fd, 0);
    child = start_child(child_full_read, fd);
    assert_int_equal(write(fd[1], "0", 1), 1);
    interrupt(child, SYS_read);
    assert_int_equal(write(fd[1], "1234", 4), 4);
    await_asleep(child, SYS_read);
    assert_int_equal(write(fd[1], "56789", 5), 5);
    expect_exit(child, 0);
    close_pipe(fd);
}

static void full_read_stops_at_the_end_with_a_true_count_and_errno_0(void **state)
{
    int fd[2];
    char bytes[] = "##########";

    (void)state;
    make_pipe(fd, 0);
    assert_int_equal(write(fd[1], "abc", 3), 3);
    close(fd[1]);
    errno = MARK;
    assert_int_equal(full_read(fd[0], bytes, 10), 3);
    assert_int_equal(errno, 0);
    assert_memory_equal(bytes, "abc#######", 10);
    errno = MARK;
    assert_int_equal(full_read(fd[0], bytes, 10), 0);
    assert_int_equal(errno, 0);
    close(fd[0]);
}

static void full_read_takes_not_a_byte_more(void **state)
{
    int fd[2];
    char bytes[] = "######";

    (void)state;
    make_pipe(fd, 0);
    assert_int_equal(write(fd[1], "abcdef", 6), 6);
    errno = MARK;
    assert_int_equal(full_read(fd[0], bytes, 0), 0);
    assert_int_equal(full_read(fd[0], bytes, 4), 4);
    assert_int_equal(errno, MARK);
    assert_memory_equal(bytes, "abcd##", 6);
    assert_int_equal(read(fd[0], bytes, 6), 2);
    close_pipe(fd);
}

static void full_read_on_a_non_blocking_descriptor_stops_with_a_true_count(void **state)
{
    int fd[2];
    char bytes[] = "##########";

    (void)state;
    make_pipe(fd, O_NONBLOCK);
    assert_int_equal(full_read(fd[0], bytes, 10), 0);
    assert_int_equal(errno, EAGAIN);
    errno = MARK;
    assert_int_equal(write(fd[1], "abc", 3), 3);
    assert_int_equal(full_read(fd[0], bytes, 10), 3);
    assert_int_equal(errno, EAGAIN);
    assert_memory_equal(bytes, "abc#######", 10);
    close_pipe(fd);
}

// § safe_write
static void safe_write_may_be_short(void **state)
{
    static char bytes[LARGE];
    int fd[2];
    size_t capacity;

    (void)state;
    make_pipe(fd, O_NONBLOCK);
    capacity = fill(fd[1]);
    assert_int_equal(read(fd[0], bytes, 4096), 4096);
    errno = MARK;
    assert_int_equal(safe_write(fd[1], bytes, LARGE), 4096);
    assert_int_equal(errno, MARK);
    assert_int_equal(safe_write(fd[1], bytes, 1), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(full_read(fd[0], bytes, LARGE), capacity);
    close_pipe(fd);
}

static void safe_write_of_nothing_is_0(void **state)
{
    int fd[2];

    (void)state;
    make_pipe(fd, O_NONBLOCK);
    errno = MARK;
    assert_int_equal(safe_write(fd[1], "", 0), 0);
    assert_int_equal(full_write(fd[1], "", 0), 0);
    assert_int_equal(errno, MARK);
    close_pipe(fd);
}

static void child_safe_write(int fd[2])
{
    require(safe_write(fd[1], "fool", 4) == 4);
    require(errno == MARK);
}

static void safe_write_sleeps_on_when_a_signal_comes(void **state)
{
    static char bytes[LARGE];
    int fd[2];
    size_t capacity;
    pid_t child;

    (void)state;
    make_pipe(fd, 0);
    capacity = fill(fd[1]);
    child = start_child(child_safe_write, fd);
    interrupt(child, SYS_write);
    assert_int_equal(full_read(fd[0], bytes, capacity + 4), capacity + 4);
    assert_memory_equal(bytes + capacity, "fool", 4);
    expect_exit(child, 0);
    close_pipe(fd);
}

// § full_write
static void child_full_write(int fd[2])
{
    static char bytes[LARGE];

    fill_with_pattern(bytes, LARGE);
    require(full_write(fd[1], bytes, LARGE) == LARGE);
    require(errno == MARK);
}

static void full_write_goes_on_after_short_counts_and_signals(void **state)
{
    static char bytes[LARGE], expected[LARGE];
    int fd[2];
    pid_t child;

    (void)state;
    make_pipe(fd, 0);
    fill_with_pattern(expected, LARGE);
    child = start_child(child_full_write, fd);
    close(fd[1]);
    interrupt(child, SYS_write); /* the first of them makes a short count, the others EINTR */
    assert_int_equal(full_read(fd[0], bytes, LARGE), LARGE);
    assert_memory_equal(bytes, expected, LARGE);
    assert_int_equal(full_read(fd[0], bytes, 1), 0);
    expect_exit(child, 0);
    close(fd[0]);
}

static void full_write_on_a_non_blocking_descriptor_stops_with_a_true_count(void **state)
{
    static char bytes[LARGE];
    int fd[2];
    size_t put;

    (void)state;
    make_pipe(fd, O_NONBLOCK);
    put = full_write(fd[1], bytes, LARGE);
    assert_int_equal(errno, EAGAIN);
    assert_true(put > 0 && put < LARGE);
    assert_int_equal(full_read(fd[0], bytes, LARGE), put);
    close_pipe(fd);
}

static void a_full_disk_is_ENOSPC(void **state)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    (void)state;
    assert_int_equal(safe_write(fd, "x", 1), -1);
    assert_int_equal(errno, ENOSPC);
    errno = 0;
    assert_int_equal(full_write(fd, "x", 1), 0);
    assert_int_equal(errno, ENOSPC);
    close(fd);
}

// § SIGPIPE
static void expect_sigpipe(bool full)
{
    int fd[2], status;
    pid_t child;

    make_pipe(fd, 0);
    close(fd[0]);
    child = fork_in_test();
    if (child == 0) {
        if (full)
            full_write(fd[1], "x", 1);
        else
            safe_write(fd[1], "x", 1);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGPIPE);
    close(fd[1]);
}

static void writing_does_not_protect_from_SIGPIPE(void **state)
{
    (void)state;
    expect_sigpipe(false);
    expect_sigpipe(true);
}

static void child_without_reader(int fd[2])
{
    static char bytes[LARGE];
    size_t put, capacity = (size_t)fcntl(fd[1], F_GETPIPE_SZ);

    close(fd[0]);
    errno = MARK;
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    put = full_write(fd[1], bytes, LARGE);
    require(put == capacity && errno == EPIPE);
    require(safe_write(fd[1], bytes, 1) == -1 && errno == EPIPE);
    times_handled = SIGNALS;
}

static void full_write_tells_how_much_it_wrote_before_the_reader_left(void **state)
{
    int fd[2];
    pid_t child;

    (void)state;
    make_pipe(fd, 0);
    child = start_child(child_without_reader, fd);
    await_asleep(child, SYS_write);
    close_pipe(fd);
    close_pipe(handled);
    expect_exit(child, 0);
}

// § safe_close
static void safe_close_closes(void **state)
{
    int fd[2];

    (void)state;
    make_pipe(fd, 0);
    errno = MARK;
    assert_int_equal(safe_close(fd[0]), 0);
    assert_int_equal(errno, MARK);
    assert_int_equal(fcntl(fd[0], F_GETFD), -1);
    assert_int_not_equal(fcntl(fd[1], F_GETFD), -1);
    close(fd[1]);
}

static void safe_close_of_a_closed_descriptor_is_EBADF(void **state)
{
    int fd[2];

    (void)state;
    make_pipe(fd, 0);
    close_pipe(fd);
    assert_int_equal(safe_close(fd[0]), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(safe_close(-1), -1);
    assert_int_equal(errno, EBADF);
}

// § safe_waitpid
static void safe_waitpid_tells_how_a_child_has_ended(void **state)
{
    int status = 0;
    pid_t child = fork_in_test();

    (void)state;
    if (child == 0)
        _exit(7);
    errno = MARK;
    assert_int_equal(safe_waitpid(child, &status, 0), child);
    assert_int_equal(errno, MARK);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_int_equal(safe_waitpid(child, NULL, 0), -1);
    assert_int_equal(errno, ECHILD);
}

static void safe_waitpid_with_WNOHANG_does_not_wait(void **state)
{
    int fd[2], status;
    char byte;
    pid_t child;

    (void)state;
    make_pipe(fd, 0);
    child = fork_in_test();
    if (child == 0) {
        close(fd[1]);
        _exit(read(fd[0], &byte, 1) == 0 ? 5 : 1);
    }
    errno = MARK;
    assert_int_equal(safe_waitpid(child, &status, WNOHANG), 0);
    assert_int_equal(errno, MARK);
    close_pipe(fd);
    expect_exit(child, 5);
}

/* Waits for a child of its own, which ends when the pipe does. */
static void child_safe_waitpid(int fd[2])
{
    int status = 0;
    char byte;
    pid_t grandchild = fork();

    require(grandchild != -1);
    if (grandchild == 0) {
        close(fd[1]);
        _exit(read(fd[0], &byte, 1) == 0 ? 9 : 1);
    }
    close_pipe(fd);
    require(safe_waitpid(grandchild, &status, 0) == grandchild);
    require(errno == MARK && WIFEXITED(status) && WEXITSTATUS(status) == 9);
}

static void safe_waitpid_sleeps_on_when_a_signal_comes(void **state)
{
    int fd[2];
    pid_t child;

    (void)state;
    make_pipe(fd, 0);
    child = start_child(child_safe_waitpid, fd);
    interrupt(child, SYS_wait4);
    close_pipe(fd);
    expect_exit(child, 0);
}

// § What a retry does not know
enum { ALARMS = 40, ALARM_US = 25000, LIMIT_US = 500000 };
static volatile sig_atomic_t alarms;

static void end_after_many(int number)
{
    struct itimerval none = {0};

    (void)number;
    if (++alarms == ALARMS)
        setitimer(ITIMER_REAL, &none, NULL);
}

/* All alarms come before the limit is over, for it begins again with each; and then it ends the call. */
static void a_retry_begins_the_time_limit_of_a_socket_anew(void **state)
{
    struct sigaction action = {.sa_handler = end_after_many, .sa_flags = SA_RESTART}, old;
    struct itimerval every = {{0, ALARM_US}, {0, ALARM_US}};
    struct timeval limit = {.tv_usec = LIMIT_US};
    char byte;
    int fd[2];

    (void)state;
    skip_if_signals_are_deferred();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    assert_int_equal(setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    sigaction(SIGALRM, &action, &old);
    setitimer(ITIMER_REAL, &every, NULL);
    assert_int_equal(safe_read(fd[0], &byte, 1), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(alarms, ALARMS);
    sigaction(SIGALRM, &old, NULL);
    close_pipe(fd);
}

/* glibc 2.36, 2.41 and 2.43; musl leaves it. */
static void getpwnam_of_glibc_sets_errno_to_0(void **state)
{
    (void)state;
    errno = MARK;
    assert_non_null(getpwnam("root"));
    assert_int_equal(errno, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(safe_read_returns_what_is_there),
        cmocka_unit_test(safe_read_takes_no_more_than_it_is_asked_for),
        cmocka_unit_test(safe_read_says_0_at_the_end_and_leaves_errno_alone),
        cmocka_unit_test(safe_read_does_not_wait_on_a_non_blocking_descriptor),
        cmocka_unit_test(errors_of_read_and_write_are_handed_on),
        cmocka_unit_test(safe_read_sleeps_on_when_a_signal_comes),
        cmocka_unit_test(full_read_goes_on_after_short_counts_and_signals),
        cmocka_unit_test(full_read_stops_at_the_end_with_a_true_count_and_errno_0),
        cmocka_unit_test(full_read_takes_not_a_byte_more),
        cmocka_unit_test(full_read_on_a_non_blocking_descriptor_stops_with_a_true_count),
        cmocka_unit_test(safe_write_may_be_short),
        cmocka_unit_test(safe_write_of_nothing_is_0),
        cmocka_unit_test(safe_write_sleeps_on_when_a_signal_comes),
        cmocka_unit_test(full_write_goes_on_after_short_counts_and_signals),
        cmocka_unit_test(full_write_on_a_non_blocking_descriptor_stops_with_a_true_count),
        cmocka_unit_test(a_full_disk_is_ENOSPC),
        cmocka_unit_test(writing_does_not_protect_from_SIGPIPE),
        cmocka_unit_test(full_write_tells_how_much_it_wrote_before_the_reader_left),
        cmocka_unit_test(safe_close_closes),
        cmocka_unit_test(safe_close_of_a_closed_descriptor_is_EBADF),
        cmocka_unit_test(safe_waitpid_tells_how_a_child_has_ended),
        cmocka_unit_test(safe_waitpid_with_WNOHANG_does_not_wait),
        cmocka_unit_test(safe_waitpid_sleeps_on_when_a_signal_comes),
        cmocka_unit_test(a_retry_begins_the_time_limit_of_a_socket_anew),
        cmocka_unit_test(getpwnam_of_glibc_sets_errno_to_0),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
