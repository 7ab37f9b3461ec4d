/* threads.h - how many threads a process has, asked of the kernel. */
#ifndef THREADS_H
#define THREADS_H

/* The number of threads of this process; -1 with errno if /proc is not there.
 * Async-signal-safe, so that a child may call it that was forked from a
 * process with several threads. Linux only. */
int thread_count(void);

#endif
