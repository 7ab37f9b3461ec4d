/* crowd.h - a hundred children that end while SIGCHLD is blocked. For the
 * programs that count what is left of them. */
#ifndef CROWD_H
#define CROWD_H

enum { CROWD = 100 };

/* Blocks SIGCHLD, forks CROWD children and has all of them end. When this
 * returns, each is a zombie and SIGCHLD is pending. A failure is said on stderr
 * and ends the process with status 1; the children leave then too. */
void crowd_end(void);

/* Unblocks SIGCHLD: a handler for it has run when this returns. */
void crowd_unblock(void);

/* Reaps the zombies that nobody has reaped yet; returns how many these were. */
int crowd_zombies(void);

#endif
