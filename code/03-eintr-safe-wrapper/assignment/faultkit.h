/* faultkit.h - descriptors that do what a test says, and tests that cannot hang. For test_frame*.c only.
 *
 * usage in a test:
 *
 *     TEST(full_read_goes_on_after_a_signal)
 *     {
 *         stream[0] = (struct stream){.input = letters, .input_size = 40, .at_most = 4, .fault = {{2, EINTR}}};
 *         try_full_read(10);
 *     }
 *
 * Here the second read call fails with EINTR, and the others move at most 4 bytes. Each test runs in a process of its
 * own; the first thing that is wrong ends it, with a sentence. Linux only. */
#ifndef FAULTKIT_H
#define FAULTKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <cmocka.h>

/* What goes wrong in a call: an errno, or one of these. */
enum {
    SHORT = -1,   /* one byte is moved, and no more */
    NOTHING = -2, /* a write accepts nothing and says 0, and so does each later one */
    END = -3      /* (not to be asked for: a read finds the end where the input ends) */
};

enum { FD = 1000, STREAMS = 2, STREAM_MAX = 100000, CALLS_MAX = 1000 };

/* A descriptor that no kernel knows: FD is stream[0], FD + 1 is stream[1]. */
struct stream {
    const unsigned char *input; /* what read finds, and then the end */
    size_t input_size;
    size_t at_most; /* a call moves at most so many bytes; 0: as many as it is asked for */
    struct {
        int call, how; /* the call with this number, counted from 1, goes wrong */
    } fault[2];
    int interrupt_every; /* not 0: before each call that moves something, so many fail with EINTR */
    /* ---- what happened */
    size_t taken, output_size;
    const char *call; /* "read" or "write" */
    int calls, faults_met, idle_calls, interrupted;
    int last;  /* what went wrong in the last call, or 0 */
    int ended; /* what should have ended the function: END, NOTHING, an errno; or 0 */
    int calls_after_end;
};

extern struct stream stream[STREAMS];

extern int callers_errno;         /* errno before each call of a student's function */
extern size_t largest_allocation; /* what malloc and its family were asked for at most */
extern int storm_interrupted, storm_short; /* calls on other descriptors that came back so */

/* The bytes 0, 1, 2 ... 250, 0 ... , STREAM_MAX of them. */
extern unsigned char letters[STREAM_MAX];

/* Says what is wrong, and ends the test. */
void wrong(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Call a student's function on stream[i], and compare what it did with its contract and with what happened to it. */
void try_full_read(size_t n);
void try_full_write(size_t n);
void try_send_message(int i, const void *buf, size_t len);
int try_recv_message(int i, size_t size);

/* Appends a message to a buffer, as it is on the wire. Returns the new size. */
size_t put_message(unsigned char *wire, size_t at, const void *bytes, uint32_t length);

/* Runs a test's body in a process of its own, with a deadline. */
void in_child(void (*body)(void));

/* Makes the other processes of a test end with it. */
void die_with_parent(void);

#define TEST(name)                                                                                                     \
    static void name##_body(void);                                                                                     \
    static void name(void **state)                                                                                     \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        in_child(name##_body);                                                                                         \
    }                                                                                                                  \
    static void name##_body(void)

/* The last line of a main: all tests, or the one that the command line names. */
#define RUN_TESTS(tests, argc, argv)                                                                                   \
    (setvbuf(stdout, NULL, _IONBF, 0), cmocka_set_test_filter((argc) > 1 ? (argv)[1] : NULL),                          \
     cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1)

#endif
