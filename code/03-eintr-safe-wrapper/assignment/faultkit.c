/* faultkit.c - see faultkit.h. Linux only: PR_SET_PDEATHSIG. */
#include "faultkit.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "frame.h"

enum { DEADLINE_MS = 20000, TEXT = 1000, GUARD = 4096, GUARD_BYTE = 0xA5 };

struct stream stream[STREAMS];
static unsigned char output[STREAMS][STREAM_MAX];
int callers_errno = EXDEV; /* one that neither read nor write ever sets */
size_t largest_allocation;
int storm_interrupted, storm_short;
unsigned char letters[STREAM_MAX];

static int verdict_fd = -1;
static const char *trying = "a function"; /* the student's function that runs */

/* ---- a test and its process */

static const char *name_of(int how)
{
    switch (how) {
    case SHORT: return "moved only 1 byte";
    case NOTHING: return "returned 0";
    case END: return "found the end";
    case EINTR: return "was interrupted (EINTR)";
    case EAGAIN: return "failed with EAGAIN";
    case EIO: return "failed with EIO";
    case EPIPE: return "failed with EPIPE";
    case ECONNRESET: return "failed with ECONNRESET";
    default: return strerror(how);
    }
}

static const char *errno_name(int error)
{
    static char number[40];

    switch (error) {
    case 0: return "0";
    case EINTR: return "EINTR";
    case EAGAIN: return "EAGAIN";
    case EIO: return "EIO";
    case EPIPE: return "EPIPE";
    case ECONNRESET: return "ECONNRESET";
    case ENOSPC: return "ENOSPC";
    case EPROTO: return "EPROTO";
    case EMSGSIZE: return "EMSGSIZE";
    case EXDEV: return "EXDEV";
    default: snprintf(number, sizeof number, "%d (%s)", error, strerror(error)); return number;
    }
}

/* What had been done to the function when it went wrong. */
static int describe(char *text, size_t size)
{
    int n = 0;

    for (int i = 0; i < STREAMS && n < (int)size; i++)
        for (int f = 0; f < 2 && n < (int)size; f++)
            if (stream[i].fault[f].call > 0 && stream[i].calls >= stream[i].fault[f].call)
                n += snprintf(text + n, size - (size_t)n, "%s %s call %d %s", n == 0 ? " (Here" : ",", stream[i].call,
                              stream[i].fault[f].call, name_of(stream[i].fault[f].how));
    if (n > 0 && n < (int)size)
        n += snprintf(text + n, size - (size_t)n, ".)");
    return n < (int)size ? n : (int)size - 1;
}

void wrong(const char *format, ...)
{
    char text[TEXT], here[TEXT] = "";
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    describe(here, sizeof here);
    dprintf(verdict_fd, "%s%s ", text, here);
    _exit(1);
}

void die_with_parent(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static long long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Reads the verdict until each process of the test has ended. Returns false if the time is up before. */
static bool read_verdict(int fd, char *text, size_t size)
{
    long long deadline = now_ms() + DEADLINE_MS;
    size_t done = 0;

    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        long long left = deadline - now_ms();
        ssize_t n;
        if (poll(&p, 1, left > 0 ? (int)left : 0) == 0)
            return false;
        n = read(fd, text + done, size - 1 - done);
        if (n <= 0)
            return true;
        done += (size_t)n;
    }
}

static void child_main(int fd, void (*body)(void))
{
    struct rlimit stack = {8 << 20, 8 << 20};

    setpgid(0, 0);
    die_with_parent();
    setrlimit(RLIMIT_STACK, &stack);
    for (int i = SIGHUP; i <= SIGTERM; i++) /* cmocka catches crashes itself: not here */
        if (i != SIGKILL && i != SIGPIPE)
            signal(i, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < STREAM_MAX; i++)
        letters[i] = (unsigned char)(i % 251);
    verdict_fd = fd;
    body();
    _exit(0);
}

/* Starts a test's process. Its words are read from *fd. */
static pid_t start_child(void (*body)(void), int *fd)
{
    int ends[2];
    pid_t pid;

    fflush(NULL);
    if (pipe(ends) == -1)
        fail_msg("pipe: %s", strerror(errno));
    pid = fork();
    if (pid == -1)
        fail_msg("fork: %s", strerror(errno));
    if (pid == 0)
        child_main(ends[1], body);
    close(ends[1]);
    *fd = ends[0];
    return pid;
}

void in_child(void (*body)(void))
{
    char text[2 * TEXT] = "";
    int fd, status = 0;
    pid_t pid = start_child(body, &fd);
    bool in_time = read_verdict(fd, text, sizeof text);

    if (!in_time)
        kill(pid, SIGKILL);
    kill(-pid, SIGKILL);
    waitpid(pid, &status, 0);
    close(fd);
    if (!in_time)
        fail_msg("still running after %d seconds: a loop that never ends, or a call that waits for ever. %s",
                 DEADLINE_MS / 1000, text);
    if (text[0] != '\0')
        fail_msg("%s", text);
    if (WIFSIGNALED(status))
        fail_msg("your code crashed: signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    if (WEXITSTATUS(status) != 0)
        fail_msg("your code ended the process with status %d", WEXITSTATUS(status));
}

/* ---- read and write, wrapped */

ssize_t __real_read(int fd, void *buf, size_t n);
ssize_t __real_write(int fd, const void *buf, size_t n);
ssize_t __wrap_read(int fd, void *buf, size_t n);
ssize_t __wrap_write(int fd, const void *buf, size_t n);

static struct stream *stream_of(int fd)
{
    return fd >= FD && fd < FD + STREAMS ? &stream[fd - FD] : NULL;
}

/* What the script says of this call: 0 if nothing. */
static int next_fault(struct stream *s)
{
    s->calls++;
    if (s->ended == NOTHING)
        return NOTHING;
    for (int i = 0; i < 2; i++)
        if (s->fault[i].call == s->calls) {
            s->faults_met++;
            return s->fault[i].how;
        }
    if (s->interrupted < s->interrupt_every) {
        s->interrupted++;
        return EINTR;
    }
    s->interrupted = 0;
    return 0;
}

/* Calls that move nothing are counted: with too many of them in a row the function would never end. */
static void count_idle(int *idle_calls, const char *call, int how)
{
    if (++*idle_calls < CALLS_MAX)
        return;
    if (how == NOTHING)
        wrong("%s called write %d times without progress: a write that returns 0 must end the loop (ENOSPC).", trying,
              CALLS_MAX);
    if (how == END)
        wrong("%s called read %d times after the end of file: a read that returns 0 must end the loop.", trying,
              CALLS_MAX);
    if (how == 0)
        wrong("%s called %s %d times with a size of 0: that moves nothing.", trying, call, CALLS_MAX);
    wrong("%s called %s %d times without progress: only EINTR is a reason to try again.", trying, call, CALLS_MAX);
}

/* What becomes of a call that asks for n bytes when there are `possible`; 0 if it is given all. */
static int becomes_of(struct stream *s, size_t n, size_t *possible)
{
    int how = next_fault(s);

    if (how > 0 || how == NOTHING)
        *possible = 0;
    else if (*possible == 0)
        how = END;
    else if (how == SHORT)
        *possible = 1;
    else if (s->at_most != 0 && *possible > s->at_most)
        *possible = s->at_most;
    return how == 0 && *possible < n ? SHORT : how;
}

/* How many bytes this call moves of the n it asks for; or -1. */
static ssize_t next_result(struct stream *s, const char *call, size_t n, size_t possible)
{
    int how;

    s->call = call;
    if (n == 0) {
        count_idle(&s->idle_calls, call, 0);
        return 0;
    }
    s->calls_after_end += s->ended != 0;
    s->last = how = becomes_of(s, n, &possible);
    if (s->ended == 0 && how != 0 && how != SHORT && how != EINTR)
        s->ended = how;
    if (possible == 0)
        count_idle(&s->idle_calls, call, how);
    else
        s->idle_calls = 0;
    if (how <= 0)
        return (ssize_t)possible;
    errno = how;
    return -1;
}

static ssize_t note_storm(const char *call, ssize_t result, size_t n)
{
    static int idle_calls;

    if (result == -1 && errno == EINTR)
        storm_interrupted++;
    else if (result <= 0 && n > 0)
        count_idle(&idle_calls, call, result == -1 ? errno : END);
    if (result > 0 && (size_t)result < n)
        storm_short++;
    return result;
}

ssize_t __wrap_read(int fd, void *buf, size_t n)
{
    struct stream *s = stream_of(fd);
    size_t left;
    ssize_t got;

    if (s == NULL)
        return note_storm("read", __real_read(fd, buf, n), n);
    left = s->input_size - s->taken;
    got = next_result(s, "read", n, left < n ? left : n);
    if (got > 0) {
        memcpy(buf, s->input + s->taken, (size_t)got);
        s->taken += (size_t)got;
    }
    return got;
}

ssize_t __wrap_write(int fd, const void *buf, size_t n)
{
    struct stream *s = stream_of(fd);
    size_t room;
    ssize_t put;

    if (s == NULL)
        return note_storm("write", __real_write(fd, buf, n), n);
    room = STREAM_MAX - s->output_size;
    if (room == 0 && n > 0)
        wrong("%s writes on and on: %zu bytes so far.", trying, s->output_size);
    put = next_result(s, "write", n, room < n ? room : n);
    if (put > 0) {
        memcpy(output[s - stream] + s->output_size, buf, (size_t)put);
        s->output_size += (size_t)put;
    }
    return put;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static size_t note_allocation(size_t size)
{
    if (size > largest_allocation)
        largest_allocation = size;
    return size;
}

void *__wrap_malloc(size_t size)
{
    return __real_malloc(note_allocation(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    note_allocation(count * size);
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return __real_realloc(old, note_allocation(size));
}

/* ---- a buffer with guards around it */

static unsigned char arena[GUARD + STREAM_MAX + GUARD];

static unsigned char *fresh_buffer(size_t size)
{
    memset(arena, GUARD_BYTE, GUARD + size + GUARD);
    return arena + GUARD;
}

static void check_guards(const char *function, size_t size)
{
    for (size_t i = 0; i < GUARD; i++)
        if (arena[i] != GUARD_BYTE || arena[GUARD + size + i] != GUARD_BYTE)
            wrong("%s wrote outside buf: there is room for %zu bytes, and no more.", function, size);
}

/* ---- what is the same for all four functions */

static void prepare(struct stream *s, const char *function, const char *call)
{
    trying = function;
    s->call = call;
    s->ended = s->calls_after_end = s->idle_calls = s->last = 0;
    errno = callers_errno;
}

static void check_written(const char *function, bool failed, int error)
{
    if (failed && error == ENOSYS)
        wrong("%s is not written yet.", function);
}

static void check_end_respected(const struct stream *s, const char *function)
{
    if (s->calls_after_end == 0)
        return;
    if (s->ended == END)
        wrong("%s called read again after the end of file: a read that returns 0 must end the loop.", function);
    if (s->ended == NOTHING)
        wrong("%s called write again after it had returned 0: that must end the loop (ENOSPC).", function);
    wrong("%s called %s again after the error %s: only EINTR is a reason to try again.", function, s->call,
          errno_name(s->ended));
}

/* A function came back too early, and nothing had happened that allows it. */
static void gave_up(const struct stream *s, const char *function, int error)
{
    if (s->calls == 0)
        wrong("%s did not call %s.", function, s->call);
    if (s->last == EINTR)
        wrong("%s gave up after a signal (EINTR): try the %s again.", function, s->call);
    if (s->last == SHORT)
        wrong("%s took a short count for the whole: go on with the rest.", function);
    wrong("%s failed with errno %s, but no %s had failed.", function, errno_name(error), s->call);
}

static void check_errno(const char *function, const char *when, int error, int expected)
{
    if (error == expected)
        return;
    if (expected == callers_errno)
        wrong("%s changed errno to %s though it %s: save errno before, and restore it.", function, errno_name(error),
              when);
    wrong("%s must set errno to %s when it %s; it was %s.", function, errno_name(expected), when, errno_name(error));
}

static int expected_errno(const struct stream *s)
{
    return s->ended == 0 ? callers_errno : s->ended == END ? 0 : s->ended == NOTHING ? ENOSPC : s->ended;
}

/* ---- full_read and full_write */

static void check_count(const struct stream *s, const char *function, size_t n, size_t moved, size_t result, int error)
{
    check_end_respected(s, function);
    if (moved > n)
        wrong("%s moved %zu bytes where %zu were asked for: after a short count or a signal, go on where it stopped, "
              "and ask for what is missing.", function, moved, n);
    if (result == (size_t)-1)
        wrong("%s returned -1: it returns the number of bytes that were moved, and errno tells the rest.", function);
    if (s->ended == 0 && moved < n)
        gave_up(s, function, error);
    if (result != moved)
        wrong("%s moved %zu bytes of %zu and returned %zu: return the true count, also after an error.", function, moved,
              n, result);
    check_errno(function, s->ended == 0 ? "succeeded" : s->ended == END ? "meets the end of file" :
                          s->ended == NOTHING ? "meets a write of 0 bytes" : "meets that error",
                error, expected_errno(s));
}

void try_full_read(size_t n)
{
    struct stream *s = &stream[0];
    unsigned char *buf = fresh_buffer(n);
    size_t before = s->taken, result;
    int error;

    prepare(s, "full_read", "read");
    result = full_read(FD, buf, n);
    error = errno;
    check_written("full_read", result == 0, error);
    check_count(s, "full_read", n, s->taken - before, result, error);
    check_guards("full_read", n);
    if (memcmp(buf, s->input + before, result) != 0)
        wrong("full_read put the bytes in the wrong place: the next ones belong at buf + done.");
    if (n == 0 && s->calls + s->idle_calls != 0)
        wrong("full_read called read though n is 0.");
}

void try_full_write(size_t n)
{
    struct stream *s = &stream[0];
    size_t before = s->output_size, result;
    int error;

    prepare(s, "full_write", "write");
    result = full_write(FD, letters, n);
    error = errno;
    check_written("full_write", result == 0, error);
    check_count(s, "full_write", n, s->output_size - before, result, error);
    if (memcmp(output[0] + before, letters, result) != 0)
        wrong("full_write wrote the wrong bytes: the next ones are at buf + done.");
    if (n == 0 && s->calls + s->idle_calls != 0)
        wrong("full_write called write though n is 0.");
}

/* ---- send_message */

size_t put_message(unsigned char *wire, size_t at, const void *bytes, uint32_t length)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        wire[at++] = (unsigned char)(length >> shift);
    if (bytes != NULL)
        memcpy(wire + at, bytes, length);
    return at + (bytes == NULL ? 0 : length);
}

static void check_frame(const struct stream *s, size_t before, const unsigned char *frame, size_t size)
{
    const unsigned char *out = output[s - stream] + before;
    size_t moved = s->output_size - before;

    if (moved > size)
        wrong("send_message wrote %zu bytes where length and message are %zu: after a short count or a signal, go on "
              "where it stopped.", moved, size);
    if (moved >= 4 && memcmp(out, frame, 4) != 0)
        wrong("send_message wrote the length as %02x %02x %02x %02x; it is %02x %02x %02x %02x, the most significant "
              "byte first.", out[0], out[1], out[2], out[3], frame[0], frame[1], frame[2], frame[3]);
    if (memcmp(out, frame, moved) != 0)
        wrong("send_message wrote wrong bytes after the length.");
}

void try_send_message(int i, const void *buf, size_t len)
{
    static unsigned char frame[STREAM_MAX];
    struct stream *s = &stream[i];
    size_t before = s->output_size, size = put_message(frame, 0, buf, (uint32_t)len);
    int result, error;

    prepare(s, "send_message", "write");
    result = send_message(FD + i, buf, len);
    error = errno;
    check_written("send_message", result == -1, error);
    check_end_respected(s, "send_message");
    check_frame(s, before, frame, size);
    if (s->ended == 0 && (result == -1 || s->output_size - before < size))
        gave_up(s, "send_message", error);
    if (result != (s->ended == 0 ? 0 : -1))
        wrong("send_message returned %d: 0 says that all of it was written, -1 that it was not.", result);
    check_errno("send_message", s->ended == 0 ? "succeeded" : "meets that error", error, expected_errno(s));
}

/* ---- recv_message */

/* What a call of recv_message must do, after what has happened to it. */
struct outcome {
    int result, error;
    size_t length, taken;
    bool whole; /* the end was met, but behind a whole message */
};

static struct outcome expected_outcome(const struct stream *s, size_t before, size_t size)
{
    const unsigned char *in = s->input + before;
    size_t left = s->input_size - before;
    struct outcome o = {.result = -1, .error = expected_errno(s)};

    if (s->ended != END && s->ended != 0)
        return o;
    if (left >= 4)
        o.length = (size_t)in[0] << 24 | (size_t)in[1] << 16 | (size_t)in[2] << 8 | in[3];
    if (s->ended == END && left == 0)
        return (struct outcome){.result = 0, .error = callers_errno};
    if (s->ended == END)
        return (struct outcome){.result = -1, .error = EPROTO, .taken = left, .length = o.length,
                                .whole = left >= 4 && left - 4 >= o.length};
    o.taken = o.length > MESSAGE_MAX ? 4 : 4 + o.length;
    if (o.length > MESSAGE_MAX)
        o.error = EPROTO;
    else if (o.length > size)
        o.error = EMSGSIZE;
    else
        o.result = 1;
    return o;
}

static void wrong_result(const struct stream *s, const struct outcome *o, int result, int error, size_t taken)
{
    if (s->ended == 0 && taken < o->taken && o->error != EMSGSIZE)
        gave_up(s, "recv_message", error);
    if (o->result == 0)
        wrong("recv_message returned %d at the end of file: between two messages, that is the end, and 0.", result);
    if (s->ended == END && result == 1)
        wrong("recv_message returned 1 though the end of file came first: a message is torn (-1, EPROTO).");
    if (s->ended == END && o->taken <= 4 && result == 0)
        wrong("recv_message took the end of file in or after a length for the end: a message is torn (-1, EPROTO).");
    if (s->ended == END)
        wrong("recv_message returned %d for a message that is torn by the end of file: -1 and EPROTO.", result);
    if (o->error == EMSGSIZE)
        wrong("recv_message returned %d for a message that does not fit into buf: -1 and EMSGSIZE.", result);
    if (o->error == EPROTO)
        wrong("recv_message returned %d for a length above MESSAGE_MAX: -1 and EPROTO.", result);
    if (o->result == 1)
        wrong("recv_message returned %d for a whole message%s: that is 1.", result,
              o->length == 0 ? " that is empty" : "");
    wrong("recv_message returned %d after a read that failed: that is -1.", result);
}

static void check_consumed(const struct outcome *o, size_t taken)
{
    if (taken > o->taken)
        wrong("recv_message read %zu bytes where length and message are %zu: what follows belongs to the next message.",
              taken, o->taken);
    if (taken < o->taken && o->error == EMSGSIZE)
        wrong("recv_message left a part of the message that did not fit in the stream: read it to its end, or the next "
              "call takes it for a length.");
    if (taken < o->taken)
        wrong("recv_message read %zu bytes where length and message are %zu.", taken, o->taken);
}

static void check_len(const struct outcome *o, size_t len)
{
    bool tells = o->result == 1 || (o->result == -1 && o->error == EMSGSIZE && o->length > 0);

    if (tells && len != o->length)
        wrong("recv_message must set *len to the message's length, %zu; it was %zu.", o->length, len);
    if (!tells && len != 12345)
        wrong("recv_message set *len though there was neither a message nor one that is too long.");
}

/* Whether what was asked of the stream, and the result, are those of the contract. */
static void check_receiving(const struct stream *s, const struct outcome *o, int result, int error, size_t taken)
{
    if (o->length > MESSAGE_MAX && taken > 4)
        wrong("recv_message read on after a length above MESSAGE_MAX: that is EPROTO at once.");
    if (o->whole)
        wrong("recv_message lost its place: the message was there, and it read on to the end of file. After a signal, do "
              "not begin again: the length is gone from the stream.");
    check_end_respected(s, "recv_message");
    if (result != o->result)
        wrong_result(s, o, result, error, taken);
    if (s->ended == 0 && s->last == EINTR && error != o->error)
        gave_up(s, "recv_message", error);
    check_errno("recv_message", o->result == 1 ? "succeeded" : o->result == 0 ? "met the end" :
                o->error == EMSGSIZE ? "meets a message that does not fit" :
                o->error == EPROTO ? "meets a torn message or an impossible length" : "meets that error",
                error, o->error);
    if (s->ended == 0)
        check_consumed(o, taken);
}

int try_recv_message(int i, size_t size)
{
    struct stream *s = &stream[i];
    unsigned char *buf = fresh_buffer(size);
    size_t before = s->taken, len = 12345;
    struct outcome o;
    int result, error;

    prepare(s, "recv_message", "read");
    result = recv_message(FD + i, size == 0 ? NULL : buf, size, &len);
    error = errno;
    check_written("recv_message", result == -1, error);
    check_guards("recv_message", size);
    o = expected_outcome(s, before, size);
    check_receiving(s, &o, result, error, s->taken - before);
    check_len(&o, len);
    if (result == 1 && memcmp(buf, s->input + before + 4, len) != 0)
        wrong("recv_message put wrong bytes into buf.");
    return result;
}
