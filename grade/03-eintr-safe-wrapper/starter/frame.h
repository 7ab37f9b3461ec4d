/* frame.h - whole reads, whole writes, whole messages, whatever signals come.
 *
 *     send_message(fd, "fool", 4);                      in one process
 *     while (recv_message(fd, buf, sizeof buf, &len) == 1) in the other
 *         ...
 *
 * On the wire a message is its length, 4 bytes, the most significant byte
 * first, and then the bytes. The length 0 is allowed: the message is empty.
 *
 * For all four functions: they move bytes with read(2) and write(2) only, and
 * EINTR never reaches the caller. They do not touch signals: no handler, no
 * mask. They keep nothing from one call to the next. errno is on return what
 * it was before the call, unless something went wrong.
 *
 * Do not change this file: the tests come with their own copy. */
#ifndef FRAME_H
#define FRAME_H

#include <stddef.h>
#include <sys/types.h>

#define MESSAGE_MAX ((size_t)0x7fffffff) /* bytes in the longest message */

/* Reads exactly n bytes from fd into buf, going on after signals and short
 * counts. If n is 0 it returns 0 without a call.
 *
 * Returns the number of bytes read. If it is smaller than n, errno says why:
 * 0 for end of file, otherwise the error of the read that failed. The bytes
 * already read are in buf.
 * Does NOT wait on a non-blocking descriptor: it stops with EAGAIN. */
size_t full_read(int fd, void *buf, size_t n);

/* Writes exactly n bytes from buf to fd, going on after signals and short
 * counts. If n is 0 it returns 0 without a call.
 *
 * Returns the number of bytes written. If it is smaller than n, errno is the
 * error of the write that failed; ENOSPC if write(2) returned 0.
 * Does NOT wait on a non-blocking descriptor: it stops with EAGAIN. */
size_t full_write(int fd, const void *buf, size_t n);

/* Sends len bytes as one message.
 *
 * Returns 0, or -1 with errno: EMSGSIZE, before a byte has moved, if len is
 * above MESSAGE_MAX; otherwise the error of full_write.
 * After another error than EMSGSIZE the stream is of no use any more: nobody
 * knows how much of the message is in it. */
int send_message(int fd, const void *buf, size_t len);

/* Receives one message into buf, which has room for size bytes, and sets *len
 * to its length. Not a byte beyond this message is taken from fd.
 *
 * Returns 1 for a message; 0 for the end: end of file where a message would
 * begin; -1 with errno:
 * - EMSGSIZE: the message is longer than size. It is read to its end and
 *   thrown away, *len tells its length, and the next call gets the next
 *   message. What is in buf then is not defined.
 * - EPROTO: end of file inside a message, or a length above MESSAGE_MAX, after
 *   which nothing is read.
 * - otherwise the error of the read that failed.
 * *len is set on 1 and on EMSGSIZE only. buf may be NULL if size is 0. After
 * another error than EMSGSIZE the stream is of no use any more.
 * A length is what a stranger says: nothing is ever allocated because of it. */
int recv_message(int fd, void *buf, size_t size, size_t *len);

#endif
