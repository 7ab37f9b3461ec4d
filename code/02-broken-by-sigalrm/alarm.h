/* alarm.h - SIGALRM again and again, and a handler that prints a line. Used by
 * the programs of this chapter. */
#ifndef ALARM_H
#define ALARM_H

/* Installs `handler` for SIGALRM with sigaction(2); `flags` is 0 or
 * SA_RESTART. A failure is said on stderr and ends the process with status 1.
 */
void catch_alarm(void (*handler)(int), int flags);

/* Has the kernel send this process SIGALRM after each `us` microseconds from
 * now on; 0 turns it off. The timer is this process's own: a child does not
 * inherit it. A failure ends the process with status 1.
 * Does NOT queue: if several alarms are due before the handler could run, it
 * runs once. */
void alarm_every(int us);

/* A handler: prints "alarm(14)" and leaves errno as it was. If somebody has made
 * stdout non-blocking, and it is full, the line is dropped. */
void alarm_line(int sig);

#endif
