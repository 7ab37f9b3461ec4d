/* Every failure, at every place: each function of chapter 3 is run with the k-th of its system calls failing, for
 * every k and every failure, and for all pairs and triples of them; the outcome is compared with a model of the
 * contract.
 *
 * link with -Wl,--wrap=read,--wrap=write,--wrap=writev,--wrap=pwritev2,--wrap=sendmsg,--wrap=poll,--wrap=close,
 * --wrap=waitpid,--wrap=clock_gettime
 *
 * The model does not know how the library is written. It reads the trace, the list of what each system call has
 * answered, and says what the contract makes of such answers. Nothing here sleeps: all descriptors are non-blocking,
 * all data is there before, and the clock is a variable. */
#define _GNU_SOURCE /* pipe2, pwritev2 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"
#include "conn.h"
#include "safe_io.h"

enum { HEADER = 4, LONG_HEADER = 12, MOST_BYTES = 5000, MOST_CALLS = 100, MOST_FAULTS = 3, LEAST_CASES = 20000 };
enum { MARK = 4242 }; /* an errno that nobody sets */

// § The faults
enum fault { NONE, INTERRUPTED, ONE_BYTE, HALF, ZERO, WOULD_BLOCK, IO_ERROR, NO_READER, RESET, IN_PROGRESS, FAULTS };
static const char *const fault_names[] = {"nothing", "EINTR", "1 byte", "half", "0", "EAGAIN", "EIO", "EPIPE",
                                          "ECONNRESET", "EINPROGRESS"};
static const int fault_errno[] = {[INTERRUPTED] = EINTR, [WOULD_BLOCK] = EAGAIN, [IO_ERROR] = EIO,
                                  [NO_READER] = EPIPE, [RESET] = ECONNRESET,
                                  [IN_PROGRESS] = EINPROGRESS, [FAULTS] = 0};

enum call { READ, WRITE, WRITEV, PWRITEV2, SENDMSG, POLL, CLOSE, WAITPID, CALLS };
static const char *const call_names[] = {"read", "write", "writev", "pwritev2", "sendmsg", "poll", "close", "waitpid"};

struct event {
    enum call call;
    int fd, timeout, error;
    short events;
    long result;
    long long at; /* the time when it began, in nanoseconds */
};

/* One run of a library function: the script, and what happened. */
static struct {
    bool armed;
    int faults; /* the script: so many faults... */
    struct {
        int at; /* ...in these calls, counted from 0, in this order */
        enum fault fault;
    } script[MOST_FAULTS];
    int applied; /* the faults that made a difference */
    int calls;
    struct event trace[MOST_CALLS];
    bool hangs;
    long long clock, wall_clock;
} run;

static long faults_in[CALLS], cases, cases_of[MOST_FAULTS + 1]; /* ...with so many faults */
static volatile sig_atomic_t sigpipes;

/* The fault for the call that begins now. */
static enum fault scripted(void)
{
    for (int i = 0; i < run.faults; i++)
        if (run.armed && run.script[i].at == run.calls)
            return run.script[i].fault;
    return NONE;
}

static void count_fault(enum call call)
{
    run.applied++;
    faults_in[call]++;
}

/* How many of n bytes this call may move. */
static size_t shortened(enum call call, enum fault fault, size_t n)
{
    size_t less = fault == ONE_BYTE ? 1 : n / 2;

    if ((fault != ONE_BYTE && fault != HALF) || n < 2)
        return n;
    count_fault(call);
    return less;
}

/* Is this call not to be made at all? Then its result is in *result, and errno is set. */
static bool replaced(enum call call, enum fault fault, long *result)
{
    if ((fault != ZERO && fault_errno[fault] == 0) || (fault == IN_PROGRESS && call != CLOSE))
        return false;
    count_fault(call);
    *result = fault == ZERO ? 0 : -1;
    if (fault != ZERO)
        errno = fault_errno[fault];
    return true;
}

/* Adds a call to the trace. Returns its result; errno is kept. */
static long noted(struct event event, long result)
{
    int error = errno;

    if (!run.armed)
        return result;
    event.result = result;
    event.error = error;
    if (event.at == 0)
        event.at = run.clock;
    if (run.calls == MOST_CALLS) {
        run.armed = false;
        fail_msg("it spins: %d system calls and no end", MOST_CALLS);
    }
    run.trace[run.calls++] = event;
    errno = error;
    return result;
}

// § The wrapped calls
ssize_t __real_read(int fd, void *buf, size_t n);
ssize_t __real_write(int fd, const void *buf, size_t n);
ssize_t __real_writev(int fd, const struct iovec *piece, int pieces);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
int __real_close(int fd);
pid_t __real_waitpid(pid_t pid, int *status, int options);
int __real_clock_gettime(clockid_t id, struct timespec *t);
ssize_t __wrap_read(int fd, void *buf, size_t n);
ssize_t __wrap_write(int fd, const void *buf, size_t n);
ssize_t __wrap_writev(int fd, const struct iovec *piece, int pieces);
ssize_t __wrap_pwritev2(int fd, const struct iovec *piece, int pieces, off_t offset, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_close(int fd);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
int __wrap_clock_gettime(clockid_t id, struct timespec *t);

ssize_t __wrap_read(int fd, void *buf, size_t n)
{
    enum fault fault = scripted();
    long result;

    if (!replaced(READ, fault, &result))
        result = __real_read(fd, buf, shortened(READ, fault, n));
    return noted((struct event){.call = READ, .fd = fd}, result);
}

/* The kernel raises SIGPIPE, in the thread that writes, before it says EPIPE. */
static void raise_sigpipe(enum fault fault, bool quiet)
{
    int error = errno;

    if (fault == NO_READER && !quiet)
        raise(SIGPIPE);
    errno = error;
}

ssize_t __wrap_write(int fd, const void *buf, size_t n)
{
    enum fault fault = scripted();
    long result;

    if (!replaced(WRITE, fault, &result))
        result = __real_write(fd, buf, shortened(WRITE, fault, n));
    raise_sigpipe(fault, false);
    return noted((struct event){.call = WRITE, .fd = fd}, result);
}

/* Copies the pieces, as far as they make up `most` bytes. Returns how many pieces that are. */
static int cut(struct iovec *to, const struct iovec *from, int pieces, size_t most)
{
    int n = 0;

    for (; n < pieces && most > 0; n++) {
        to[n] = from[n];
        if (to[n].iov_len > most)
            to[n].iov_len = most;
        most -= to[n].iov_len;
    }
    return n;
}

static size_t size_of(const struct iovec *piece, int pieces)
{
    size_t n = 0;

    for (int i = 0; i < pieces; i++)
        n += piece[i].iov_len;
    return n;
}

ssize_t __wrap_writev(int fd, const struct iovec *piece, int pieces)
{
    enum fault fault = scripted();
    struct iovec less[4];
    long result;

    if (!replaced(WRITEV, fault, &result))
        result = __real_writev(fd, less,
                               cut(less, piece, pieces, shortened(WRITEV, fault, size_of(piece, pieces))));
    raise_sigpipe(fault, false);
    return noted((struct event){.call = WRITEV, .fd = fd}, result);
}

static bool is_old(void);

/* Whatever kernel this is, it plays one that knows RWF_NOSIGNAL, or an old one; that refuses the flag is no fault. */
ssize_t __wrap_pwritev2(int fd, const struct iovec *piece, int pieces, off_t offset, int flags)
{
    enum fault fault = scripted();
    struct iovec less[4];
    long result;

    (void)offset;
    if (is_old()) {
        errno = EOPNOTSUPP;
        return -1;
    }
    if (!replaced(PWRITEV2, fault, &result))
        result = __real_writev(fd, less,
                               cut(less, piece, pieces, shortened(PWRITEV2, fault, size_of(piece, pieces))));
    raise_sigpipe(fault, flags == 0x100);
    return noted((struct event){.call = PWRITEV2, .fd = fd}, result);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    enum fault fault = scripted();
    struct iovec less[4];
    struct msghdr copy = *message;
    int pieces = (int)message->msg_iovlen;
    long result;

    copy.msg_iov = less;
    if (!replaced(SENDMSG, fault, &result)) {
        size_t most = shortened(SENDMSG, fault, size_of(message->msg_iov, pieces));
        copy.msg_iovlen = (size_t)cut(less, message->msg_iov, pieces, most);
        result = __real_sendmsg(fd, &copy, flags);
    }
    raise_sigpipe(fault, (flags & MSG_NOSIGNAL) != 0);
    return noted((struct event){.call = SENDMSG, .fd = fd}, result);
}

/* Time passes only here. A signal comes after three tenths of the time, and a bit, so that there is a fraction of a
 * millisecond to be rounded. A wait that would never end is noted, and ended by an error. */
static int poll_without_waiting(struct pollfd *fds, nfds_t n, int timeout)
{
    int ready = __real_poll(fds, n, 0);

    if (ready == 0 && timeout < 0) {
        run.hangs = true;
        errno = EDEADLK;
        return -1;
    }
    if (ready == 0)
        run.clock += timeout * 1000000LL;
    return ready;
}

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
    enum fault fault = scripted();
    struct event event = {.call = POLL, .fd = fds->fd, .events = fds->events, .timeout = timeout, .at = run.clock};
    long result;

    if (!run.armed)
        return __real_poll(fds, n, timeout);
    if ((fault == ZERO && timeout < 0) || fault == NO_READER)
        fault = NONE; /* cannot happen */
    if (replaced(POLL, fault, &result)) {
        if (timeout > 0)
            run.clock += fault == INTERRUPTED ? timeout * 300000LL + 1234 : fault == ZERO ? timeout * 1000000LL : 0;
    } else
        result = poll_without_waiting(fds, n, timeout);
    return (int)noted(event, result);
}

/* As on Linux: after an error, too, the descriptor is gone. */
int __wrap_close(int fd)
{
    enum fault fault = scripted();
    int closed = __real_close(fd);
    long result = closed;

    if (closed == 0)
        replaced(CLOSE, fault, &result);
    return (int)noted((struct event){.call = CLOSE, .fd = fd}, result);
}

pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
    long result;

    if (!replaced(WAITPID, scripted(), &result))
        result = __real_waitpid(pid, status, options);
    return (pid_t)noted((struct event){.call = WAITPID}, result);
}

/* The wall clock jumps back an hour each time somebody looks at it. */
int __wrap_clock_gettime(clockid_t id, struct timespec *t)
{
    long long now = run.clock;

    if (!run.armed)
        return __real_clock_gettime(id, t);
    if (id != CLOCK_MONOTONIC)
        now = run.wall_clock -= 3600 * 1000000000LL;
    *t = (struct timespec){now / 1000000000, now % 1000000000};
    return 0;
}

// § What is run
/* What the library's function said. */
struct outcome {
    long result;
    int error;
    size_t len;
};

/* What the contract says it should have said. */
struct verdict {
    long result;
    int error;
    size_t moved;   /* bytes */
    int dead;       /* not 0: the direction is dead, with this errno */
    bool len_told;
};

struct scenario {
    const char *name;
    void (*prepare)(void);
    struct outcome (*act)(void);
    struct verdict (*model)(void);
    void (*afterwards)(const struct verdict *v);
    bool socket, long_header;
    bool old; /* the kernel does not know RWF_NOSIGNAL */
    int (*raise_before)(void); /* SIGPIPE is blocked, and pending already */
    int timeout;
};

/* What a scenario works with. */
static struct {
    const struct scenario *scenario;
    size_t size, header; /* of the message, and of its header */
    int fd, far; /* ours, and the other end */
    conn *c;
    pid_t child;
    unsigned char buf[MOST_BYTES + 100];
} world;

static unsigned char pattern[MOST_BYTES + 100], frame[MOST_BYTES + 100];
static const unsigned char next_frame[] = {0, 0, 0, 4, 'n', 'e', 'x', 't'};

static bool is_old(void)
{
    return world.scenario->old;
}

/* The script and the trace of this run, in words. */
static const char *describe_run(void)
{
    static char text[2000];
    size_t end = 0;

    text[0] = '\0';
    for (int i = 0; i < run.faults; i++)
        end += (size_t)snprintf(text + end, 100, ", call %d: %s", run.script[i].at, fault_names[run.script[i].fault]);
    end += (size_t)snprintf(text + end, 100, "; it called");
    for (int i = 0; i < run.calls && end < 1800; i++) {
        const struct event *e = &run.trace[i];
        const char *error = e->result == -1 ? strerror(e->error) : "";
        end += (size_t)snprintf(text + end, 100, " %s=%ld %s", call_names[e->call], e->result, error);
    }
    return text;
}

static void blame(const char *what)
{
    run.armed = false;
    fail_msg("%s, %zu bytes: %s%s", world.scenario->name, world.size, what, describe_run());
}

static void blame_unless(bool condition, const char *what)
{
    if (!condition)
        blame(what);
}

static void compare(const struct outcome *o, const struct verdict *v)
{
    char text[200];

    if (o->result == v->result && o->error == v->error)
        return;
    snprintf(text, sizeof text, "result %ld, errno %d (%s); by the contract %ld, %d (%s)", o->result, o->error,
             strerror(o->error), v->result, v->error, strerror(v->error));
    blame(text);
}

/* Runs the scenario's function with the script in `run`. */
static struct outcome act(void)
{
    struct outcome o;

    run.calls = run.applied = 0;
    run.hangs = false;
    run.clock = 1000 * 1000000000LL + 999500000; /* a fraction that overflows when something is added */
    run.wall_clock = 1000000 * 1000000000LL;
    sigpipes = 0;
    errno = MARK;
    run.armed = true;
    o = world.scenario->act();
    run.armed = false;
    return o;
}

static struct outcome outcome(long result, size_t len)
{
    return (struct outcome){result, errno, len};
}

/* Runs it once, and compares. */
static struct verdict attempt(void)
{
    struct outcome o;
    struct verdict v;

    world.scenario->prepare();
    o = act();
    blame_unless(!run.hangs, "it waits for ever");
    v = world.scenario->model();
    compare(&o, &v);
    blame_unless(!v.len_told || o.len == world.size, "the length is wrong");
    blame_unless(v.len_told || o.len == MARK, "it has touched the length");
    return v;
}

/* The faults of the script so far, and then one more, at each later call until the function comes to its end before
 * it. Returns false if it has done so before the last of this script. */
static bool explore_from(int faults)
{
    int first = faults == 0 ? 0 : run.script[faults - 1].at + 1, calls, applied;
    bool reached = true;
    struct verdict v;

    run.faults = faults;
    v = attempt();
    calls = run.calls;
    applied = run.applied;
    world.scenario->afterwards(&v);
    if (calls < first)
        return false;
    if (applied < faults) /* one that made no difference: a short count of 1 of 1 */
        return true;
    cases++;
    cases_of[faults]++;
    for (int k = first; reached && faults < MOST_FAULTS; k++) {
        reached = false;
        for (enum fault fault = INTERRUPTED; fault < FAULTS; fault++) {
            run.script[faults].at = k;
            run.script[faults].fault = fault;
            reached = explore_from(faults + 1) || reached;
        }
    }
    return true;
}

/* The message as it must be on the wire. A long header is allowed with a small length, too. */
static void make_frame(void)
{
    bool is_long = world.scenario->long_header;

    world.header = is_long ? LONG_HEADER : HEADER;
    memset(frame, is_long ? 0xff : 0, 4);
    memset(frame + 4, 0, 8);
    frame[world.header - 2] = (unsigned char)(world.size >> 8);
    frame[world.header - 1] = (unsigned char)world.size;
    memcpy(frame + world.header, pattern, world.size);
}

static void explore(const struct scenario *s, size_t size)
{
    world.scenario = s;
    world.size = size;
    make_frame();
    explore_from(0);
}

static void explore_sizes(const struct scenario *s)
{
    static const size_t sizes[] = {0, 1, 4, 100, 5000};
    long before = cases;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        explore(s, sizes[i]);
    print_message("%s: %ld cases\n", s->name, cases - before);
}

static void explore_once(const struct scenario *s)
{
    long before = cases;

    explore(s, 0);
    print_message("%s: %ld cases\n", s->name, cases - before);
}

// § The model
/* A transfer of bytes, as far as the trace tells. */
struct transfer {
    size_t moved;
    bool stopped, zero; /* zero: by a count of 0, which is not an error */
    int error;
};

static bool interrupted(const struct event *e)
{
    return e->result == -1 && e->error == EINTR;
}

/* A wait in the middle of a transfer: for the right thing, and without a limit. */
static void check_wait(const struct event *e, short events)
{
    blame_unless(e->fd == world.fd && e->events == events, "it waits for something else");
    blame_unless(e->timeout < 0, "its wait has a limit");
}

/* What the answers of the system calls amount to, for a transfer of `want` bytes by something that goes on after
 * EINTR and short counts and, if it `waits` for `events`, after EAGAIN. */
static struct transfer follow(size_t want, bool waits, short events)
{
    struct transfer t = {0};
    bool must_wait = false;

    for (int i = 0; i < run.calls; i++) {
        const struct event *e = &run.trace[i];
        blame_unless(!t.stopped && t.moved < want, "it goes on although it is over");
        blame_unless(!must_wait || e->call == POLL, "it does not wait after EAGAIN");
        if (e->call == POLL)
            check_wait(e, events);
        if (interrupted(e))
            continue;
        if (e->result == -1 && e->error == EAGAIN && waits && e->call != POLL) {
            must_wait = true;
            continue;
        }
        t.stopped = e->result == -1 || (e->result == 0 && e->call != POLL);
        t.error = e->result == -1 ? e->error : 0;
        t.zero = t.stopped && e->result == 0;
        if (e->call != POLL && e->result > 0)
            t.moved += (size_t)e->result;
        must_wait = false;
    }
    blame_unless(t.stopped || t.moved == want, "it gives up");
    return t;
}

/* A function that makes one call, again after EINTR, and hands on what it says. */
static struct verdict model_once(void)
{
    const struct event *last = &run.trace[run.calls - 1];

    blame_unless(run.calls > 0 && !interrupted(last), "EINTR has escaped");
    for (int i = 0; i < run.calls - 1; i++)
        blame_unless(interrupted(&run.trace[i]), "it calls again although nothing interrupted it");
    return (struct verdict){.result = last->result,
                            .error = last->result == -1 ? last->error : MARK,
                            .moved = last->result == -1 ? 0 : (size_t)last->result};
}

static struct verdict model_full_read(void)
{
    struct transfer t = follow(world.size, false, 0);

    return (struct verdict){.result = (long)t.moved, .moved = t.moved, .error = t.stopped ? t.error : MARK};
}

static struct verdict model_full_write(void)
{
    struct transfer t = follow(world.size, false, 0);

    return (struct verdict){
        .result = (long)t.moved, .moved = t.moved, .error = t.zero ? ENOSPC : t.stopped ? t.error : MARK};
}

static struct verdict model_close(void)
{
    const struct event *e = &run.trace[0];

    blame_unless(run.calls == 1 && e->call == CLOSE, "not exactly one close");
    return e->result == 0 || interrupted(e) || e->error == EINPROGRESS ? (struct verdict){.result = 0, .error = MARK}
                                            : (struct verdict){.result = -1, .error = e->error};
}

static struct verdict model_send(void)
{
    struct transfer t = follow(world.header + world.size, true, POLLOUT);
    int error = t.zero ? ENOSPC : t.error;

    if (run.applied == 0)
        blame_unless(run.calls == 1, "not one write call for one message");
    if (!t.stopped)
        return (struct verdict){.result = 0, .error = MARK, .moved = t.moved};
    return (struct verdict){.result = -1, .error = error, .moved = t.moved, .dead = t.moved > 0 ? error : 0};
}

/* What stopped a receive, before the message (nothing is lost) or in it. */
static struct verdict model_stop(const struct transfer *t)
{
    int error = t->zero ? EPROTO : t->error;
    int dead = t->moved == 0         ? 0
               : error == ECONNRESET ? EPROTO /* which is told once; what remains is half a message */
                                     : error;

    if (t->moved == 0 && t->zero)
        return (struct verdict){.result = 0, .error = MARK};
    return (struct verdict){.result = -1, .error = error, .moved = t->moved, .dead = dead};
}

static struct verdict model_receive(void)
{
    struct transfer t = follow(world.header + world.size, true, POLLIN);

    if (run.applied == 0 && !world.scenario->long_header)
        blame_unless(run.calls <= 2, "more than two reads for one message");
    if (t.stopped)
        return model_stop(&t);
    return (struct verdict){.result = 1, .error = MARK, .moved = t.moved, .len_told = true};
}

/* The buffer is too small, so that only the header is read. (An empty message fits into no buffer at all.) */
static struct verdict model_too_small(void)
{
    struct transfer t;

    if (world.size == 0)
        return model_receive();
    t = follow(world.header, true, POLLIN);
    if (t.stopped)
        return model_stop(&t);
    return (struct verdict){.result = -1, .error = EMSGSIZE, .moved = t.moved, .len_told = true};
}

/* The deadline is that of the beginning, however often the wait begins anew; rounded up to a millisecond, no more. */
static void check_deadline(const struct event *e)
{
    long long deadline = run.trace[0].at + world.scenario->timeout * 1000000LL, end = e->at + e->timeout * 1000000LL;

    blame_unless(e->call == POLL && e->fd == world.fd && e->events == POLLIN, "it waits for something else");
    if (world.scenario->timeout < 0) {
        blame_unless(e->timeout < 0, "its wait has a limit");
        return;
    }
    blame_unless(e->timeout >= 0, "its wait has no limit");
    blame_unless(end >= deadline || e->timeout == 0, "its wait ends before the deadline");
    blame_unless(end < deadline + 1000000, "its wait ends after the deadline");
}

static struct verdict model_poll(void)
{
    for (int i = 0; i < run.calls; i++)
        check_deadline(&run.trace[i]);
    return model_once();
}

// § Reading and writing
static void make_pipe(bool we_read)
{
    int fd[2];

    assert_int_equal(pipe2(fd, O_CLOEXEC | O_NONBLOCK), 0);
    world.fd = we_read ? fd[0] : fd[1];
    world.far = we_read ? fd[1] : fd[0];
    memset(world.buf, '#', sizeof world.buf);
}

static void close_both(void)
{
    __real_close(world.fd);
    __real_close(world.far);
}

/* All bytes that are there, and how many they are. */
static size_t drain(int fd, unsigned char *buf)
{
    size_t n = 0;
    ssize_t got;

    while ((got = __real_read(fd, buf + n, sizeof world.buf - n)) > 0)
        n += (size_t)got;
    return n;
}

/* These bytes, and nothing else, are there. */
static void expect_bytes(int fd, const unsigned char *bytes, size_t n, const char *what)
{
    static unsigned char there[sizeof world.buf];

    blame_unless(drain(fd, there) == n && memcmp(there, bytes, n) == 0, what);
}

static void prepare_read(void)
{
    make_pipe(true);
    assert_int_equal(__real_write(world.far, pattern, world.size + 50), world.size + 50);
}

/* Only half of what is wanted, and then the end. */
static void prepare_early_end(void)
{
    make_pipe(true);
    assert_int_equal(__real_write(world.far, pattern, world.size / 2), world.size / 2);
    __real_close(world.far);
    world.far = fcntl(world.fd, F_DUPFD_CLOEXEC, 0);
}

static void prepare_write(void)
{
    make_pipe(false);
}

static struct outcome act_safe_read(void)
{
    return outcome(safe_read(world.fd, world.buf, world.size), MARK);
}

static struct outcome act_full_read(void)
{
    return outcome((long)full_read(world.fd, world.buf, world.size), MARK);
}

static struct outcome act_safe_write(void)
{
    return outcome(safe_write(world.fd, pattern, world.size), MARK);
}

static struct outcome act_full_write(void)
{
    return outcome((long)full_write(world.fd, pattern, world.size), MARK);
}

static void after_read(const struct verdict *v)
{
    blame_unless(memcmp(world.buf, pattern, v->moved) == 0, "it has read something else");
    blame_unless(world.buf[v->moved] == '#', "it has written behind what it has read");
    expect_bytes(world.fd, pattern + v->moved, world.size + 50 - v->moved, "it has lost what comes after");
    close_both();
}

static void after_early_end(const struct verdict *v)
{
    blame_unless(memcmp(world.buf, pattern, v->moved) == 0, "it has read something else");
    expect_bytes(world.fd, pattern + v->moved, world.size / 2 - v->moved, "it has lost what comes after");
    close_both();
}

static void after_write(const struct verdict *v)
{
    expect_bytes(world.far, pattern, v->moved, "what has arrived is not what it says");
    close_both();
}

static void safe_read_hands_on_all_but_EINTR(void **state)
{
    (void)state;
    explore_sizes(&(struct scenario){.name = "safe_read", .prepare = prepare_read, .act = act_safe_read,
                                     .model = model_once, .afterwards = after_read});
}

static void full_read_moves_all_or_says_why_not(void **state)
{
    (void)state;
    explore_sizes(&(struct scenario){.name = "full_read", .prepare = prepare_read, .act = act_full_read,
                                     .model = model_full_read, .afterwards = after_read});
}

static void full_read_tells_the_end_from_an_error(void **state)
{
    (void)state;
    explore_sizes(&(struct scenario){.name = "full_read, early end", .prepare = prepare_early_end,
                                     .act = act_full_read, .model = model_full_read, .afterwards = after_early_end});
}

static void safe_write_hands_on_all_but_EINTR(void **state)
{
    (void)state;
    explore_sizes(&(struct scenario){.name = "safe_write", .prepare = prepare_write, .act = act_safe_write,
                                     .model = model_once, .afterwards = after_write});
}

static void full_write_moves_all_or_says_why_not(void **state)
{
    (void)state;
    explore_sizes(&(struct scenario){.name = "full_write", .prepare = prepare_write, .act = act_full_write,
                                     .model = model_full_write, .afterwards = after_write});
}

// § Closing and waiting
static struct outcome act_safe_close(void)
{
    return outcome(safe_close(world.fd), MARK);
}

static void after_close(const struct verdict *v)
{
    (void)v;
    blame_unless(fcntl(world.fd, F_GETFD) == -1, "the descriptor is still open");
    __real_close(world.far);
}

static void prepare_connection(void)
{
    make_pipe(false);
    assert_int_equal(conn_adopt(&world.c, world.fd, false, true), 0);
}

static struct outcome act_conn_close(void)
{
    return outcome(conn_close(world.c), MARK);
}

static void close_is_called_once_whatever_it_says(void **state)
{
    (void)state;
    explore_once(&(struct scenario){.name = "safe_close", .prepare = prepare_write, .act = act_safe_close,
                                    .model = model_close, .afterwards = after_close});
    explore_once(&(struct scenario){.name = "conn_close", .prepare = prepare_connection, .act = act_conn_close,
                                    .model = model_close, .afterwards = after_close});
}

static void prepare_child(void)
{
    world.child = fork_in_test();
    if (world.child == 0)
        _exit(7);
}

static struct outcome act_safe_waitpid(void)
{
    int status = 0;
    pid_t pid = safe_waitpid(world.child, &status, 0);

    if (pid == world.child && status != 7 << 8)
        errno = EINVAL;
    return outcome(pid, MARK);
}

static void after_waitpid(const struct verdict *v)
{
    bool left = __real_waitpid(world.child, NULL, 0) == world.child;

    blame_unless(left == (v->result != world.child), "the child was not waited for exactly once");
}

static void safe_waitpid_hands_on_all_but_EINTR(void **state)
{
    (void)state;
    explore_once(&(struct scenario){.name = "safe_waitpid", .prepare = prepare_child, .act = act_safe_waitpid,
                                    .model = model_once, .afterwards = after_waitpid});
}

// § Connections
static void make_connection(bool we_read)
{
    int fd[2];

    if (!world.scenario->socket) {
        make_pipe(we_read);
        assert_int_equal(conn_adopt(&world.c, world.fd, we_read, !we_read), 0);
        return;
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd), 0);
    world.fd = fd[0];
    world.far = fd[1];
    memset(world.buf, '#', sizeof world.buf);
    assert_int_equal(conn_adopt(&world.c, world.fd, true, true), 0);
}

/* Calls again, without faults, and checks that a dead direction says so at once. */
static struct outcome act_again(int dead)
{
    struct outcome o;

    run.faults = 0;
    o = act();
    blame_unless(dead == 0 || run.calls == 0, "it uses a direction that is dead");
    blame_unless(dead == 0 || (o.result == -1 && o.error == dead), "a dead direction says something else");
    return o;
}

static void end_connection(void)
{
    conn_close(world.c);
    __real_close(world.far);
}

// § Sending
static sigset_t only_sigpipe(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    return set;
}

static int raise_for_process(void)
{
    return kill(getpid(), SIGPIPE);
}

static int raise_for_thread(void)
{
    return raise(SIGPIPE);
}

static void prepare_send(void)
{
    sigset_t set = only_sigpipe();

    make_connection(false);
    if (world.scenario->raise_before != NULL) {
        sigprocmask(SIG_BLOCK, &set, NULL);
        assert_int_equal(world.scenario->raise_before(), 0);
    }
}

/* Takes a pending SIGPIPE. The kernel is asked directly, since the C library changes SI_TKILL to SI_USER. */
static bool take_sigpipe(siginfo_t *info)
{
    sigset_t set = only_sigpipe();
    struct timespec now = {0};

    return syscall(SYS_rt_sigtimedwait, &set, info, &now, _NSIG / 8) == SIGPIPE;
}

/* None was raised; or one was pending before, and it is the one that still is: for the process or for the thread, as
 * si_code tells. */
static void expect_sigpipe_as_before(void)
{
    bool for_process = world.scenario->raise_before == raise_for_process;
    sigset_t set = only_sigpipe();
    siginfo_t info = {0};
    bool taken = take_sigpipe(&info);

    blame_unless(sigpipes == 0, "SIGPIPE");
    if (world.scenario->raise_before == NULL) {
        blame_unless(!taken, "SIGPIPE is pending");
        return;
    }
    blame_unless(taken, "SIGPIPE is not pending any more");
    blame_unless(info.si_code == (for_process ? SI_USER : SI_TKILL), "SIGPIPE is pending for somebody else");
    blame_unless(!take_sigpipe(&info), "SIGPIPE is pending twice");
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static struct outcome act_send_bytes(void)
{
    return outcome(conn_send_bytes(world.c, pattern, world.size), MARK);
}

static struct outcome act_send(void)
{
    static char text[MOST_BYTES + 1];

    memcpy(text, pattern, world.size);
    text[world.size] = '\0';
    errno = MARK;
    return outcome(conn_send(world.c, text), MARK);
}

/* The other direction of a socket lives, whatever has become of this one. */
static void expect_receiving(void)
{
    char text[8];

    assert_int_equal(__real_write(world.far, next_frame, sizeof next_frame), sizeof next_frame);
    blame_unless(conn_recv(world.c, text, sizeof text) == 1, "it cannot receive any more");
    blame_unless(strcmp(text, "next") == 0, "it receives something else");
}

static void after_send(const struct verdict *v)
{
    expect_sigpipe_as_before();
    expect_bytes(world.far, frame, v->moved, "what has arrived is not what it says");
    if (act_again(v->dead).result == 0)
        expect_bytes(world.far, frame, world.header + world.size, "the next message has not arrived");
    else
        blame_unless(v->dead != 0, "the next message cannot be sent");
    expect_bytes(world.far, frame, 0, "something comes out of a dead direction");
    if (world.scenario->socket)
        expect_receiving();
    end_connection();
}

static void explore_sending(const char *on_pipe, const char *on_old_pipe, const char *on_socket,
                            struct outcome (*send_one)(void))
{
    struct scenario s = {.name = on_pipe, .prepare = prepare_send, .act = send_one, .model = model_send,
                         .afterwards = after_send};

    explore_sizes(&s);
    s.name = on_old_pipe;
    s.old = true;
    explore_sizes(&s);
    s.name = on_socket;
    s.old = false;
    s.socket = true;
    explore_sizes(&s);
}

static void conn_send_bytes_sends_all_or_says_why_not(void **state)
{
    (void)state;
    explore_sending("conn_send_bytes, pipe", "conn_send_bytes, old pipe", "conn_send_bytes, socket", act_send_bytes);
}

static void conn_send_bytes_leaves_a_pending_SIGPIPE_alone(void **state)
{
    struct scenario s = {.name = "SIGPIPE pending for the process", .prepare = prepare_send, .act = act_send_bytes,
                         .model = model_send, .afterwards = after_send};

    (void)state;
    for (int old = 0; old < 2; old++) {
        s.old = old;
        s.name = "SIGPIPE pending for the process";
        s.raise_before = raise_for_process;
        explore_sizes(&s);
        s.name = "SIGPIPE pending for the thread";
        s.raise_before = raise_for_thread;
        explore_sizes(&s);
    }
}

static void conn_send_sends_all_or_says_why_not(void **state)
{
    (void)state;
    explore_sending("conn_send, pipe", "conn_send, old pipe", "conn_send, socket", act_send);
}

// § Receiving
/* The message, and behind it another one. */
static void prepare_receive(void)
{
    make_connection(true);
    assert_int_equal(__real_write(world.far, frame, world.header + world.size), world.header + world.size);
    assert_int_equal(__real_write(world.far, next_frame, sizeof next_frame), sizeof next_frame);
}

static struct outcome receive(size_t room)
{
    size_t len = MARK;
    int got = conn_recv_bytes(world.c, world.buf, room, &len);

    return outcome(got, len);
}

static struct outcome act_recv_bytes(void)
{
    return receive(world.size);
}

/* With a byte too little, at first; then the whole buffer. */
static bool has_room;
static struct outcome act_too_small(void)
{
    return receive(has_room ? sizeof world.buf : world.size - (world.size > 0));
}

static struct outcome act_recv(void)
{
    int got = conn_recv(world.c, (char *)world.buf, world.size + 1);
    int error = errno;
    size_t len = got == 1 ? strlen((char *)world.buf) : MARK;

    blame_unless(got == 1 || world.buf[0] == '\0', "no empty string");
    errno = error;
    return outcome(got, len);
}

static void expect_next_message(void)
{
    size_t len = 0;

    blame_unless(conn_recv_bytes(world.c, world.buf, sizeof world.buf, &len) == 1 && len == 4 &&
                     memcmp(world.buf, "next", 4) == 0,
                 "the next message is lost");
}

/* The other direction of a socket lives. What we have not read must be, or the other end would see ECONNRESET. */
static void expect_sending(void)
{
    blame_unless(conn_send(world.c, "next") == 0, "it cannot send any more");
    expect_bytes(world.far, next_frame, sizeof next_frame, "it cannot send any more");
}

static void expect_message(const struct outcome *o)
{
    blame_unless(o->result == 1 && o->len == world.size && memcmp(world.buf, pattern, world.size) == 0,
                 "the message is lost");
}

static void after_receive(const struct verdict *v)
{
    struct outcome o = {.result = 1, .len = world.size};

    has_room = true;
    if (v->result != 1) /* the message must still come, unless the direction is dead */
        o = act_again(v->dead);
    has_room = false;
    if (v->dead == 0) {
        expect_message(&o);
        expect_next_message();
    } else
        blame_unless(conn_poll(world.c, -1) == -1 && errno == v->dead, "conn_poll finds it alive");
    if (world.scenario->socket)
        expect_sending();
    end_connection();
}

static void explore_receiving(const char *on_pipe, const char *on_socket, struct outcome (*receive_one)(void),
                              struct verdict (*model)(void))
{
    struct scenario s = {.name = on_pipe, .prepare = prepare_receive, .act = receive_one, .model = model,
                         .afterwards = after_receive};

    explore_sizes(&s);
    s.name = on_socket;
    s.socket = true;
    explore_sizes(&s);
    s.socket = false;
    s.long_header = true;
    s.name = "... with a long header";
    explore_sizes(&s);
}

static void conn_recv_bytes_receives_all_or_says_why_not(void **state)
{
    (void)state;
    explore_receiving("conn_recv_bytes, pipe", "conn_recv_bytes, socket", act_recv_bytes, model_receive);
}

static void conn_recv_receives_all_or_says_why_not(void **state)
{
    (void)state;
    explore_receiving("conn_recv, pipe", "conn_recv, socket", act_recv, model_receive);
}

static void a_message_that_is_too_large_is_kept(void **state)
{
    (void)state;
    explore_receiving("too small a buffer, pipe", "too small a buffer, socket", act_too_small, model_too_small);
}

/* A kept message: the header was read before the faults begin. */
static void prepare_kept(void)
{
    size_t len;

    prepare_receive();
    assert_int_equal(conn_recv_bytes(world.c, NULL, 0, &len), -1);
}

static struct verdict model_kept(void)
{
    struct transfer t = follow(world.size, true, POLLIN);

    if (!t.stopped)
        return (struct verdict){.result = 1, .error = MARK, .len_told = true};
    t.moved += world.header;
    return model_stop(&t);
}

static void a_kept_message_is_received_or_the_direction_is_dead(void **state)
{
    struct scenario s = {.name = "kept message", .prepare = prepare_kept, .act = act_recv_bytes, .model = model_kept,
                         .afterwards = after_receive};

    (void)state;
    for (size_t size = 1; size <= MOST_BYTES; size *= 17)
        explore(&s, size);
}

// § Polling
static void prepare_poll(void)
{
    if (world.size > 0)
        prepare_receive();
    else
        make_connection(true);
}

static struct outcome act_poll(void)
{
    return outcome(conn_poll(world.c, world.scenario->timeout), MARK);
}

/* Polling takes nothing away, and a failure of it is no end of the connection. */
static void after_poll(const struct verdict *v)
{
    size_t len = 0;

    (void)v;
    if (world.size > 0) {
        blame_unless(conn_recv_bytes(world.c, world.buf, sizeof world.buf, &len) == 1 && len == world.size,
                     "the message is lost");
        expect_next_message();
    }
    end_connection();
}

/* `size` 0: there is no message. */
static void explore_polling(size_t size, int timeout)
{
    long before = cases;
    struct scenario s = {.name = "conn_poll", .prepare = prepare_poll, .act = act_poll, .model = model_poll,
                         .afterwards = after_poll, .timeout = timeout};

    explore(&s, size);
    s.socket = true;
    explore(&s, size);
    print_message("conn_poll, %s message, %d ms: %ld cases\n", size > 0 ? "a" : "no", timeout, cases - before);
}

static void conn_poll_sees_a_message_through_any_failure(void **state)
{
    (void)state;
    explore_polling(4, 0);
    explore_polling(4, 1);
    explore_polling(4, 100);
    explore_polling(4, -1);
}

static void conn_poll_keeps_its_deadline_through_any_failure(void **state)
{
    (void)state;
    explore_polling(0, 0);
    explore_polling(0, 1);
    explore_polling(0, 100);
    explore_polling(0, 1999);
    explore_polling(0, 86400000);
}

// § The proof that there was a proof
static void every_wrap_was_hit_and_thousands_of_cases_ran(void **state)
{
    (void)state;
    for (enum call call = READ; call < CALLS; call++) {
        print_message("%s: failed %ld times\n", call_names[call], faults_in[call]);
        assert_true(faults_in[call] > 0);
    }
    print_message("%ld cases: %ld without a fault, %ld with one, %ld with two, %ld with three\n", cases, cases_of[0],
                  cases_of[1], cases_of[2], cases_of[3]);
    assert_true(cases > LEAST_CASES);
}

static void count_sigpipe(int number)
{
    (void)number;
    sigpipes++;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(safe_read_hands_on_all_but_EINTR),
        cmocka_unit_test(full_read_moves_all_or_says_why_not),
        cmocka_unit_test(full_read_tells_the_end_from_an_error),
        cmocka_unit_test(safe_write_hands_on_all_but_EINTR),
        cmocka_unit_test(full_write_moves_all_or_says_why_not),
        cmocka_unit_test(close_is_called_once_whatever_it_says),
        cmocka_unit_test(safe_waitpid_hands_on_all_but_EINTR),
        cmocka_unit_test(conn_send_bytes_sends_all_or_says_why_not),
        cmocka_unit_test(conn_send_sends_all_or_says_why_not),
        cmocka_unit_test(conn_send_bytes_leaves_a_pending_SIGPIPE_alone),
        cmocka_unit_test(conn_recv_bytes_receives_all_or_says_why_not),
        cmocka_unit_test(conn_recv_receives_all_or_says_why_not),
        cmocka_unit_test(a_message_that_is_too_large_is_kept),
        cmocka_unit_test(a_kept_message_is_received_or_the_direction_is_dead),
        cmocka_unit_test(conn_poll_sees_a_message_through_any_failure),
        cmocka_unit_test(conn_poll_keeps_its_deadline_through_any_failure),
        cmocka_unit_test(every_wrap_was_hit_and_thousands_of_cases_ran),
    };

    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (unsigned char)((i * 7 + i / 256) % 251 + 1); /* no zeros: it must do as a text */
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = count_sigpipe}, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
