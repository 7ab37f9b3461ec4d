/* Rare cases of conn.c: a pair that cannot be made, flags from birth, kernels with RWF_NOSIGNAL and without, and
 * SIGPIPE in odd company. */
#define _GNU_SOURCE /* mallinfo2, pwritev2 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"
#include "conn.h"

int __real_pipe2(int fd[2], int flags);
int __real_socketpair(int domain, int type, int protocol, int fd[2]);
int __real_fstat(int fd, struct stat *st);
ssize_t __real_writev(int fd, const struct iovec *piece, int pieces);
int __real_pthread_sigmask(int how, const sigset_t *set, sigset_t *old);
int __real_sigpending(sigset_t *set);
int __real_sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *limit);
int __wrap_pipe2(int fd[2], int flags);
int __wrap_socketpair(int domain, int type, int protocol, int fd[2]);
int __wrap_fstat(int fd, struct stat *st);
ssize_t __wrap_writev(int fd, const struct iovec *piece, int pieces);
ssize_t __wrap_pwritev2(int fd, const struct iovec *piece, int pieces, off_t offset, int flags);
int __wrap_pthread_sigmask(int how, const sigset_t *set, sigset_t *old);
int __wrap_sigpending(sigset_t *set);
int __wrap_sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *limit);

static int pipe_flags, socket_type; /* of the last call */
static int fstats_until_failure;    /* 0: none fails */
static void (*raise_sigpipe)(void); /* not NULL: the next writev writes one byte, and this happens meanwhile */
static int write_error;             /* not 0: the next writev fails with this, and raises no signal */
static int flag_error;              /* what pwritev2 says about RWF_NOSIGNAL; 0: it is a kernel that has it */
/* How often pwritev2, writev, and what has to do with SIGPIPE was called. */
static int flag_writes, writes, signal_calls;

int __wrap_pipe2(int fd[2], int flags)
{
    pipe_flags = flags;
    return __real_pipe2(fd, flags);
}

int __wrap_socketpair(int domain, int type, int protocol, int fd[2])
{
    socket_type = type;
    return __real_socketpair(domain, type, protocol, fd);
}

int __wrap_fstat(int fd, struct stat *st)
{
    if (fstats_until_failure > 0 && --fstats_until_failure == 0) {
        errno = EIO;
        return -1;
    }
    return __real_fstat(fd, st);
}

ssize_t __wrap_writev(int fd, const struct iovec *piece, int pieces)
{
    writes++;
    if (write_error != 0) {
        errno = write_error;
        write_error = 0;
        return -1;
    }
    if (raise_sigpipe == NULL)
        return __real_writev(fd, piece, pieces);
    raise_sigpipe();
    raise_sigpipe = NULL;
    return write(fd, piece[0].iov_base, 1);
}

ssize_t __wrap_pwritev2(int fd, const struct iovec *piece, int pieces, off_t offset, int flags)
{
    flag_writes++;
    assert_int_equal(offset, -1); /* or it would not be a write to a pipe */
    assert_int_equal(flags, 0x100);
    if (flag_error == 0)
        return __real_writev(fd, piece, pieces);
    errno = flag_error;
    return -1;
}

int __wrap_pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
    signal_calls++;
    return __real_pthread_sigmask(how, set, old);
}

int __wrap_sigpending(sigset_t *set)
{
    signal_calls++;
    return __real_sigpending(set);
}

int __wrap_sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *limit)
{
    signal_calls++;
    return __real_sigtimedwait(set, info, limit);
}

static int open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

static void a_pair_is_close_on_exec_from_birth(void **state)
{
    conn *a, *b;

    (void)state;
    assert_int_equal(conn_pair(&a, &b, false), 0);
    assert_int_equal(pipe_flags & O_CLOEXEC, O_CLOEXEC);
    conn_close(a);
    conn_close(b);
    assert_int_equal(conn_pair(&a, &b, true), 0);
    assert_int_equal(socket_type & SOCK_CLOEXEC, SOCK_CLOEXEC);
    conn_close(a);
    conn_close(b);
}

static void a_pair_that_cannot_be_made_leaves_nothing_behind(void **state)
{
    int before = open_descriptors();
    conn *a = NULL, *b = NULL;
    size_t used = 0;

    (void)state;
    for (int i = 0; i < 100; i++) { /* malloc keeps a few freed pieces at hand, which would hide a leak or two */
        fstats_until_failure = 1 + i % 2; /* that of the first end, or of the second */
        assert_int_equal(conn_pair(&a, &b, i % 4 >= 2), -1);
        assert_int_equal(errno, EBADF);
        assert_null(a);
        assert_null(b);
        assert_int_equal(open_descriptors(), before);
        if (i == 50)
            used = mallinfo2().uordblks;
    }
    assert_int_equal(mallinfo2().uordblks, used);
    assert_int_equal(fstats_until_failure, 0);
}

static void a_descriptor_closed_underneath_is_ebadf(void **state)
{
    conn *a, *b;

    (void)state;
    assert_int_equal(conn_pair(&a, &b, false), 0);
    close(conn_fileno(a));
    assert_int_equal(conn_poll(a, 0), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(conn_close(a), -1);
    conn_close(b);
}

static void a_socket_adopted_for_reading_does_not_send(void **state)
{
    int fd[2];
    char byte;
    conn *c;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    assert_int_equal(conn_adopt(&c, fd[0], true, false), 0);
    assert_int_equal(conn_send(c, "fool"), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(recv(fd[1], &byte, 1, MSG_DONTWAIT), -1); /* and no byte has moved */
    conn_close(c);
    close(fd[1]);
}

static bool sigpipe_is_pending(void)
{
    sigset_t set;

    sigpending(&set);
    return sigismember(&set, SIGPIPE) == 1;
}

static void raise_as_the_kernel_does(void)
{
    raise(SIGPIPE);
}

/* By another process, as with the command kill. */
static void raise_from_outside(void)
{
    pid_t us = getpid(), pid = fork_in_test();

    if (pid == 0)
        _exit(kill(us, SIGPIPE));
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static volatile sig_atomic_t sigpipes;
static void count_sigpipe(int number)
{
    (void)number;
    sigpipes++;
}

/* Sends with a short first write, and SIGPIPE meanwhile. Returns how often the handler ran. */
static int sigpipes_of_a_short_write(void (*raised)(void))
{
    struct sigaction sa = {.sa_handler = count_sigpipe}, old;
    char text[16];
    conn *a, *b;

    sigaction(SIGPIPE, &sa, &old);
    flag_error = EOPNOTSUPP;
    sigpipes = 0;
    assert_int_equal(conn_pair(&a, &b, false), 0);
    raise_sigpipe = raised;
    assert_int_equal(conn_send(b, "fool"), 0);
    assert_null(raise_sigpipe);
    assert_false(sigpipe_is_pending());
    assert_int_equal(conn_recv(a, text, sizeof text), 1);
    assert_string_equal(text, "fool");
    conn_close(a);
    conn_close(b);
    sigaction(SIGPIPE, &old, NULL);
    return sigpipes;
}

/* A FIFO whose reader leaves in the middle and comes back: the first write is short and raises SIGPIPE, the second
 * succeeds. */
static void sigpipe_of_a_short_write_is_taken_away(void **state)
{
    (void)state;
    assert_int_equal(sigpipes_of_a_short_write(raise_as_the_kernel_does), 0);
}

static void sigpipe_from_outside_is_not_taken_away(void **state)
{
    (void)state;
    assert_int_equal(sigpipes_of_a_short_write(raise_from_outside), 1);
}

/* Not from a pipe, but a device may say so. */
static void epipe_without_a_signal_is_told_as_it_is(void **state)
{
    conn *a, *b;

    (void)state;
    flag_error = EOPNOTSUPP;
    write_error = EPIPE;
    assert_int_equal(conn_pair(&a, &b, false), 0);
    assert_int_equal(conn_send(b, "fool"), -1);
    assert_int_equal(errno, EPIPE);
    assert_int_equal(conn_send(b, "fool"), 0);
    conn_close(a);
    conn_close(b);
}

static void *send_with_sigpipe_pending(void *arg)
{
    static bool pending;

    raise(SIGPIPE); /* for this thread; blocked, as in the thread that made it */
    conn_send(arg, "fool");
    pending = sigpipe_is_pending();
    return &pending;
}

static void a_sigpipe_pending_for_a_thread_stays_with_it(void **state)
{
    sigset_t sigpipe, old;
    pthread_t thread;
    void *pending;
    conn *a, *b;

    (void)state;
    sigemptyset(&sigpipe);
    sigaddset(&sigpipe, SIGPIPE);
    flag_error = EOPNOTSUPP;
    pthread_sigmask(SIG_BLOCK, &sigpipe, &old);
    assert_int_equal(conn_pair(&a, &b, false), 0);
    conn_close(a);
    assert_int_equal(pthread_create(&thread, NULL, send_with_sigpipe_pending, b), 0);
    assert_int_equal(pthread_join(thread, &pending), 0);
    assert_true(*(bool *)pending);
    assert_false(sigpipe_is_pending()); /* not for the process, nor for this thread */
    conn_close(b);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* Sends three messages on a kernel that says `error` to the flag, and counts. */
static void send_three(int error, bool duplex)
{
    conn *a, *b;

    flag_error = error;
    assert_int_equal(conn_pair(&a, &b, duplex), 0);
    flag_writes = writes = signal_calls = 0;
    for (int i = 0; i < 3; i++)
        assert_int_equal(conn_send(b, "fool"), 0);
    conn_close(a);
    conn_close(b);
}

static void with_the_flag_a_message_is_one_call(void **state)
{
    (void)state;
    send_three(0, false);
    assert_int_equal(flag_writes, 3);
    assert_int_equal(writes + signal_calls, 0);
}

static void without_the_flag_it_is_asked_for_once_and_the_guard_is_two_calls(void **state)
{
    static const int answers[] = {EOPNOTSUPP, EINVAL, ENOSYS};

    (void)state;
    for (int i = 0; i < 3; i++) {
        send_three(answers[i], false);
        assert_int_equal(flag_writes, 1);
        assert_int_equal(writes, 3);
        assert_int_equal(signal_calls, 6);
    }
}

static void a_socket_needs_neither_guard_nor_that_flag(void **state)
{
    (void)state;
    send_three(0, true);
    assert_int_equal(flag_writes + writes + signal_calls, 0);
}

static void another_error_is_no_answer_about_the_flag(void **state)
{
    conn *a, *b;

    (void)state;
    flag_error = EIO;
    assert_int_equal(conn_pair(&a, &b, false), 0);
    flag_writes = writes = signal_calls = 0;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(conn_send(b, "fool"), -1);
        assert_int_equal(errno, EIO);
    }
    assert_int_equal(flag_writes, 2);
    assert_int_equal(writes + signal_calls, 0);
    conn_close(a);
    conn_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_is_close_on_exec_from_birth),
        cmocka_unit_test(a_pair_that_cannot_be_made_leaves_nothing_behind),
        cmocka_unit_test(a_descriptor_closed_underneath_is_ebadf),
        cmocka_unit_test(a_socket_adopted_for_reading_does_not_send),
        cmocka_unit_test(sigpipe_of_a_short_write_is_taken_away),
        cmocka_unit_test(sigpipe_from_outside_is_not_taken_away),
        cmocka_unit_test(epipe_without_a_signal_is_told_as_it_is),
        cmocka_unit_test(a_sigpipe_pending_for_a_thread_stays_with_it),
        cmocka_unit_test(with_the_flag_a_message_is_one_call),
        cmocka_unit_test(without_the_flag_it_is_asked_for_once_and_the_guard_is_two_calls),
        cmocka_unit_test(a_socket_needs_neither_guard_nor_that_flag),
        cmocka_unit_test(another_error_is_no_answer_about_the_flag),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
