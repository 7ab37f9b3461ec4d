/* judge.h - runs each test in a process of its own, and judges it from outside.
 *
 * usage in a test program:
 *
 *     TEST(full_read_reads_all_of_it)
 *     {
 *         if (full_read(fd, buf, 4) != 4)
 *             wrong("full_read stopped before the end.");
 *     }
 *
 *     int main(int argc, char **argv)
 *     {
 *         const struct test tests[] = {
 *             ENTRY(full_read_reads_all_of_it),
 *         };
 *         return RUN_TESTS(tests, argc, argv);
 *     }
 *
 * usage of the program: test_x [PROGRAM]
 *
 * It judges PROGRAM: the same tests, linked with somebody's functions. Without
 * PROGRAM it judges itself. It says of each test whether it passed and what is
 * wrong, and ends with a line such as `passed 14 of 30; first to look at: ...`.
 * From the environment:
 *
 *     TEST=NAME   this test alone
 *     LIST=1      print the names of the tests, and run none
 *     LIMIT=9     seconds for all tests together (60); a third of it for one
 *
 * Exit status: 0 if all passed, 1 if not, 2 if there is no such test.
 *
 * A test has passed when its last line has been reached, and only then. Each
 * process gets a secret over a socket, and has to send it back from there.
 * Printing "passed" is not enough, nor is ending the process with status 0.
 * Of what a test's processes print the first lines are shown if the test fails,
 * and the rest is thrown away.
 * This is NOT a sandbox: code that looks for the socket and the secret finds
 * them. Linux only. */
#ifndef JUDGE_H
#define JUDGE_H

#include <stddef.h>

struct test {
    const char *name;
    void (*body)(void);
};

#define TEST(name) static void name(void)
#define ENTRY(name) {#name, name}
#define RUN_TESTS(tests, argc, argv) \
    run_tests(tests, sizeof(tests) / sizeof *(tests), argc, argv)

int run_tests(const struct test *tests, size_t count, int argc, char **argv);

/* Says what is wrong, and ends the test. */
void wrong(const char *format, ...)
    __attribute__((format(printf, 1, 2), noreturn));

/* Says something that is not wrong, beside the verdict. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Makes the other processes of a test end with it. */
void die_with_parent(void);

/* A kit that plants faults may define this: it writes what it has planted so
 * far, as the end of a sentence about what is wrong. */
void tell_what_was_planted(char *text, size_t size) __attribute__((weak));

#endif
