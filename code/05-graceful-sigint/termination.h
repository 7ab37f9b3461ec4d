/* termination.h - SIGINT, SIGTERM and SIGHUP, the termination signals: the
 * first asks, a later one insists. For programs that clean up before they go.
 *
 * usage:
 *
 *     sigset_t before;
 *     termination_block(&before);
 *     ... fork; in the parent and in the child: ...
 *     termination_catch();
 *     termination_unblock(&before);          one that works: look at times
 *     while (termination_signal() == 0)
 *         work_a_little();
 *
 *     while (termination_signal() == 0)      one that waits: keep them blocked
 *         ppoll(fds, n, NULL, &before);      but for the wait, unblock then
 *     termination_unblock(&before);
 *     ... clean up ...
 *     die_of(termination_signal());
 *
 * For programs with one thread. SIGQUIT is left alone: it ends the process at
 * once, with a core dump. */
#ifndef TERMINATION_H
#define TERMINATION_H

#include <signal.h>

/* One wish may be delivered twice: timeout(1) passes on the Ctrl-C that its
 * command has got from the terminal, and sends its own SIGTERM first to the
 * command and then to the group. What comes so soon does not insist. */
enum { SAME_WISH_MS = 500 };

/* Blocks the termination signals: from now on they wait. *before is the mask
 * as it was, for ppoll(2), sigsuspend(2) and termination_unblock. Called
 * before fork(2), it leaves neither process a moment without protection. A
 * failure is said on stderr and ends the process with status 1.
 * Does NOT hand a signal that is pending on to a child: fork(2) starts it with
 * none. */
void termination_block(sigset_t *before);

/* Restores the mask. A signal that has waited is delivered before this
 * returns.
 * Does NOT unblock what *before has blocked: a program that is started with
 * SIGTERM blocked does not hear of it, unless it clears its mask first, as
 * program_start does. */
void termination_unblock(const sigset_t *before);

/* Catches those of the termination signals that are not ignored at the moment:
 * nohup(1), or a script that starts the program with &, wished the others so.
 * The first signal sets what termination_signal() returns, and interrupts what
 * can be interrupted: without SA_RESTART. A SIGINT or SIGTERM that comes
 * SAME_WISH_MS or more after the first SIGINT or SIGTERM kills the process at
 * once, from inside the handler. A failure is said on stderr and ends the
 * process with status 1.
 *
 * Does NOT insist with a signal that comes sooner: it is taken for the same
 * wish, delivered twice. SIGHUP neither insists nor counts as asked: one
 * hang-up may send it several times, some time apart, and of several signals
 * that wait the kernel takes the lowest number first, which is SIGHUP.
 * Does NOT kill while the signals are blocked, and does NOT know when a signal
 * was sent: two kinds that wait together come together, and are one wish.
 * Does NOT count: two SIGINT that come while it is blocked are one. */
void termination_catch(void);

/* The number of the first termination signal that this process has caught, 0
 * if there was none. A child of fork(2) has a copy, as of any variable.
 * Does NOT say whether one is pending, and must NOT be tested with the signals
 * unblocked before a wait that may last: the signal may come in between. */
int termination_signal(void);

/* "SIGINT", "SIGTERM" or "SIGHUP". */
const char *termination_name(int sig);

/* Ends the process by `sig`, as if it had never been caught: the parent, a
 * shell perhaps, sees WIFSIGNALED. Async-signal-safe.
 * Does NOT run what atexit(3) has registered, and does NOT flush stdio. If the
 * process survives, as process 1 of a container does, it exits with status
 * 128 + sig. */
void die_of(int sig) __attribute__((noreturn));

#endif
