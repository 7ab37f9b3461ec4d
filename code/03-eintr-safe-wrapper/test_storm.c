/* A real storm: the sender and the receiver are two processes, each with its own interval timer, and no message is
 * lost, torn or out of order. Link with -Wl,--wrap=read,--wrap=write,--wrap=writev,--wrap=pwritev2,--wrap=sendmsg,
 * --wrap=poll,--wrap=waitpid: the wrappers pass every call on (or play a kernel without RWF_NOSIGNAL), and count those
 * that were really interrupted or short, and the last test fails if there were none.
 *
 * In the environment: STORM_US, no period is shorter than this many microseconds; STORM_LARGEST, no message is larger
 * than this many bytes. Valgrind looks at all the bytes before each pwritev2, 10 ms for 16 MiB: with a shorter period
 * there is always an alarm in front of the call, and it is never made. There, 5000 and 1048576 do. */
#define _GNU_SOURCE /* pipe2, pwritev2 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"
#include "conn.h"
#include "safe_io.h"

enum { MIB = 1 << 20, LARGEST = 16 * MIB, PATIENCE_MS = 60000 };

#ifdef SYS_poll
enum { SYS_IN_POLL = SYS_poll };
#else
enum { SYS_IN_POLL = SYS_ppoll };
#endif

/* ---- what a process tells of itself at its end */

enum call { READ, WRITE, WRITEV, PWRITEV2, SENDMSG, POLL, WAITPID, CALLS };
static const char *const call_names[CALLS] = {"read", "write", "writev", "pwritev2", "sendmsg", "poll", "waitpid"};

struct counts {
    long calls, interrupted, shortened;
};

struct report {
    char wrong[160]; /* empty: all is well */
    long alarms, messages;
    struct counts counts[CALLS];
};

static struct report mine, total;
static volatile sig_atomic_t alarms;
static bool is_old; /* the kernel does not know RWF_NOSIGNAL */

/* ---- the wrappers */

ssize_t __real_read(int fd, void *buf, size_t n);
ssize_t __real_write(int fd, const void *buf, size_t n);
ssize_t __real_writev(int fd, const struct iovec *piece, int pieces);
ssize_t __real_pwritev2(int fd, const struct iovec *piece, int pieces, off_t offset, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
int __real_poll(struct pollfd *fds, nfds_t n, int timeout_ms);
pid_t __real_waitpid(pid_t pid, int *status, int options);

ssize_t __wrap_read(int fd, void *buf, size_t n);
ssize_t __wrap_write(int fd, const void *buf, size_t n);
ssize_t __wrap_writev(int fd, const struct iovec *piece, int pieces);
ssize_t __wrap_pwritev2(int fd, const struct iovec *piece, int pieces, off_t offset, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout_ms);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);

static ssize_t counted(enum call call, ssize_t result, size_t wanted)
{
    mine.counts[call].calls++;
    if (result == -1 && errno == EINTR)
        mine.counts[call].interrupted++;
    if (result > 0 && (size_t)result < wanted)
        mine.counts[call].shortened++;
    return result;
}

static size_t size_of_pieces(const struct iovec *piece, size_t pieces)
{
    size_t size = 0;

    for (size_t i = 0; i < pieces; i++)
        size += piece[i].iov_len;
    return size;
}

ssize_t __wrap_read(int fd, void *buf, size_t n)
{
    return counted(READ, __real_read(fd, buf, n), n);
}

ssize_t __wrap_write(int fd, const void *buf, size_t n)
{
    return counted(WRITE, __real_write(fd, buf, n), n);
}

ssize_t __wrap_writev(int fd, const struct iovec *piece, int pieces)
{
    return counted(WRITEV, __real_writev(fd, piece, pieces), size_of_pieces(piece, (size_t)pieces));
}

/* That there is no such flag is not counted: only a kernel before 6.18 says so. */
ssize_t __wrap_pwritev2(int fd, const struct iovec *piece, int pieces, off_t offset, int flags)
{
    ssize_t put;

    errno = EOPNOTSUPP;
    put = is_old ? -1 : __real_pwritev2(fd, piece, pieces, offset, flags);
    if (put == -1 && errno == EOPNOTSUPP)
        return put;
    return counted(PWRITEV2, put, size_of_pieces(piece, (size_t)pieces));
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    return counted(SENDMSG, __real_sendmsg(fd, message, flags),
                   size_of_pieces(message->msg_iov, (size_t)message->msg_iovlen));
}

pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
    return (pid_t)counted(WAITPID, __real_waitpid(pid, status, options), 0);
}

/* ---- a clock, and a poll that goes on behind its deadline */

static long long now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long poll_from_ns, poll_until_ns; /* not 0: what calls poll has begun, and has to be finished then */
static int late_waits, full_waits, first_timeout;

static void finish_worker(void);

/* A call that begins to wait after its deadline, once, may have been held up on its way here; twice is a wait that
 * starts again with every signal, and might never end. The same with one that waits for the full timeout when a good
 * part of it is over. */
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
    if (timeout_ms > first_timeout)
        first_timeout = timeout_ms;
    if (poll_until_ns != 0 && timeout_ms == first_timeout && now_ns() > poll_from_ns + 20000000 && ++full_waits == 2) {
        snprintf(mine.wrong, sizeof mine.wrong, "after an alarm it waits for the full timeout again");
        finish_worker();
    }
    if (poll_until_ns != 0 && timeout_ms > 0 && now_ns() > poll_until_ns && ++late_waits == 2) {
        snprintf(mine.wrong, sizeof mine.wrong, "it goes on waiting after its deadline, for %d ms", timeout_ms);
        finish_worker();
    }
    return (int)counted(POLL, __real_poll(fds, n, timeout_ms), 0);
}

/* ---- a worker: a process that does its job in a storm, reports, and leaves. It never asserts. */

struct job {
    int period_us, flags; /* the storm; 0: none */
    bool socket, nonblocking, bare, old;
    int timeout_ms;
    conn *reader, *writer;
};

struct worker {
    pid_t pid;
    int report;
};

static int number_from(const char *variable, int otherwise)
{
    const char *text = getenv(variable);

    return text == NULL ? otherwise : atoi(text);
}

static int report_fd;
static bool stuck; /* one test has waited in vain; the others would as well, for an hour */

static void __attribute__((format(printf, 1, 2))) wrong(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(mine.wrong, sizeof mine.wrong, format, args);
    va_end(args);
}

static void count_alarm(int sig)
{
    (void)sig;
    alarms++;
}

static void set_timer(int period_us)
{
    struct timeval period = {.tv_sec = period_us / 1000000, .tv_usec = period_us % 1000000};
    struct itimerval timer = {.it_value = period, .it_interval = period};

    if (setitimer(ITIMER_REAL, &timer, NULL) == -1)
        _exit(100);
}

static void begin_storm(const struct job *job)
{
    struct sigaction sa = {.sa_handler = count_alarm, .sa_flags = job->flags};
    int shortest = number_from("STORM_US", 0);

    if (job->period_us == 0)
        return;
    sigemptyset(&sa.sa_mask);
    if (sigaction(SIGALRM, &sa, NULL) == -1)
        _exit(100);
    set_timer(job->period_us > shortest ? job->period_us : shortest);
}

static void finish_worker(void)
{
    bool well = mine.wrong[0] == '\0';

    set_timer(0);
    mine.alarms = alarms;
    if (full_write(report_fd, &mine, sizeof mine) != sizeof mine)
        _exit(101);
    _exit(well ? 0 : 1);
}

static struct worker start(void (*body)(const struct job *), const struct job *job)
{
    struct worker w;
    int fd[2];

    if (stuck)
        fail_msg("not tried: a process was stuck in a test before");
    assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
    w.pid = fork_in_test();
    if (w.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* it may wait for what only a test that has failed would send */
        mine = (struct report){.alarms = 0};
        first_timeout = 0;
        is_old = job->old;
        report_fd = fd[1];
        begin_storm(job);
        body(job);
        finish_worker();
    }
    close(fd[1]);
    w.report = fd[0];
    return w;
}

static void add_to_total(const struct report *r)
{
    total.alarms += r->alarms;
    total.messages += r->messages;
    for (int i = 0; i < CALLS; i++) {
        total.counts[i].calls += r->counts[i].calls;
        total.counts[i].interrupted += r->counts[i].interrupted;
        total.counts[i].shortened += r->counts[i].shortened;
    }
}

/* Waits for the workers' reports and ends; fails if something went wrong, after printing what each has said. */
static void finish(struct worker *w, int workers, struct report *r)
{
    int status[2];

    for (int i = 0; i < workers; i++) {
        struct pollfd p = {.fd = w[i].report, .events = POLLIN};
        if (poll(&p, 1, PATIENCE_MS) != 1) {
            stuck = true;
            for (int k = 0; k < workers; k++)
                kill(w[k].pid, SIGKILL);
        }
        if (full_read(w[i].report, &r[i], sizeof r[i]) != sizeof r[i])
            snprintf(r[i].wrong, sizeof r[i].wrong, "no report: it crashed, or was stuck for %d ms", PATIENCE_MS);
        else
            add_to_total(&r[i]);
        close(w[i].report);
        assert_int_equal(safe_waitpid(w[i].pid, &status[i], 0), w[i].pid);
    }
    for (int i = 0; i < workers; i++)
        if (r[i].wrong[0] != '\0')
            print_error("process %d of %d: %s\n", i + 1, workers, r[i].wrong);
    for (int i = 0; i < workers; i++)
        if (status[i] != 0 || r[i].wrong[0] != '\0')
            fail_msg("process %d of %d: status %#x", i + 1, workers, (unsigned)status[i]);
}

/* ---- the messages: content and size follow from the number, so that the receiver knows both */

static const size_t small_sizes[] = {0,    1,    4091, 4092,  4093,  4094,  4095,
                                     4096, 4097, 65532, 65535, 65536, 65537};
enum { SMALL = sizeof small_sizes / sizeof small_sizes[0], ROUNDS = 15, ONE_MIB = 5, SIXTEEN_MIB = 2,
       MESSAGES = SMALL * ROUNDS + ONE_MIB + SIXTEEN_MIB };

static unsigned char bytes[LARGEST], expected[LARGEST];

static size_t size_of(int number)
{
    if (number < SMALL * ROUNDS)
        return small_sizes[number % SMALL];
    return number < SMALL * ROUNDS + ONE_MIB ? MIB : (size_t)number_from("STORM_LARGEST", LARGEST);
}

static void fill(unsigned char *to, size_t size, int number)
{
    uint64_t x = ((uint64_t)number + 1) * 0x9e3779b97f4a7c15U;

    for (size_t i = 0; i < size; i += sizeof x) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        memcpy(to + i, &x, size - i < sizeof x ? size - i : sizeof x);
    }
}

/* Waits for some alarms of this process's own, so that the other side meets a full pipe or an empty one, asleep. */
static void dawdle(const struct job *job)
{
    sigset_t alarm_only, old;
    int until = alarms + 5;

    if (job->period_us == 0)
        return;
    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    sigprocmask(SIG_BLOCK, &alarm_only, &old);
    while (alarms < until)
        sigsuspend(&old);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

/* ---- sending and receiving all of them, or without frames ("bare") */

static bool send_one(const struct job *job, int number)
{
    size_t size = size_of(number);
    bool sent;

    fill(bytes, size, number);
    errno = EXDEV; /* nobody's error */
    if (job->bare)
        sent = full_write(conn_fileno(job->writer), bytes, size) == size;
    else
        sent = conn_send_bytes(job->writer, bytes, size) == 0;
    if (!sent || errno != EXDEV) {
        wrong("sending message %d, %zu bytes, %s: %s", number, size, sent ? "changed errno" : "failed",
              strerror(errno));
        return false;
    }
    mine.messages++;
    return true;
}

static void send_all(const struct job *job)
{
    conn_close(job->reader);
    for (int i = 0; i < MESSAGES; i++) {
        if (i % 5 == 1)
            dawdle(job);
        if (!send_one(job, i))
            return;
    }
    if (conn_close(job->writer) == -1)
        wrong("conn_close: %s", strerror(errno));
}

static bool receive_one(const struct job *job, int number)
{
    size_t size = size_of(number), got = size;
    int result = 1;

    fill(expected, size, number);
    errno = EXDEV;
    if (job->bare)
        got = full_read(conn_fileno(job->reader), bytes, size);
    else
        result = conn_recv_bytes(job->reader, bytes, sizeof bytes, &got);
    if (result != 1 || got != size || errno != EXDEV)
        wrong("message %d: result %d, %zu bytes instead of %zu, errno: %s", number, result, got, size, strerror(errno));
    else if (memcmp(bytes, expected, size) != 0)
        wrong("message %d, %zu bytes: not what was sent", number, size);
    else
        mine.messages++;
    return mine.wrong[0] == '\0';
}

static void receive_all(const struct job *job)
{
    size_t got;

    conn_close(job->writer);
    for (int i = 0; i < MESSAGES; i++) {
        if (i % 5 == 3)
            dawdle(job);
        if (!receive_one(job, i))
            return;
    }
    if (job->bare ? full_read(conn_fileno(job->reader), bytes, 1) != 0 || errno != 0
                  : conn_recv_bytes(job->reader, bytes, sizeof bytes, &got) != 0)
        wrong("no end after the last message");
    conn_close(job->reader);
}

static void make_pair(struct job *job)
{
    assert_int_equal(conn_pair(&job->reader, &job->writer, job->socket), 0);
    if (job->nonblocking) {
        assert_int_equal(fcntl(conn_fileno(job->reader), F_SETFL, O_NONBLOCK), 0);
        assert_int_equal(fcntl(conn_fileno(job->writer), F_SETFL, O_NONBLOCK), 0);
    }
}

static void nothing_is_lost(void **state)
{
    struct job job = *(const struct job *)*state;
    struct worker w[2];
    struct report r[2];

    make_pair(&job);
    w[0] = start(send_all, &job);
    w[1] = start(receive_all, &job);
    conn_close(job.reader);
    conn_close(job.writer);
    finish(w, 2, r);
    assert_int_equal(r[0].messages, MESSAGES);
    assert_int_equal(r[1].messages, MESSAGES);
    assert_true(r[0].alarms > 0);
    assert_true(r[1].alarms > 0);
}

/* ---- conn_poll */

static void poll_an_empty_pipe(const struct job *job)
{
    long long began = now_ns(), took;
    int result;

    poll_from_ns = began;
    poll_until_ns = began + job->timeout_ms * 1000000LL;
    errno = EXDEV;
    result = conn_poll(job->reader, job->timeout_ms);
    took = now_ns() - began;
    poll_until_ns = 0;
    if (result != 0 || errno != EXDEV)
        wrong("conn_poll: %d, errno: %s", result, strerror(errno));
    else if (took < job->timeout_ms * 1000000LL)
        wrong("conn_poll(%d) was back after %lld ns", job->timeout_ms, took);
}

static void poll_is_never_early_and_comes_back(void **state)
{
    struct job job = {.period_us = *(const int *)*state, .timeout_ms = 300}, restart;
    struct worker w[2];
    struct report r[2];

    make_pair(&job);
    restart = job;
    restart.flags = SA_RESTART; /* no difference: poll is never restarted */
    w[0] = start(poll_an_empty_pipe, &job);
    w[1] = start(poll_an_empty_pipe, &restart);
    finish(w, 2, r);
    for (int i = 0; i < 2; i++) {
        assert_true(r[i].counts[POLL].interrupted > 0);
        print_message("conn_poll(300), SIGALRM every %d us, %s: %ld times interrupted\n", job.period_us,
                      i == 0 ? "no flag" : "SA_RESTART", r[i].counts[POLL].interrupted);
    }
    conn_close(job.reader);
    conn_close(job.writer);
}

static void poll_and_receive(const struct job *job)
{
    size_t got = 0;

    errno = EXDEV;
    if (conn_poll(job->reader, job->timeout_ms) != 1)
        wrong("conn_poll: %s", strerror(errno));
    else if (conn_recv_bytes(job->reader, bytes, sizeof bytes, &got) != 1 || got != 4 || memcmp(bytes, "fool", 4) != 0)
        wrong("conn_recv_bytes: %zu bytes", got);
    else if (errno != EXDEV)
        wrong("errno has become %s", strerror(errno));
}

static void poll_sees_a_message_in_the_storm(void **state)
{
    static const int timeouts[] = {-1, PATIENCE_MS};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct job job = {.period_us = 1000, .timeout_ms = timeouts[i]};
        struct worker w;
        struct report r;
        make_pair(&job);
        w = start(poll_and_receive, &job);
        await_asleep(w.pid, SYS_IN_POLL);
        assert_int_equal(conn_send(job.writer, "fool"), 0);
        finish(&w, 1, &r);
        conn_close(job.reader);
        conn_close(job.writer);
    }
}

/* ---- safe_waitpid */

static void wait_for_a_grandchild(const struct job *job)
{
    int status = 0, to_child[2];
    pid_t pid, ended;

    if (pipe2(to_child, O_CLOEXEC) == -1 || (pid = fork()) == -1) {
        wrong("pipe or fork: %s", strerror(errno));
        return;
    }
    if (pid == 0) { /* the timer is not inherited, the handler is: its own storm, 20 alarms long */
        begin_storm(job);
        for (int i = 0; i < 4; i++)
            dawdle(job);
        _exit(7);
    }
    errno = EXDEV;
    ended = safe_waitpid(pid, &status, 0);
    if (ended != pid || errno != EXDEV || !WIFEXITED(status) || WEXITSTATUS(status) != 7)
        wrong("safe_waitpid: %d, status %#x, errno: %s", (int)ended, (unsigned)status, strerror(errno));
}

static void waitpid_is_not_interrupted(void **state)
{
    struct job job = {.period_us = 1000};
    struct worker w = start(wait_for_a_grandchild, &job);
    struct report r;

    (void)state;
    finish(&w, 1, &r);
    assert_true(r.counts[WAITPID].interrupted > 0);
}

/* ---- waiting costs nothing */

/* Lets the kernel go back and forth between this process and another one, so many times. */
static void scheduling_rounds(int rounds)
{
    int there[2], back[2], status;
    char byte = 'x';
    pid_t pid;

    assert_int_equal(pipe2(there, O_CLOEXEC), 0);
    assert_int_equal(pipe2(back, O_CLOEXEC), 0);
    pid = fork_in_test();
    if (pid == 0) {
        close(there[1]);
        while (safe_read(there[0], &byte, 1) == 1 && safe_write(back[1], &byte, 1) == 1)
            ;
        _exit(0);
    }
    for (int i = 0; i < rounds; i++) {
        assert_int_equal(safe_write(there[1], &byte, 1), 1);
        assert_int_equal(safe_read(back[0], &byte, 1), 1);
    }
    for (int i = 0; i < 2; i++) {
        close(there[1 - i]);
        close(back[1 - i]);
    }
    assert_int_equal(safe_waitpid(pid, &status, 0), pid);
}

/* CPU time that the process uses while it sleeps and others run. */
static long long time_used_asleep(pid_t pid, long number)
{
    long long before;

    await_asleep(pid, number);
    before = cpu_time_of(pid);
    scheduling_rounds(200);
    await_asleep(pid, number); /* still, or again */
    return cpu_time_of(pid) - before;
}

/* TSan has a thread of its own in every process, which wakes ten times a second: there, one quiet moment is enough. */
static void uses_no_time_in(pid_t pid, long number)
{
    int tries = getenv("TESTKIT_DEFERS_SIGNALS") == NULL ? 1 : 5;
    long long used;

    do {
        used = time_used_asleep(pid, number);
    } while (used > 0 && --tries > 0);
    if (used > 0)
        fail_msg("asleep in system call %ld, the process has used %lld ns", number, used);
}

enum { LATE = SMALL * ROUNDS }; /* the number of a message of 1 MiB: it does not fit any pipe */

static void send_late(const struct job *job)
{
    conn_close(job->reader);
    send_one(job, LATE);
}

static void receive_late(const struct job *job)
{
    conn_close(job->writer);
    receive_one(job, LATE);
}

static void full_pipe(struct job job, long number)
{
    struct worker w;
    struct report r;

    make_pair(&job);
    w = start(send_late, &job);
    uses_no_time_in(w.pid, number);
    mine.wrong[0] = '\0';
    conn_close(job.writer);
    if (!receive_one(&job, LATE))
        fail_msg("%s", mine.wrong);
    conn_close(job.reader);
    finish(&w, 1, &r);
}

static void empty_pipe(struct job job, long number)
{
    struct worker w;
    struct report r;

    make_pair(&job);
    w = start(receive_late, &job);
    uses_no_time_in(w.pid, number);
    mine.wrong[0] = '\0';
    conn_close(job.reader);
    if (!send_one(&job, LATE))
        fail_msg("%s", mine.wrong);
    conn_close(job.writer);
    finish(&w, 1, &r);
}

static void waiting_in_a_full_pipe_uses_no_cpu_time(void **state)
{
    (void)state;
    full_pipe((struct job){.old = true}, SYS_writev);
    if (total.counts[PWRITEV2].calls > 0)
        full_pipe((struct job){.old = false}, SYS_pwritev2);
    full_pipe((struct job){.socket = true}, SYS_sendmsg);
    full_pipe((struct job){.nonblocking = true}, SYS_IN_POLL);
}

static void waiting_in_an_empty_pipe_uses_no_cpu_time(void **state)
{
    (void)state;
    empty_pipe((struct job){.socket = false}, SYS_read);
    empty_pipe((struct job){.socket = true}, SYS_read);
    empty_pipe((struct job){.nonblocking = true}, SYS_IN_POLL);
}

static void polling_an_empty_pipe_uses_no_cpu_time(void **state)
{
    struct job job = {.timeout_ms = -1};
    struct worker w;
    struct report r;

    (void)state;
    make_pair(&job);
    w = start(poll_and_receive, &job);
    uses_no_time_in(w.pid, SYS_IN_POLL);
    assert_int_equal(conn_send(job.writer, "fool"), 0);
    finish(&w, 1, &r);
    conn_close(job.reader);
    conn_close(job.writer);
}

/* ---- was it a storm? */

static void calls_were_really_interrupted_and_short(void **state)
{
    (void)state;
    print_message("the whole run: %ld messages sent and received, %ld alarms\n", total.messages, total.alarms);
    for (int i = 0; i < CALLS; i++)
        print_message("%8s: %7ld calls, %6ld interrupted (EINTR), %6ld short\n", call_names[i], total.counts[i].calls,
                      total.counts[i].interrupted, total.counts[i].shortened);
    for (int i = 0; i < CALLS; i++) {
        if (i == PWRITEV2 && total.counts[i].calls == 0)
            continue; /* not on this kernel */
        if (total.counts[i].interrupted == 0)
            fail_msg("%s was never interrupted: no storm", call_names[i]);
        if (i <= SENDMSG && total.counts[i].shortened == 0)
            fail_msg("%s was never short: no storm", call_names[i]);
    }
}

#define STORM(what, period, flag, flag_name, ...) \
    { \
        .name = "nothing_is_lost_in_a_" #what "_" #period "us" flag_name, .test_func = nothing_is_lost, \
        .teardown_func = kill_family, .initial_state = &(struct job){.period_us = period, .flags = flag, __VA_ARGS__} \
    }
#define STORMS(what, ...) \
    STORM(what, 1000, 0, "", __VA_ARGS__), STORM(what, 1000, SA_RESTART, "_SA_RESTART", __VA_ARGS__), \
        STORM(what, 100, 0, "", __VA_ARGS__), STORM(what, 100, SA_RESTART, "_SA_RESTART", __VA_ARGS__)
#define POLLED_STORM(period) \
    { \
        .name = "poll_is_never_early_and_comes_back_" #period "us", .test_func = poll_is_never_early_and_comes_back, \
        .teardown_func = kill_family, .initial_state = &(int){period} \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORMS(pipe, .socket = false),
        STORMS(old_pipe, .old = true),
        STORMS(socketpair, .socket = true),
        STORMS(nonblocking_pipe, .nonblocking = true),
        STORMS(nonblocking_socketpair, .nonblocking = true, .socket = true),
        STORMS(pipe_without_frames, .bare = true), /* full_read and full_write */
        POLLED_STORM(100),
        POLLED_STORM(1000),
        POLLED_STORM(10000),
        cmocka_unit_test(poll_sees_a_message_in_the_storm),
        cmocka_unit_test(waitpid_is_not_interrupted),
        cmocka_unit_test(waiting_in_a_full_pipe_uses_no_cpu_time),
        cmocka_unit_test(waiting_in_an_empty_pipe_uses_no_cpu_time),
        cmocka_unit_test(polling_an_empty_pipe_uses_no_cpu_time),
        cmocka_unit_test(calls_were_really_interrupted_and_short), /* the last */
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
