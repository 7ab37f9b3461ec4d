/* things.h - what calls block on: pipes, sockets, times. For the lists of
 * calls. Linux only: memfd_create, /proc/self/fd.
 *
 * The functions that return an int are for `prepare` of struct call: they
 * return 0, or -1 with errno. */
#ifndef THINGS_H
#define THINGS_H

#include <stddef.h>
#include <time.h>

extern int fd[2];         /* what the call is about, and its other side */
extern char buffer[1024]; /* what it reads into or writes */

/* A pipe without bytes, and one without room. */
int empty_pipe(void);
int full_pipe(void);

/* Two connected sockets (fd[0] with nothing to read), and a pair with no room
 * for what fd[1] writes. */
int socket_pair(void);
int full_socket(void);

/* Writes to `wfd` until there is no room. Returns 0, or -1 with errno. */
int fill(int wfd);

/* Opens once more what `old` refers to, which may have no name any more.
 * Returns a descriptor, or -1 with errno. */
int open_again(int old, int flags);

/* A time limit that no measurement lives to see. */
extern const struct timespec hour;
struct timespec in_an_hour(clockid_t clock);

/* -1 with errno for an error number other than 0, and else 0: for functions
 * that return their error. */
long by_errno(int error);

#endif
