/* rounds.h - the same race many times: a signal that comes about when somebody
 * begins to wait for it. For the programs that compare ways to wait.
 *
 *     int rounds = rounds_wanted();
 *     rounds_prepare();
 *     hung = rounds_hung(rounds, wait);
 *     rounds_finish();
 *
 * Linux only: /proc. */
#ifndef ROUNDS_H
#define ROUNDS_H

/* WAIT_ROUNDS from the environment, or 5000. Anything but a whole number from
 * 1 to 10000000 gets one line on stderr and ends the process with status 2. */
int rounds_wanted(void);

/* Makes the timer and starts the watchdog; called once, by the main thread,
 * before everything else here. Catches SIGALRM. A failure ends the process
 * with status 1. */
void rounds_prepare(void);

/* Calls `wait` again and again; each time a timer sends SIGINT to the process,
 * 1 to 13 microseconds after it was set. `wait` returns once SIGINT has come.
 *
 * Returns in how many rounds the main thread slept although SIGINT had come.
 * The watchdog, a thread, ends such a sleep with SIGALRM, whose handler does
 * nothing: the call that sleeps fails with EINTR. */
int rounds_hung(int rounds, void (*wait)(void));

/* What one signal costs, in nanoseconds: kill(2) to oneself and `wait`, which
 * need not sleep. The lowest of 100 averages. */
double rounds_cost(void (*wait)(void));

/* Ends the watchdog and the timer. */
void rounds_finish(void);

#endif
