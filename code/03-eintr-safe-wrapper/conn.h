/* conn.h - messages through a pipe or a socket, whole, whatever signals come.
 *
 *     conn *reader, *writer;
 *     if (conn_pair(&reader, &writer, false) == -1) ...
 *     conn_send(writer, "fool");                        in one process
 *     while (conn_recv(reader, text, sizeof text) == 1) in the other
 *         ...
 *     conn_close(...);
 *
 * A message is a run of bytes of any length, 0 included. On the wire it is
 * that of send_bytes of Python's multiprocessing.connection.Connection: a length of 4
 * bytes, signed, big-endian, and then the bytes; from 2 GiB on, -1 and a
 * length of 8 bytes.
 *
 * For all functions: EINTR never reaches the caller. errno is unchanged unless
 * the result is -1. A connection has one owner, and is used by one thread at a
 * time; two threads may use two connections. Descriptors are close-on-exec.
 * None of them prints, exits, or changes a signal's disposition, and sending
 * never raises SIGPIPE. On a non-blocking descriptor they wait, asleep;
 * O_NONBLOCK belongs to the open file description, and so anybody who shares
 * that may have set it.
 *
 * EAGAIN is waited out, whatever it means: "not now" on a non-blocking
 * descriptor, or the end of a time limit that SO_RCVTIMEO or SO_SNDTIMEO has
 * set. Such limits do NOT work here; conn_poll has one that does.
 *
 * A call that is abandoned (its thread is canceled, or a handler leaves it
 * with siglongjmp) leaves its direction dead, with ECANCELED, even if no byte
 * has moved. Only conn_poll may be left so without a loss. The jump must
 * restore the signal mask: sigsetjmp(..., 1).
 *
 * Does NOT keep messages apart if two processes write to one pipe at the same
 * time: only a message with its length within PIPE_BUF is one piece then.
 * Does NOT help two ends that send to each other at the same time, each more
 * than the other takes in: both wait for ever.
 * Does NOT keep what lies in a socket's error queue, if it has to wait.
 * Does NOT encrypt, check or limit anything: a stranger at the other end can
 * send what he likes, but nothing is ever allocated because he says so. */
#ifndef CONN_H
#define CONN_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct conn conn;

/* Makes a pair of connected ends. duplex false: a pipe, *a receives and *b
 * sends. duplex true: a socket pair, both do both.
 *
 * Returns 0, and the caller owns both; -1 with errno (EMFILE, ENOMEM...), and
 * *a and *b are as they were. */
int conn_pair(conn **a, conn **b, bool duplex);

/* Makes a connection of a descriptor: a pipe, a FIFO, a stream socket, a file.
 *
 * Returns 0, and the connection owns fd and has made it close-on-exec (stdout,
 * too, if you adopt that); -1 with errno, and fd is still the caller's and as
 * it was:
 * - EINVAL if neither direction is wanted;
 * - EBADF if fd is not open, or not for that direction;
 * - ENOSTR if it is no stream of bytes: a directory, a terminal, a listening
 *   socket, one of packets (SOCK_SEQPACKET, SOCK_DGRAM), or O_DIRECT.
 * O_NONBLOCK is left as it is.
 * Does NOT see that somebody writes packets, with O_DIRECT, into the pipe whose
 * read end this is: what a read leaves of a packet is lost. */
int conn_adopt(conn **c, int fd, bool readable, bool writable);

/* Sends len bytes as one message; with one write, unless it has to wait or is
 * interrupted.
 *
 * Returns 0, or -1 with errno: EBADF if c does not send, EPIPE if nobody can
 * receive any more, EMSGSIZE if message and length are more than SSIZE_MAX
 * bytes, or what write(2) says. If it fails after the first byte, the
 * direction is dead: each later send fails at once, with the same error.
 * Does NOT mean that the message was received. */
int conn_send_bytes(conn *c, const void *buf, size_t len);

/* Receives one message into buf, which has room for size bytes; *len is its
 * length.
 *
 * Returns 1 for a message, 0 for the end: the other side has closed, and every
 * message before that has been received. (Also 0: a FIFO that was opened with
 * O_NONBLOCK, and has not had a writer yet. conn_poll waits for the first.)
 * -1 with errno:
 * - EMSGSIZE: the message is larger than size. It is kept, *len says how much
 *   room it needs, and the next call with enough room gets it. It can NOT be
 *   skipped: a loop that reports errors and goes on never ends.
 * - EPROTO: the other side does not speak this protocol, or left in the middle
 *   of a message. The direction is dead: each later call fails the same way.
 * - ECONNRESET, once: the other side left without reading what we had sent.
 *   The next call says 0, and that does not mean that all has arrived.
 * - EBADF if c does not receive, or what read(2) says; if that happens in the
 *   middle of a message, the direction is dead.
 * *len is set on 1 and on EMSGSIZE only. buf may be NULL if size is 0. */
int conn_recv_bytes(conn *c, void *buf, size_t size, size_t *len);

/* Sends a string, without its terminating zero, as one message. Returns as
 * conn_send_bytes. */
int conn_send(conn *c, const char *text);

/* Receives one message as a string, terminated, into text, which has room for
 * size bytes.
 *
 * Returns as conn_recv_bytes; on 0 and -1 text is the empty string. EMSGSIZE
 * if text and terminator do not fit (conn_recv_bytes(c, NULL, 0, &len) tells
 * the length then), EBADMSG if there is a zero byte in the message, which is lost
 * then, and the next call goes on behind it; EINVAL if size is 0. */
int conn_recv(conn *c, char *text, size_t size);

/* Waits until a message, or a part of one, or the end can be received, or until
 * timeout_ms milliseconds have passed; forever if that is negative.
 *
 * Returns 1 if so, 0 if the time is up, -1 with errno (EBADF if c does not
 * receive). The time is measured on CLOCK_MONOTONIC, from the call on, however
 * many signals come.
 * Does NOT promise to come back on time, only never early with a 0; and does
 * NOT promise that receiving will not wait: the rest of the message may be on
 * its way. */
int conn_poll(conn *c, int timeout_ms);

/* The descriptor, which still belongs to c: for poll(2). Do not read from it,
 * write to it, or close it. */
int conn_fileno(const conn *c);

/* Closes the descriptor and frees c, in any case. NULL is allowed.
 * Returns 0, or -1 with the errno of close(2). */
int conn_close(conn *c);

#ifdef __cplusplus
}
#endif

#endif
