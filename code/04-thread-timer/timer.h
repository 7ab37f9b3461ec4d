/* timer.h - a timer that is a thread: it calls a function again and again, at
 * a fixed beat, until it is stopped. No signal is involved.
 *
 *     static void tick(void *arg, unsigned long expirations) ...
 *
 *     timer *t;
 *     if (timer_start(&t, 1000000, tick, arg) == -1) ... once a second
 *     ... whatever this thread has to do, blocked or not ...
 *     timer_stop(t);         from here on nobody uses arg any more
 *
 * The beat: call number k is due at start + k periods on CLOCK_MONOTONIC, and
 * each of these deadlines is computed from the start, so lateness does not
 * add up. No call is early.
 *
 * Does NOT promise to be on time: the kernel may let the thread wait. Time in
 * which the machine is suspended does not count (on Linux).
 * Does NOT protect what the callback shares with other threads: it runs in a
 * thread of its own, so that needs a lock or atomics, except for what was
 * written before timer_start or is read after timer_stop.
 * Does NOT live on in a child of fork(2), which has only the thread that
 * forked; timer_stop must not be called there. Fork first, then start.
 * Does NOT run any signal handler: all signals are blocked in the thread. (A
 * fault in the callback, such as SIGSEGV, kills the process, even if there is
 * a handler for it.)
 * Does NOT clear that mask for what the callback starts: threads and programs
 * inherit it, and then SIGTERM cannot end them. Set the mask before you start
 * one.
 * Does NOT give the callback more stack than the C library gives a thread:
 * with glibc what `ulimit -s` says, often 8 MiB; with musl 128 KiB. What needs
 * more than that kills the process by SIGSEGV or, if it reaches beyond the
 * guard page below the stack, writes where others have their data. (Link with
 * -Wl,-z,stack-size=N for more with musl.)
 * Knows nothing of pthread_cancel(3), neither in the callback nor in a thread
 * that is in one of the two functions. A callback returns; it must not leave
 * by longjmp(3) or pthread_exit(3).
 *
 * Neither function prints, exits, or changes the disposition of a signal, and
 * the caller's signal mask is after them what it was before. errno is
 * unchanged unless the result is -1. Not to be used in a signal handler. */
#ifndef TIMER_H
#define TIMER_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct timer timer;

/* Starts a thread that calls callback(arg, expirations) every period_us
 * microseconds, for the first time one period from now.
 *
 * expirations is the number of deadlines passed since the call before: 1, or
 * more if the callback, or the machine, took too long. Deadlines that were
 * missed get one call together, at once, and the next call is again on the
 * beat; so at each call the sum of all is the number of periods passed. (A
 * read(2) of a timerfd gives the same number.)
 *
 * Returns 0, and the caller owns *t, which has its value before the first
 * call; -1 with errno, and *t is as it was and nothing is left behind: EINVAL
 * if period_us is less than 1 or more than TIMER_PERIOD_MAX_US, ENOMEM, or
 * EAGAIN if the system has no thread to give, or another error of the thread
 * functions. */
int timer_start(timer **t, long long period_us,
                void (*callback)(void *arg, unsigned long expirations),
                void *arg);

#define TIMER_PERIOD_MAX_US 1000000000000000LL /* some 31 years */

/* Stops the timer and frees it; NULL is allowed. Wakes the thread, waits for
 * a callback that is running, and joins the thread: after that the callback
 * does not run, and never will again. Waits for nothing else, however long
 * the period.
 *
 * Returns 0. In the callback of the timer itself, which cannot wait for its
 * own end: -1 with errno EDEADLK, and the timer goes on.
 * Must NOT be called by a thread with a lock that the callback waits for, or by
 * two callbacks for each other's timers. */
int timer_stop(timer *t);

#ifdef __cplusplus
}
#endif

#endif
