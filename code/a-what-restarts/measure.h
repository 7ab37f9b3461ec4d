/* measure.h - what a signal does to a blocked call. Linux only: /proc.
 *
 * usage:
 *
 *     static const struct call call = {"read (pipe)", empty_pipe, call_read};
 *     const char *answers[WAYS];
 *     measure(&call, answers);
 *     say("%s with SA_RESTART: %s", call.name, answers[RESTART]);
 */
#ifndef MEASURE_H
#define MEASURE_H

#include <stddef.h>

/* A call that blocks. `prepare` makes what it works on, and may be NULL;
 * `call` makes the call, and nothing else that could sleep. Both return -1
 * with errno for a failure. They run in a process of their own, which is
 * killed when the measurement is over. */
struct call {
    const char *name;
    int (*prepare)(void);
    long (*call)(void);
};

/* Calls that belong together. */
struct group {
    const char *title;
    const struct call *calls;
    size_t count;
};

/* What is done to a blocked call: a signal with a handler that was installed
 * without SA_RESTART, or with it; or SIGSTOP and SIGCONT without a handler. */
enum way { NO_RESTART, RESTART, STOP, WAYS };

/* Lets the call block, three times, disturbs it in the three ways, and finds
 * out what became of it. The answers are "goes on" if it blocks again, "EINTR",
 * "returns 0", "returns > 0", or the text of another error; "no signal" if the
 * handler did not run (so do some calls in qemu-user); and, of a call that
 * did not block to begin with, "not here" if kernel or library do not offer
 * it, and else "did not block" or why it could not be made.
 *
 * Nothing here waits for a time to pass: it watches /proc. When it returns, all
 * processes that it started have ended (where the kernel does not know
 * PR_SET_CHILD_SUBREAPER, as qemu-user does not, those that they have started
 * may take a moment longer); the caller has no other children. If
 * the program is killed, they end as well. If a fork fails or one of them is
 * killed by somebody else, says so on stderr and ends the program with status
 * 1. */
void measure(const struct call *call, const char *answers[WAYS]);

/* Is everybody in the process asleep, so that only somebody outside, or time,
 * can wake it? A true answer was true at one moment, and remains so. */
int is_asleep(int pid);

#endif
