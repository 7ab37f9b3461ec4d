/* framekit.c - see framekit.h. */
#include "framekit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "faultkit.h"
#include "frame.h"
#include "judge.h"

enum { HEADER = 4, UNTOUCHED = 12345 };

int callers_errno = EXDEV; /* one that neither read nor write ever sets */

/* ---- what is the same for all four functions */

static void prepare(struct stream *s, const char *function, const char *call)
{
    trying = function;
    s->call = call;
    s->ended = s->calls_after_end = s->idle_calls = s->last = 0;
    s->old_errno = false;
    errno = callers_errno;
}

static void check_is_there(bool failed, int error)
{
    if (failed && error == ENOSYS)
        wrong("%s is not written yet.", trying);
}

static void check_end_respected(const struct stream *s)
{
    const char *old = s->old_errno ? only_after_minus_1 : "";

    if (s->calls_after_end == 0)
        return;
    if (s->ended == END)
        wrong("%s called read again after the end of file: a read that returns "
              "0 must end the loop.%s", trying, old);
    if (s->ended == NOTHING)
        wrong("%s called write again after it had returned 0: that must end "
              "the loop (ENOSPC).%s", trying, old);
    wrong("%s called %s again after the error %s: only EINTR is a reason to "
          "try again.", trying, s->call, errno_name(s->ended));
}

/* A function came back too early, and nothing had happened that allows it. */
static void gave_up(const struct stream *s, int error)
{
    if (s->calls == 0)
        wrong("%s did not call %s.", trying, s->call);
    if (s->last == EINTR)
        wrong("%s gave up after a signal (EINTR): try the %s again.", trying,
              s->call);
    if (s->last == SHORT)
        wrong("%s took a short count for the whole: go on with the rest.",
              trying);
    wrong("%s came back too early, though no %s had failed; errno was %s.",
          trying, s->call, errno_name(error));
}

static void check_errno(const char *when, int error, int expected)
{
    if (error == expected)
        return;
    if (expected == callers_errno)
        wrong("%s changed errno to %s though it %s: save errno before, and "
              "restore it.", trying, errno_name(error), when);
    wrong("%s must set errno to %s when it %s; it was %s.", trying,
          expected == 0 ? "0" : errno_name(expected), when, errno_name(error));
}

static int expected_errno(const struct stream *s)
{
    switch (s->ended) {
    case 0: return callers_errno;
    case END: return 0;
    case NOTHING: return ENOSPC;
    default: return s->ended;
    }
}

static const char *what_happened(const struct stream *s)
{
    switch (s->ended) {
    case 0: return "succeeded";
    case END: return "meets the end of file";
    case NOTHING: return "meets a write of 0 bytes";
    default: return "meets that error";
    }
}

/* ---- full_read and full_write */

static void check_count(const struct stream *s, size_t n, size_t moved,
                        size_t result, int error)
{
    check_end_respected(s);
    if (moved > n)
        wrong("%s moved %zu bytes where %zu were asked for: after a short "
              "count or a signal, go on where it stopped, and ask for what is "
              "missing.", trying, moved, n);
    if (result == (size_t)-1)
        wrong("%s returned -1: it returns the number of bytes that were moved, "
              "and errno tells the rest.", trying);
    if (s->ended == 0 && moved < n)
        gave_up(s, error);
    if (result != moved)
        wrong("%s moved %zu bytes of %zu and returned %zu: return the true "
              "count, also after an error.", trying, moved, n, result);
    check_errno(what_happened(s), error, expected_errno(s));
    if (n == 0 && s->calls + s->idle_calls != 0)
        wrong("%s called %s though n is 0.", trying, s->call);
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
    check_is_there(result == 0, error);
    check_count(s, n, s->taken - before, result, error);
    check_guards(n);
    if (memcmp(buf, s->input + before, result) != 0)
        wrong("full_read put the bytes in the wrong place: the next ones "
              "belong at buf + done.");
}

void try_full_write(size_t n)
{
    struct stream *s = &stream[0];
    size_t before = s->output_size, result;
    int error;

    prepare(s, "full_write", "write");
    result = full_write(FD, letters, n);
    error = errno;
    check_is_there(result == 0, error);
    check_count(s, n, s->output_size - before, result, error);
    if (memcmp(written[0] + before, letters, result) != 0)
        wrong("full_write wrote the wrong bytes: the next ones are at buf + "
              "done.");
}

/* ---- send_message */

size_t put_message(unsigned char *wire, size_t at, const void *bytes,
                   uint32_t length)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        wire[at++] = (unsigned char)(length >> shift);
    if (bytes != NULL)
        memcpy(wire + at, bytes, length);
    return at + (bytes == NULL ? 0 : length);
}

/* Bytes as hexadecimal digits, at most four of them. */
static const char *hex(char text[3 * HEADER + 1], const unsigned char *bytes,
                       size_t n)
{
    text[0] = '\0';
    for (size_t i = 0; i < n && i < HEADER; i++)
        sprintf(text + 3 * i, " %02x", bytes[i]);
    return text;
}

static void check_frame(const struct stream *s, size_t before,
                        const unsigned char *frame, size_t size)
{
    const unsigned char *out = written[s - stream] + before;
    size_t moved = s->output_size - before;
    char is[3 * HEADER + 1], should_be[3 * HEADER + 1];

    if (moved > size)
        wrong("send_message wrote %zu bytes where length and message are %zu: "
              "after a short count or a signal, go on where it stopped.",
              moved, size);
    if (memcmp(out, frame, moved < HEADER ? moved : HEADER) != 0)
        wrong("send_message began the length with%s; it is%s, the most "
              "significant byte first.", hex(is, out, moved),
              hex(should_be, frame, HEADER));
    if (memcmp(out, frame, moved) != 0)
        wrong("send_message wrote the length, and wrong bytes after it.");
}

void try_send_message(int i, const void *buf, size_t len)
{
    static unsigned char frame[STREAM_MAX];
    struct stream *s = &stream[i];
    size_t before = s->output_size;
    size_t size = put_message(frame, 0, buf, (uint32_t)len);
    int result, error;

    prepare(s, "send_message", "write");
    result = send_message(FD + i, buf, len);
    error = errno;
    check_is_there(result == -1, error);
    check_end_respected(s);
    check_frame(s, before, frame, size);
    if (s->ended == 0 && (result == -1 || s->output_size - before < size))
        gave_up(s, error);
    if (result != (s->ended == 0 ? 0 : -1))
        wrong("send_message returned %d: 0 says that all of it was written, -1 "
              "that it was not.", result);
    check_errno(s->ended == 0 ? "succeeded" : "meets that error", error,
                expected_errno(s));
}

/* ---- recv_message */

/* What a call of recv_message must do, after what has happened to it. */
struct outcome {
    int result, error;
    size_t length, taken;
    bool whole; /* the end was met, but behind a whole message */
};

static size_t length_at(const unsigned char *in)
{
    return (size_t)in[0] << 24 | (size_t)in[1] << 16 | (size_t)in[2] << 8 |
           in[3];
}

/* After the end of file, with `left` bytes of the message before it. */
static struct outcome outcome_at_end(size_t length, size_t left)
{
    if (left == 0)
        return (struct outcome){.result = 0, .error = callers_errno};
    return (struct outcome){
        .result = -1, .error = EPROTO, .taken = left, .length = length,
        .whole = left >= HEADER && left - HEADER >= length};
}

static struct outcome expected_outcome(const struct stream *s, size_t before,
                                       size_t size)
{
    const unsigned char *in = s->input + before;
    size_t left = s->input_size - before;
    struct outcome o = {.result = -1, .error = expected_errno(s)};

    if (s->ended != END && s->ended != 0)
        return o;
    if (left >= HEADER)
        o.length = length_at(in);
    if (s->ended == END)
        return outcome_at_end(o.length, left);
    o.taken = o.length > MESSAGE_MAX ? HEADER : HEADER + o.length;
    if (o.length > MESSAGE_MAX)
        o.error = EPROTO;
    else if (o.length > size)
        o.error = EMSGSIZE;
    else
        o.result = 1;
    return o;
}

static void wrong_at_end(const struct outcome *o, int result)
{
    if (result == 1)
        wrong("recv_message returned 1 though the end of file came first: a "
              "message is torn (-1, EPROTO).");
    if (o->taken <= HEADER && result == 0)
        wrong("recv_message took the end of file in or after a length for the "
              "end: a message is torn (-1, EPROTO).");
    wrong("recv_message returned %d for a message that is torn by the end of "
          "file: -1 and EPROTO.", result);
}

static void wrong_result(const struct stream *s, const struct outcome *o,
                         int result, int error, size_t taken)
{
    if (s->ended == 0 && taken < o->taken && o->error != EMSGSIZE)
        gave_up(s, error);
    if (o->result == 0)
        wrong("recv_message returned %d at the end of file: between two "
              "messages, that is the end, and 0.", result);
    if (s->ended == END)
        wrong_at_end(o, result);
    if (o->error == EMSGSIZE)
        wrong("recv_message returned %d for a message that does not fit into "
              "buf: -1 and EMSGSIZE.", result);
    if (o->error == EPROTO)
        wrong("recv_message returned %d for a length above MESSAGE_MAX: -1 and "
              "EPROTO.", result);
    if (o->result == 1)
        wrong("recv_message returned %d for a whole message%s: that is 1.",
              result, o->length == 0 ? " that is empty" : "");
    wrong("recv_message returned %d after a read that failed: that is -1.",
          result);
}

static void check_consumed(const struct outcome *o, size_t taken)
{
    if (taken > o->taken)
        wrong("recv_message read %zu bytes where length and message are %zu: "
              "what follows belongs to the next message.", taken, o->taken);
    if (taken < o->taken && o->error == EMSGSIZE)
        wrong("recv_message left a part of the message that did not fit in the "
              "stream: read it to its end, or the next call takes it for a "
              "length.");
    if (taken < o->taken)
        wrong("recv_message read %zu bytes where length and message are %zu.",
              taken, o->taken);
}

static void check_len(const struct outcome *o, size_t len)
{
    bool tells = o->result == 1 ||
                 (o->result == -1 && o->error == EMSGSIZE && o->length > 0);

    if (tells && len != o->length)
        wrong("recv_message must set *len to the message's length, %zu; it was "
              "%zu.", o->length, len);
    if (!tells && len != UNTOUCHED)
        wrong("recv_message set *len though there was neither a message nor "
              "one that is too long.");
}

static const char *what_was_received(const struct outcome *o)
{
    return o->result == 1          ? "succeeded"
           : o->result == 0        ? "met the end"
           : o->error == EMSGSIZE  ? "meets a message that does not fit"
           : o->error == EPROTO    ? "meets a torn message or an impossible "
                                     "length"
                                   : "meets that error";
}

/* Whether what was asked of the stream, and the result, are as in frame.h. */
static void check_receiving(const struct stream *s, const struct outcome *o,
                            int result, int error, size_t taken)
{
    if (o->length > MESSAGE_MAX && taken > HEADER)
        wrong("recv_message read on after a length above MESSAGE_MAX: that is "
              "EPROTO at once.");
    if (o->whole)
        wrong("recv_message lost its place: the message was there, and it read "
              "on to the end of file. After a signal, do not begin again: the "
              "length is gone from the stream.");
    check_end_respected(s);
    if (result != o->result)
        wrong_result(s, o, result, error, taken);
    if (s->ended == 0 && s->last == EINTR && error != o->error)
        gave_up(s, error);
    check_errno(what_was_received(o), error, o->error);
    if (s->ended == 0)
        check_consumed(o, taken);
}

int try_recv_message(int i, size_t size)
{
    struct stream *s = &stream[i];
    unsigned char *buf = fresh_buffer(size);
    size_t before = s->taken, len = UNTOUCHED;
    struct outcome o;
    int result, error;

    prepare(s, "recv_message", "read");
    result = recv_message(FD + i, size == 0 ? NULL : buf, size, &len);
    error = errno;
    check_is_there(result == -1, error);
    check_guards(size);
    o = expected_outcome(s, before, size);
    check_receiving(s, &o, result, error, s->taken - before);
    check_len(&o, len);
    if (result == 1 && memcmp(buf, s->input + before + HEADER, len) != 0)
        wrong("recv_message put wrong bytes into buf.");
    return result;
}
