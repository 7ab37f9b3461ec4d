/* faultkit.h - descriptors that do what a test says.
 *
 * usage in a test:
 *
 *     stream[0] = (struct stream){.input = letters, .input_size = 40,
 *                                 .at_most = 4, .fault = {{2, EINTR}}};
 *     full_read(FD, buf, 10);
 *
 * Here the second read call fails with EINTR, and the others move at most 4
 * bytes. The program is linked with --wrap for each __wrap_ function of
 * faultkit.c. */
#ifndef FAULTKIT_H
#define FAULTKIT_H

#include <stdbool.h>
#include <stddef.h>

/* What goes wrong in a call: an errno, or one of these. */
enum {
    SHORT = -1,   /* one byte is moved, and no more */
    NOTHING = -2, /* a write accepts nothing and says 0, and so do the later
                   * ones */
    END = -3 /* (not to be asked for: the input ends, and a read finds it) */
};

enum { FD = 1000, STREAMS = 2, STREAM_MAX = 100000, CALLS_MAX = 1000 };

/* A descriptor that no kernel knows: FD is stream[0], FD + 1 is stream[1]. */
struct stream {
    const unsigned char *input; /* what read finds, and then the end */
    size_t input_size;
    size_t at_most; /* a call moves at most so many bytes; 0: all it asks for */
    struct {
        int call, how; /* the call with this number, from 1 on, goes wrong */
    } fault[2];
    int interrupt_every; /* not 0: before each call that moves something, so
                          * many fail with EINTR */
    /* ---- what happened */
    size_t taken, output_size;
    const char *call; /* "read" or "write" */
    int calls, faults_met, idle_calls, interrupted;
    int last;  /* what went wrong in the last call, or 0 */
    int ended; /* what should have ended the function: END, NOTHING, an errno;
                * or 0 */
    int calls_after_end;
    bool old_errno; /* such a call came while errno was EINTR, from before */
};

extern struct stream stream[STREAMS];
extern unsigned char written[STREAMS][STREAM_MAX];

extern const char *trying; /* the function that runs, for messages */
extern size_t largest_allocation; /* what malloc and its kin were asked for */
extern int storm_interrupted, storm_short; /* calls on other descriptors that
                                            * came back so */

/* The bytes 0, 1, 2 ... 250, 0 ... , STREAM_MAX of them. */
extern unsigned char letters[STREAM_MAX];

/* A buffer of `size` bytes, the same each time, with guards around it; and the
 * end of the test if anything was written outside of it. */
unsigned char *fresh_buffer(size_t size);
void check_guards(size_t size);

/* EINTR and its kin as words. EXDEV, which neither read nor write ever sets, is
 * the value that tests put into errno before a call. */
const char *errno_name(int error);

/* What to add to a sentence if an old errno was looked at. */
extern const char only_after_minus_1[];

#endif
