/* message.h - messages of one fixed size through a pipe. Enough for two
 * chapters; chapter 3 replaces it. */
#ifndef MESSAGE_H
#define MESSAGE_H

/* Every message is a record of this many bytes: a text of at most 15, padded
 * with zero bytes. */
enum { MESSAGE_SIZE = 16 };

/* Sends `text` as one record with one write(2) to the pipe `wfd`.
 *
 * Returns 0, or -1 with errno: EMSGSIZE if the text has more than 15 bytes,
 * EPIPE if nobody can read the pipe any more (and SIGPIPE is ignored), or what
 * else write(2) says.
 * Relies on `wfd` being a blocking pipe: there 16 bytes are written whole or
 * not at all.
 * Does NOT retry after a signal. */
int message_send(int wfd, const char *text);

/* Sleeps until the tick, then sends. Returns as message_send. */
int message_send_at(double tick, int wfd, const char *text);

/* Waits for one record from the pipe `rfd` with one read(2) and puts its text,
 * with a terminating zero, in `text`.
 *
 * Returns 1 for a message, 0 at end of file, or -1 with errno: EPROTO if what
 * came is not a whole record, or what read(2) says.
 * Does NOT retry after a signal (-1, EINTR), and does NOT put together a
 * record that arrives in parts. */
int message_recv(int rfd, char text[MESSAGE_SIZE]);

/* Prints "sub process recv: TEXT" for each message until end of file, then
 * says that it was the end. Returns 0, or 1 after a failed read, which
 * it reports. The body of a child, for child_start. */
int message_print_all(int rfd);

#endif
