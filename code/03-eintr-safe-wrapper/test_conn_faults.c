/* Rare cases of conn.c: a pair that cannot be made, flags from birth, and SIGPIPE in odd company. */
#define _GNU_SOURCE /* mallinfo2 */
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
int __wrap_pthread_sigmask(int how, const sigset_t *set, sigset_t *old);
int __wrap_sigpending(sigset_t *set);
int __wrap_sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *limit);

static int pipe_flags, socket_type; /* of the last call */
static int fstats_until_failure;    /* 0: none fails */
static bool short_with_sigpipe;     /* the next writev writes one byte, and raises SIGPIPE */
static int writes, signal_calls;    /* how often writev was called, and what has to do with SIGPIPE */

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
    if (!short_with_sigpipe)
        return __real_writev(fd, piece, pieces);
    short_with_sigpipe = false;
    raise(SIGPIPE);
    return write(fd, piece[0].iov_base, 1);
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

/* A FIFO whose reader leaves in the middle and comes back: the first write is short and raises SIGPIPE, the second
 * succeeds. With SIGPIPE at its default the process must live. */
static void sigpipe_of_a_short_write_is_taken_away(void **state)
{
    struct sigaction sa = {.sa_handler = SIG_DFL};
    char text[16];
    conn *a, *b;

    (void)state;
    sigaction(SIGPIPE, &sa, NULL);
    assert_int_equal(conn_pair(&a, &b, false), 0);
    short_with_sigpipe = true;
    assert_int_equal(conn_send(b, "fool"), 0);
    assert_false(short_with_sigpipe);
    assert_false(sigpipe_is_pending());
    assert_int_equal(conn_recv(a, text, sizeof text), 1);
    assert_string_equal(text, "fool");
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

static void the_guard_against_sigpipe_is_two_calls_on_a_pipe_and_none_on_a_socket(void **state)
{
    conn *a, *b;

    (void)state;
    for (int duplex = 0; duplex < 2; duplex++) {
        assert_int_equal(conn_pair(&a, &b, duplex), 0);
        writes = signal_calls = 0;
        assert_int_equal(conn_send(b, "fool"), 0);
        assert_int_equal(writes, duplex ? 0 : 1);
        assert_int_equal(signal_calls, duplex ? 0 : 2);
        conn_close(a);
        conn_close(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_is_close_on_exec_from_birth),
        cmocka_unit_test(a_pair_that_cannot_be_made_leaves_nothing_behind),
        cmocka_unit_test(a_descriptor_closed_underneath_is_ebadf),
        cmocka_unit_test(a_socket_adopted_for_reading_does_not_send),
        cmocka_unit_test(sigpipe_of_a_short_write_is_taken_away),
        cmocka_unit_test(a_sigpipe_pending_for_a_thread_stays_with_it),
        cmocka_unit_test(the_guard_against_sigpipe_is_two_calls_on_a_pipe_and_none_on_a_socket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
