/* tick.h - what every program of this book does first: arguments, descriptors,
 * the clock of ticks, lines on stdout.
 *
 * usage in a program:
 *
 *     program_start(argc, argv, "what this program shows");
 *     sleep_until_tick(5);
 *     say("sub process recv: %s", text);
 */
#ifndef TICK_H
#define TICK_H

#include <signal.h>
#include <sys/types.h>

/* The exit status of a child that has lost its stdout and has said so: its
 * parent need not say it again. */
enum { EXIT_STDOUT_LOST = 3 };

/* Prepares the process; called once, first thing in main.
 *
 * Makes an ordinary_start that keeps SIGINT, SIGQUIT and SIGHUP ignored if they
 * are: a shell or nohup(1) may have wished so. Ignores SIGPIPE: a write to a
 * pipe without a reader then fails with EPIPE. Reads TICK_MS from the
 * environment and starts the clock.
 *
 * -h prints the usage and `about` (one sentence, no final newline) on stdout
 * and ends the process with status 0. Any other argument, or a TICK_MS that is
 * not a whole number from 1 to 60000, gets one line on stderr and status 2.
 * What it was is named there, with \012 for what a terminal would not print.
 *
 * Does NOT install a handler. */
void program_start(int argc, char *argv[], const char *about);

/* Undoes what the process that started us had done to descriptors 0 to 2 and to
 * signals, and what exec(2) hands on: for programs, tests and tools alike.
 *
 * Opens descriptors 0 to 2 on /dev/null where they are closed, so that no pipe
 * gets their numbers. Sets every signal that is ignored to its default, except
 * those in `kept`, and empties the signal mask.
 *
 * Does NOT drop a signal that is pending: it is delivered here. Does NOT stop
 * an alarm(2) that somebody set before exec, does NOT remove a handler, leaves
 * all else that is inherited (nice value, limits, other descriptors). */
void ordinary_start(const sigset_t *kept);

/* The length of a tick in milliseconds: TICK_MS, or 1000. */
int tick_ms(void);

/* The time since program_start, in ticks. */
double tick_now(void);

/* Sleeps until `tick` ticks after program_start (5.5 is allowed), on
 * CLOCK_MONOTONIC; at once if that is past. Handlers that run meanwhile do not
 * shorten the sleep. In a forked child the clock is that of the parent. Does
 * NOT promise to wake on time, only never early. */
void sleep_until_tick(double tick);

/* Prints one line of up to 1022 bytes on stdout, formatted as by printf(3), at
 * once and whole, whatever signals come, and whether stdout is blocking or not.
 * If that fails, says so in one line on stderr and ends the process: with
 * status 1, or, in a forked child, with EXIT_STDOUT_LOST. Must NOT be called
 * from a signal handler. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same end as that of a failed say(), for a handler whose write(2) to
 * stdout failed: reads errno, writes one line on stderr, ends the process.
 * Async-signal-safe. */
void stdout_lost_from_handler(void) __attribute__((noreturn));

/* Has the kernel kill this child (SIGKILL) when `parent` ends: a safety net
 * for programs that are wrong on purpose and would otherwise leave a child
 * behind forever. `parent` is getpid() from before the fork. Linux only;
 * chapter 5 shows what is wrong with it and what to use instead. */
void leave_with_parent(pid_t parent);

#endif
