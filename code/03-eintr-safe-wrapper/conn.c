/* conn.c - see conn.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pipe2, O_PATH, O_DIRECT, pwritev2 */
#endif
#include "conn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "safe_io.h"

// § A connection
struct conn {
    int fd;
    bool readable, writable, is_socket;
    bool has_flag;               /* RWF_NOSIGNAL works, as far as we know */
    int read_error, write_error; /* not 0: this direction is dead */
    bool has_length;             /* the length of the next message is known */
    size_t length;
};

enum { SHORT_HEADER = 4, LONG_HEADER = 12 };
enum { ABANDONED = ECANCELED }; /* dead from before a frame to behind it */

static int fail(int error)
{
    errno = error;
    return -1;
}

// § What can carry messages
/* Is it a stream of bytes, and 0 its end? */
static bool is_stream(int fd, int flags, const struct stat *st)
{
    int type = 0, listens = 0;
    socklen_t size = sizeof(int);

    if (!S_ISSOCK(st->st_mode))
        return !S_ISDIR(st->st_mode) && (flags & O_DIRECT) == 0 && !isatty(fd);
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 &&
           type == SOCK_STREAM && !listens;
}

// § Making one
int conn_adopt(conn **c, int fd, bool readable, bool writable)
{
    int flags = fcntl(fd, F_GETFL), fd_flags = fcntl(fd, F_GETFD);
    int mode = flags & O_ACCMODE, saved = errno;
    struct stat st;
    conn *new;

    if (!readable && !writable)
        return fail(EINVAL);
    if (flags == -1 || fd_flags == -1 || fstat(fd, &st) == -1 ||
        (flags & O_PATH) != 0 || (readable && mode == O_WRONLY) ||
        (writable && mode == O_RDONLY))
        return fail(EBADF);
    if (!is_stream(fd, flags, &st))
        return fail(ENOSTR);
    new = malloc(sizeof *new);
    if (new == NULL)
        return -1;
    *new = (conn){.fd = fd, .readable = readable, .writable = writable};
    new->is_socket = S_ISSOCK(st.st_mode);
    new->has_flag = true;
    fcntl(fd, F_SETFD, fd_flags | FD_CLOEXEC);
    errno = saved;
    *c = new;
    return 0;
}

// § Making two
/* Closes what a failed conn_pair has opened, and keeps its errno. */
static int undo_pair(conn *first, const int fd[2])
{
    int error = errno;

    free(first);
    safe_close(fd[0]);
    safe_close(fd[1]);
    return fail(error);
}

int conn_pair(conn **a, conn **b, bool duplex)
{
    conn *first = NULL, *second = NULL;
    int fd[2];
    int made = duplex ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd)
                      : pipe2(fd, O_CLOEXEC);

    if (made == -1)
        return -1;
    if (conn_adopt(&first, fd[0], true, duplex) == -1 ||
        conn_adopt(&second, fd[1], duplex, true) == -1)
        return undo_pair(first, fd);
    *a = first;
    *b = second;
    return 0;
}

// § Waiting
/* Milliseconds until the deadline, rounded up, at most what poll can take. */
static int ms_until(const struct timespec *deadline)
{
    struct timespec now;
    long long ns;

    clock_gettime(CLOCK_MONOTONIC, &now);
    ns = (deadline->tv_sec - now.tv_sec) * 1000000000LL + deadline->tv_nsec -
         now.tv_nsec;
    if (ns <= 0)
        return 0;
    ns = (ns + 999999) / 1000000;
    return ns > INT_MAX ? INT_MAX : (int)ns;
}

/* Entries in a socket's error queue make poll say POLLERR, until somebody takes
 * them. True if one was thrown away. */
static bool drop_error_entry(const conn *c)
{
    struct msghdr nowhere = {0};

    return c->is_socket &&
           recvmsg(c->fd, &nowhere, MSG_ERRQUEUE | MSG_DONTWAIT) != -1;
}

/* Every wait of this file that is not inside read or write is here. Returns 1
 * when the descriptor is ready (or ended, or broken), 0 when the deadline has
 * passed, -1 with errno. No deadline: NULL. */
static int wait_until(const conn *c, short events,
                      const struct timespec *deadline)
{
    struct pollfd p = {.fd = c->fd, .events = events};
    int ready, saved = errno;

    do {
        ready = poll(&p, 1, deadline == NULL ? -1 : ms_until(deadline));
    } while ((ready == -1 && errno == EINTR) ||
             (ready == 1 && p.revents == POLLERR && drop_error_entry(c)));
    if (ready == 1 && (p.revents & POLLNVAL) != 0)
        return fail(EBADF);
    if (ready >= 0)
        errno = saved;
    return ready;
}

// § Polling
int conn_poll(conn *c, int timeout_ms)
{
    struct timespec deadline;

    if (!c->readable)
        return fail(EBADF);
    if (c->read_error != 0)
        return fail(c->read_error);
    if (c->has_length)
        return 1;
    if (timeout_ms < 0)
        return wait_until(c, POLLIN, NULL);
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += timeout_ms / 1000;
    deadline.tv_nsec += timeout_ms % 1000 * 1000000L;
    if (deadline.tv_nsec >= 1000000000L) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000L;
    }
    return wait_until(c, POLLIN, &deadline);
}

// § The frame
static void put_big_endian(unsigned char *to, uint64_t number, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--, number >>= 8)
        to[i] = (unsigned char)number;
}

static uint64_t get_big_endian(const unsigned char *from, int bytes)
{
    uint64_t number = 0;

    for (int i = 0; i < bytes; i++)
        number = number << 8 | from[i];
    return number;
}

/* Writes the header for a message of this length. Returns the header's own. */
static size_t put_header(unsigned char header[LONG_HEADER], size_t length)
{
    if (length <= INT32_MAX) {
        put_big_endian(header, length, 4);
        return SHORT_HEADER;
    }
    put_big_endian(header, UINT32_MAX, 4); /* -1 */
    put_big_endian(header + 4, length, 8);
    return LONG_HEADER;
}

// § The guard
/* SIGPIPE is blocked in this thread while it writes; one that this write has
 * raised is taken away again, and any other is left, or put back. */
struct sigpipe_guard {
    sigset_t old_mask;
    bool was_blocked, was_pending;
};

static sigset_t sigpipe_only(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    return set;
}

static bool sigpipe_is_pending(void)
{
    sigset_t pending;

    return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

static void hold_sigpipe(struct sigpipe_guard *guard)
{
    sigset_t sigpipe = sigpipe_only();

    pthread_sigmask(SIG_BLOCK, &sigpipe, &guard->old_mask);
    guard->was_blocked = sigismember(&guard->old_mask, SIGPIPE) == 1;
    guard->was_pending = guard->was_blocked && sigpipe_is_pending();
}

static void take_sigpipe(const struct sigpipe_guard *guard)
{
    sigset_t sigpipe = sigpipe_only();
    struct timespec now = {0};
    siginfo_t info;

    if (sigtimedwait(&sigpipe, &info, &now) == -1)
        return;
    if (info.si_pid != getpid()) /* somebody has sent it: it is not ours */
        kill(getpid(), SIGPIPE);
    else if (guard->was_pending && !sigpipe_is_pending()) /* both were one */
        pthread_kill(pthread_self(), SIGPIPE);
}

/* After EPIPE the signal is there. After a short count it may be: a write whose
 * reader leaves in the middle says so, and raises SIGPIPE all the same. */
static ssize_t guarded_writev(int fd, const struct iovec *piece, int pieces)
{
    size_t size = piece[0].iov_len + (pieces == 2 ? piece[1].iov_len : 0);
    struct sigpipe_guard guard;
    ssize_t put;
    int error;

    hold_sigpipe(&guard);
    put = writev(fd, piece, pieces);
    error = errno;
    if ((put == -1 && error == EPIPE) ||
        (put != -1 && (size_t)put < size && !guard.was_pending))
        take_sigpipe(&guard);
    if (!guard.was_blocked)
        pthread_sigmask(SIG_SETMASK, &guard.old_mask, NULL);
    errno = error;
    return put;
}

// § Without SIGPIPE
#ifndef RWF_NOSIGNAL
#define RWF_NOSIGNAL 0x100 /* Linux 6.18; older headers do not have it */
#endif
#ifndef RWF_HIPRI /* a C library without pwritev2 */
#define pwritev2(fd, piece, pieces, offset, flags) (errno = ENOSYS, -1)
#endif

/* writev(2), but never with SIGPIPE. */
static ssize_t quiet_writev(conn *c, struct iovec *piece, int pieces)
{
    if (c->is_socket) {
        struct msghdr message = {.msg_iov = piece,
                                 .msg_iovlen = (size_t)pieces};
        return sendmsg(c->fd, &message, MSG_NOSIGNAL);
    }
    if (c->has_flag) {
        ssize_t put = pwritev2(c->fd, piece, pieces, -1, RWF_NOSIGNAL);
        if (put != -1 ||
            (errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS))
            return put;
        c->has_flag = false; /* an older kernel */
    }
    return guarded_writev(c->fd, piece, pieces);
}

// § Sending
/* One write of up to two pieces. Retried after EINTR; waits if it would block.
 * Returns the number of bytes, more than 0, or -1. */
static ssize_t write_pieces(conn *c, struct iovec *piece, int pieces)
{
    ssize_t put;

    do {
        put = quiet_writev(c, piece, pieces);
    } while (put == -1 &&
             (errno == EINTR ||
              (errno == EAGAIN && wait_until(c, POLLOUT, NULL) == 1)));
    return put == 0 ? fail(ENOSPC) : put;
}

/* Takes bytes that were written off the front of the pieces. */
static void advance(struct iovec piece[2], size_t bytes)
{
    for (int i = 0; i < 2; i++) {
        size_t part = bytes < piece[i].iov_len ? bytes : piece[i].iov_len;
        if (part > 0)
            piece[i].iov_base = (char *)piece[i].iov_base + part;
        piece[i].iov_len -= part;
        bytes -= part;
    }
}

/* Writes header and payload. Returns 0, or -1; dead if it fails, or is left
 * for ever, behind the first byte. */
static int write_frame(conn *c, struct iovec piece[2])
{
    bool begun = false;

    c->write_error = ABANDONED;
    while (piece[0].iov_len + piece[1].iov_len > 0) {
        int first = piece[0].iov_len == 0;
        ssize_t put = write_pieces(c, piece + first,
                                   piece[1].iov_len == 0 ? 1 : 2 - first);
        if (put == -1) {
            c->write_error = begun ? errno : 0;
            return -1;
        }
        begun = true;
        advance(piece, (size_t)put);
    }
    c->write_error = 0;
    return 0;
}

int conn_send_bytes(conn *c, const void *buf, size_t len)
{
    unsigned char header[LONG_HEADER];
    struct iovec piece[2] = {{header, put_header(header, len)},
                             {(void *)buf, len}};
    int saved = errno;

    if (!c->writable)
        return fail(EBADF);
    if (c->write_error != 0)
        return fail(c->write_error);
    if (len > SSIZE_MAX - LONG_HEADER)
        return fail(EMSGSIZE);
    if (write_frame(c, piece) == -1)
        return -1;
    errno = saved;
    return 0;
}

int conn_send(conn *c, const char *text)
{
    return conn_send_bytes(c, text, strlen(text));
}

// § Receiving a part
/* One read. Retried after EINTR; waits if it would block. */
static inline ssize_t read_piece(const conn *c, void *buf, size_t n)
{
    ssize_t got;

    do {
        got = read(c->fd, buf, n);
    } while (got == -1 &&
             (errno == EINTR ||
              (errno == EAGAIN && wait_until(c, POLLIN, NULL) == 1)));
    return got;
}

/* full_read once more, of such reads. */
static inline size_t read_part(const conn *c, void *buf, size_t n)
{
    char *bytes = buf;
    size_t done = 0;

    while (done < n) {
        ssize_t got = read_piece(c, bytes + done, n - done);
        if (got == 0)
            errno = 0; /* the end, and not an error */
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    return done;
}

/* The stream has ended in the middle of a frame, or failed there: nobody knows
 * where the next message begins. */
static int torn(conn *c)
{
    int error = errno == 0 ? EPROTO : errno;

    c->read_error = error == ECONNRESET ? EPROTO : error;
    return fail(error);
}

// § Receiving the length
/* Reads a header, unless one is kept. Returns 1, 0 at the end, -1. */
static int read_length(conn *c)
{
    unsigned char header[LONG_HEADER];
    uint64_t length;
    size_t got;

    if (c->has_length)
        return 1;
    c->read_error = ABANDONED;
    got = read_part(c, header, SHORT_HEADER);
    if (got == 0) {
        c->read_error = 0; /* nothing was begun */
        return errno == 0 ? 0 : -1;
    }
    if (got < SHORT_HEADER)
        return torn(c);
    length = get_big_endian(header, 4);
    if (length == UINT32_MAX) { /* -1: the length is in the next eight bytes */
        if (read_part(c, header + 4, 8) < 8)
            return torn(c);
        length = get_big_endian(header + 4, 8);
    } else if (length > INT32_MAX)
        length = UINT64_MAX; /* another negative number */
    if (length > SSIZE_MAX)
        return fail(c->read_error = EPROTO);
    c->length = (size_t)length;
    c->has_length = true;
    c->read_error = 0;
    return 1;
}

// § Receiving a message
/* The length, if the direction is alive. Returns as read_length. */
static int next_length(conn *c)
{
    if (!c->readable)
        return fail(EBADF);
    if (c->read_error != 0)
        return fail(c->read_error);
    return read_length(c);
}

int conn_recv_bytes(conn *c, void *buf, size_t size, size_t *len)
{
    int saved = errno, got = next_length(c);

    if (got == 0)
        errno = saved;
    if (got != 1)
        return got;
    if (c->length <= size) {
        c->read_error = ABANDONED;
        if (c->length > 0 && read_part(c, buf, c->length) < c->length)
            return torn(c);
        c->has_length = false;
        c->read_error = 0;
    }
    *len = c->length;
    if (c->has_length)
        return fail(EMSGSIZE); /* it is kept: the message waits */
    errno = saved;
    return 1;
}

// § Receiving a text
int conn_recv(conn *c, char *text, size_t size)
{
    size_t len = 0;
    int got;

    if (size == 0)
        return fail(EINVAL);
    got = conn_recv_bytes(c, text, size - 1, &len);
    if (got == 1 && memchr(text, '\0', len) != NULL)
        got = fail(EBADMSG);
    text[got == 1 ? len : 0] = '\0';
    return got;
}

// § The end
int conn_fileno(const conn *c)
{
    return c->fd;
}

int conn_close(conn *c)
{
    int fd;

    if (c == NULL)
        return 0;
    fd = c->fd;
    free(c);
    return safe_close(fd);
}
