/* testkit.h - starts a program, watches it, and makes sure that nothing of it is left. For the tests of this book.
 *
 * usage in a test:
 *
 *     struct program p = {.name = "blocking_pipe", .tick_ms = 20};
 *     program_run(&p);                            ... starts it, waits for the end of all its processes
 *     assert_string_equal(p.out, "sub process recv: fool\nsub process recv: END\n");
 *     assert_int_equal(exit_status(&p), 0);
 *
 * or step by step: program_launch, await_line, await_asleep, kill, program_finish.
 *
 * Every wait here has a deadline far beyond what a slow machine needs; when it passes, the test fails by name. No
 * wait is a sleep: each watches a pipe, a terminal or /proc. When a test is over, whatever became of it, all processes
 * that it has left are killed. The tests, and the programs that they start, start as from an ordinary shell, whatever
 * started the tests: see ordinary_start in tick.h. Linux only. */
#ifndef TESTKIT_H
#define TESTKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

/* Kills all descendants of this process and waits for their end. The teardown of each test; one of its own calls it. */
int kill_family(void **state);
#undef cmocka_unit_test
#define cmocka_unit_test(f) cmocka_unit_test_teardown(f, kill_family)

enum { TESTKIT_TEXT = 65536 };

/* The fields above the line are set by the test, those below by the kit. A zeroed field is the default. */
struct program {
    const char *name;        /* beside the test's own file, or with a slash: a path, or found on PATH by `wrapper` */
    const char *folder;      /* another folder of programs than the test's own: "02-broken-by-sigalrm" */
    const char *const *args; /* NULL-terminated, without the name */
    const char *const *wrapper; /* NULL-terminated: a command that runs the program, such as strace with options */
    int tick_ms;             /* 0: leave TICK_MS unset */
    const char *tick_text;   /* TICK_MS as a string, to be wrong */
    const char *stdout_path; /* stdout goes to this file instead of `out` */
    bool stdout_closed_pipe; /* stdout is a pipe that nobody reads */
    int close_below;         /* start with the descriptors below this number closed */
    int ignored_signal;      /* start with this one ignored */
    bool block_signals;      /* start with every signal blocked, and every one but SIGINT ignored */
    bool merged;             /* stderr into `out`, to see the order of lines */
    bool terminal;           /* stdin, stdout, stderr are a new terminal, and `out` what it showed */
    /* ---- */
    pid_t pid;
    int out_fd, err_fd, alive_fd;
    size_t out_size, err_size;
    char out[TESTKIT_TEXT], err[TESTKIT_TEXT];
    int status;
};

/* Starts the program. Fails the test if it cannot. */
void program_launch(struct program *p);

/* Waits until `out` has `text` in it; fails the test if the program's output ends before. */
void await_line(struct program *p, const char *text);

/* Waits until the program and all its descendants have ended: proof that nothing is left running. Then collects
 * `out`, `err` (both terminated) and `status` as of waitpid(2). */
void program_finish(struct program *p);

/* program_launch and program_finish. */
void program_run(struct program *p);

/* The exit status, or 1000 + the signal that killed the program. */
int exit_status(const struct program *p);

/* The lines in a text. */
int count_lines(const char *text);

/* How often `what` occurs in `text`. */
int count_of(const char *what, const char *text);

/* The only child of a process. Waits until there is one. */
pid_t await_child(pid_t parent);

/* Waits until the process sleeps in the system call `number` (SYS_read...), as /proc/PID/syscall tells; fails the
 * test if it ends before. */
void await_asleep(pid_t pid, long number);

/* The state letter of /proc/PID/stat; 'X' if there is no such process. */
char state_of(pid_t pid);

/* CPU time used so far, in nanoseconds. */
long long cpu_time_of(pid_t pid);

/* fork(2) for a test: checked, since kill(-1) after a failed one would hit every process, and with stdio flushed. */
pid_t fork_in_test(void);

/* Skips the test if TESTKIT_DEFERS_SIGNALS says that handlers do not run at once, as under ThreadSanitizer. */
void skip_if_signals_are_deferred(void);

/* The full path of a program: in `folder`, or beside the test's own file if that is NULL. In static storage. */
const char *program_path(const char *folder, const char *name);

#endif
