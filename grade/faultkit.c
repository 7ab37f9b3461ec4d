/* faultkit.c - see faultkit.h. */
#include "faultkit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "judge.h"

enum { GUARD = 4096, GUARD_BYTE = 0xA5 };

struct stream stream[STREAMS];
unsigned char written[STREAMS][STREAM_MAX];
const char *trying = "a function";
size_t largest_allocation;
int storm_interrupted, storm_short;
unsigned char letters[STREAM_MAX];

static void __attribute__((constructor)) fill_letters(void)
{
    for (size_t i = 0; i < STREAM_MAX; i++)
        letters[i] = (unsigned char)(i % 251);
}

/* ---- words */

const char only_after_minus_1[] =
    " (errno was EINTR from an earlier call: only after a -1 does it say "
    "anything.)";

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

const char *errno_name(int error)
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
    case EXDEV: return "EXDEV, which the test had put there before the call";
    }
    snprintf(number, sizeof number, "%d (%s)", error, strerror(error));
    return number;
}

void tell_what_was_planted(char *text, size_t size)
{
    size_t n = 0;

    for (int i = 0; i < STREAMS * 2; i++) {
        const struct stream *s = &stream[i / 2];
        int call = s->fault[i % 2].call;
        if (call == 0 || s->calls < call || n >= size)
            continue;
        n += (size_t)snprintf(text + n, size - n, "%s %s call %d %s",
                              n == 0 ? " (Here" : ",", s->call, call,
                              name_of(s->fault[i % 2].how));
    }
    if (n > 0 && n < size)
        snprintf(text + n, size - n, ".)");
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

/* Calls that move nothing are counted: with too many of them in a row the
 * function would never end. */
static void count_idle(int *idle_calls, const char *call, int how)
{
    const char *old = errno == EINTR ? only_after_minus_1 : "";

    if (++*idle_calls < CALLS_MAX)
        return;
    if (how == NOTHING)
        wrong("%s called write %d times without progress: a write that returns "
              "0 must end the loop (ENOSPC).%s", trying, CALLS_MAX, old);
    if (how == END)
        wrong("%s called read %d times after the end of file: a read that "
              "returns 0 must end the loop.%s", trying, CALLS_MAX, old);
    if (how == 0)
        wrong("%s called %s %d times with a size of 0: that moves nothing.",
              trying, call, CALLS_MAX);
    wrong("%s called %s %d times without progress: only EINTR is a reason to "
          "try again.", trying, call, CALLS_MAX);
}

/* What becomes of a call that asks for n bytes when there are `possible`; 0 if
 * it is given all. */
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

static void count_call(struct stream *s, const char *call)
{
    s->call = call;
    if (s->ended == 0)
        return;
    s->calls_after_end++;
    s->old_errno = (s->ended == END || s->ended == NOTHING) && errno == EINTR;
}

/* How many bytes this call moves of the n it asks for; or -1. */
static ssize_t next_result(struct stream *s, const char *call, size_t n,
                           size_t possible)
{
    int how;

    if (n == 0) {
        s->call = call;
        count_idle(&s->idle_calls, call, 0);
        return 0;
    }
    count_call(s, call);
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
        memcpy(written[s - stream] + s->output_size, buf, (size_t)put);
        s->output_size += (size_t)put;
    }
    return put;
}

/* ---- malloc and its kin, wrapped */

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

unsigned char *fresh_buffer(size_t size)
{
    memset(arena, GUARD_BYTE, GUARD + size + GUARD);
    return arena + GUARD;
}

void check_guards(size_t size)
{
    for (size_t i = 0; i < GUARD; i++)
        if (arena[i] != GUARD_BYTE || arena[GUARD + size + i] != GUARD_BYTE)
            wrong("%s wrote outside buf: there is room for %zu bytes, and no "
                  "more.", trying, size);
}
