/* framekit.h - calls a student's functions, and compares what they did with
 * frame.h and with what happened to them. For test_frame*.c.
 *
 * usage in a test (see ../faultkit.h for streams, ../judge.h for TEST):
 *
 *     TEST(full_read_goes_on_after_a_signal)
 *     {
 *         stream[0] = (struct stream){.input = letters, .input_size = 40,
 *                                     .at_most = 4, .fault = {{2, EINTR}}};
 *         try_full_read(10);
 *     }
 *
 * The first thing that is wrong ends the test, with a sentence. */
#ifndef FRAMEKIT_H
#define FRAMEKIT_H

#include <stddef.h>
#include <stdint.h>

extern int callers_errno; /* errno before each call of a student's function */

/* Call a function on stream[i] or stream[0]. */
void try_full_read(size_t n);
void try_full_write(size_t n);
void try_send_message(int i, const void *buf, size_t len);
int try_recv_message(int i, size_t size);

/* Appends a message to a buffer, as it is on the wire. Returns the new size. */
size_t put_message(unsigned char *wire, size_t at, const void *bytes,
                   uint32_t length);

#endif
