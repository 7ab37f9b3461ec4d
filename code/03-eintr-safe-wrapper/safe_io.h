/* safe_io.h - read, write, close and waitpid as a program wants them that is
 * hit by signals.
 *
 * Each function retries after EINTR, so that EINTR never reaches the caller.
 * On success errno is what it was before, with one exception: full_read at end
 * of file. All may be used from several threads. None of them prints, exits,
 * allocates, or touches a signal's disposition or mask.
 *
 * A loop that retries cannot be ended by a signal: a handler that sets a flag
 * does not bring these functions back. Chapter 6 is about that. Nor does it
 * know a time limit: each retry has the whole of one that SO_RCVTIMEO or
 * SO_SNDTIMEO has set, so that signals that come faster put it off for ever.
 * And where a read begins anew when it is interrupted, as on a FUSE file
 * system, signals that come faster than the answer keep it from ever ending.
 *
 * EAGAIN has two meanings: "nothing now" on a non-blocking descriptor, and "the
 * time is up" on a socket with such a limit. O_NONBLOCK belongs to the open
 * file description: any process that shares it may have set it. */
#ifndef SAFE_IO_H
#define SAFE_IO_H

#include <stddef.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Reads up to n bytes from fd into buf with one read(2), tried again as long
 * as a signal interrupts it.
 *
 * Returns the number of bytes, which may be smaller than n; 0 at end of file
 * (or if n is 0); -1 with errno.
 * Does NOT guarantee n bytes, and does NOT wait on a non-blocking descriptor:
 * it fails with EAGAIN. */
ssize_t safe_read(int fd, void *buf, size_t n);

/* Writes up to n bytes from buf to fd with one write(2), tried again as long
 * as a signal interrupts it before a byte has moved.
 *
 * Returns the number of bytes, which may be smaller than n; -1 with errno.
 * Does NOT guarantee n bytes, does NOT wait on a non-blocking descriptor
 * (EAGAIN), and does NOT protect from SIGPIPE: with its default disposition, a
 * write without a reader ends the process. */
ssize_t safe_write(int fd, const void *buf, size_t n);

/* Reads exactly n bytes from fd into buf, going on after signals and short
 * counts.
 *
 * Returns the number of bytes read. If it is smaller than n, errno says why:
 * by our convention 0 for end of file, otherwise the error. The bytes already
 * read are in buf.
 * Does NOT return early because of a signal, and does NOT wait on a
 * non-blocking descriptor: it stops with EAGAIN. */
size_t full_read(int fd, void *buf, size_t n);

/* Writes exactly n bytes from buf to fd, going on after signals and short
 * counts.
 *
 * Returns the number of bytes written. If it is smaller than n, errno is the
 * error; ENOSPC if write(2) accepted nothing and did not say why.
 * Does NOT return early because of a signal, does NOT wait on a non-blocking
 * descriptor (EAGAIN), and does NOT protect from SIGPIPE. */
size_t full_write(int fd, const void *buf, size_t n);

/* Closes fd, with exactly one close(2).
 *
 * Returns 0, also if a signal interrupted the call (EINTR, or EINPROGRESS as
 * POSIX has it since 2024): on Linux the descriptor is gone then. Returns -1
 * with errno for other errors: after EIO, ENOSPC or EDQUOT data may be lost,
 * and the descriptor is gone as well. If the call was interrupted, what it was
 * flushing (to a network, or FUSE) may be lost too, and nothing says so. Who
 * must know calls fsync(2) before.
 * Does NOT retry: the number may already belong to a file that another thread
 * has opened. */
int safe_close(int fd);

/* waitpid(2), tried again as long as a signal interrupts it.
 *
 * Returns as waitpid(2): a process id, 0 with WNOHANG if no child has changed,
 * -1 with errno (ECHILD...). */
pid_t safe_waitpid(pid_t pid, int *status, int options);

#ifdef __cplusplus
}
#endif

#endif
