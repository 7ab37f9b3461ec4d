/* child.h - a child process with a pipe to it, and how it ended.
 *
 * usage:
 *
 *     int wfd;
 *     pid_t pid = child_start(body, &wfd);
 *     ... write to wfd ...
 *     close(wfd);
 *     return child_end(pid, 0);
 */
#ifndef CHILD_H
#define CHILD_H

#include <sys/types.h>

/* Makes a pipe and forks a child that runs `body` on its read end and exits
 * with what that returns.
 *
 * Returns the child's process id; *wfd is the write end of the pipe, which the
 * caller owns and closes. The caller has no read end, and the child no write
 * end. Both ends are close-on-exec. If the pipe or the fork fails, says so on
 * stderr and ends the process with status 1.
 * Does NOT kill the child when the parent ends: the child sees end of file and
 * must leave by itself. */
pid_t child_start(int (*body)(int rfd), int *wfd);

/* Waits for the child to end, and says on stderr how it ended unless it exited
 * with status 0. `send_error` is the errno of a message that could not be
 * sent, or 0: it goes into the same line.
 *
 * Returns 0 if nothing went wrong, else 1: what main returns. Close the write
 * end first: a child that waits for end of file would never end.
 * Does NOT repeat what a child with EXIT_STDOUT_LOST has said itself, and does
 * NOT wait again after a signal whose handler has no SA_RESTART: that is an
 * error, said on stderr, which ends the process with status 1. */
int child_end(pid_t pid, int send_error);

/* Puts how a child ended, from the status of waitpid(2), in words: "exited
 * with status 1", "was killed by signal 9 (Killed)". Returns `text`. */
char *child_ending(int status, char *text, size_t size);

#endif
