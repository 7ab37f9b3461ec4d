/* graceful_sigint at its word: one Ctrl-C, a later one, signals to one of the two alone, a death on either side, a
 * terminal that goes away, and SIGINT at each moment of the start.
 *
 * GRACEFUL_RUNS: how many runs get their Ctrl-C at a random moment (default 60, the whole thing is 1000);
 * GRACEFUL_SEED: which moments. */
#define _GNU_SOURCE /* PTRACE_GET_SYSCALL_INFO, pipe2, asprintf */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"

#define DOTS ".........."
static const char killed_by_int[] = "the child was killed by signal 2 (Interrupt)\n";

static long long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* ---- reading what it showed */

static void remove_all(char *text, const char *what)
{
    char *at;

    while ((at = strstr(text, what)) != NULL)
        memmove(at, at + strlen(what), strlen(at + strlen(what)) + 1);
}

/* What the parent alone has printed: without what the terminal echoes, and without the line of the child. */
static void only_the_parent(char *text)
{
    remove_all(text, "\r");
    remove_all(text, "^C");
    remove_all(text, "\nsub process: SIGINT, cleaned up\n");
    remove_all(text, "\nsub process: SIGTERM, cleaned up\n");
    remove_all(text, "\nsub process: SIGHUP, cleaned up\n");
}

/* The lines of ten dots that a text begins with; *rest is what follows them. */
static int whole_rounds(const char *text, const char **rest)
{
    int n = 0;

    while (strncmp(text, DOTS "\n", 11) == 0) {
        text += 11;
        n++;
    }
    *rest = text;
    return n;
}

/* All of its rounds were whole, it said so itself, both died of `sig`, and nobody is left (program_finish). */
static void assert_graceful(struct program *p, int sig, const char *name)
{
    char expected[128], shown[TESTKIT_TEXT];
    const char *report;
    int rounds;

    strcpy(shown, p->out);
    only_the_parent(shown);
    rounds = whole_rounds(shown, &report);
    snprintf(expected, sizeof expected, "parent: %s, rounds finished: %d; the child was killed by signal %d (%s)\n",
             name, rounds, sig, strsignal(sig));
    if (strcmp(report, expected) != 0 || exit_status(p) != 1000 + sig || p->err[0] != '\0')
        fail_msg("status %d; expected '%s', but it showed: %s%s", exit_status(p), expected, p->out, p->err);
}

static void read_file(char *path, char text[TESTKIT_TEXT])
{
    FILE *f = fopen(path, "r");

    assert_non_null(f);
    text[fread(text, 1, TESTKIT_TEXT - 1, f)] = '\0';
    fclose(f);
    unlink(path);
}

static void await_state(pid_t pid, char wanted)
{
    long long deadline = now_ms() + 60000;

    while (state_of(pid) != wanted && now_ms() < deadline)
        sched_yield();
    assert_int_equal(state_of(pid), wanted);
}

static bool is_pending_in(pid_t pid, int sig)
{
    char path[64], line[256];
    unsigned long long pending = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "SigPnd:", 7) == 0 || strncmp(line, "ShdPnd:", 7) == 0)
            pending |= strtoull(line + 7, NULL, 16);
    fclose(f);
    return (pending >> (sig - 1) & 1) == 1;
}

static int children_of(pid_t pid)
{
    char path[64];
    int n = 0, child;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    f = fopen(path, "r");
    assert_non_null(f);
    while (fscanf(f, "%d", &child) == 1)
        n++;
    fclose(f);
    return n;
}

/* Or Ctrl-C would throw away what the test has not read yet: see ctrl_c_throws_away_... below. */
static void keep_what_was_written(const struct program *p)
{
    struct termios t;

    assert_int_equal(tcgetattr(p->out_fd, &t), 0);
    t.c_lflag |= NOFLSH;
    assert_int_equal(tcsetattr(p->out_fd, TCSANOW, &t), 0);
}

/* Waits until the program has shown this many dots, and both sides are ready. */
static pid_t launch_until(struct program *p, const char *dots)
{
    pid_t child;

    program_launch(p);
    if (p->terminal)
        keep_what_was_written(p);
    await_line(p, dots);
    child = await_child(p->pid);
    await_asleep(child, SYS_ppoll);
    return child;
}

static void press_ctrl_c(const struct program *p)
{
    assert_int_equal(write(p->out_fd, "\x03", 1), 1);
}

/* ---- one Ctrl-C */

static void at_one_ctrl_c_the_child_leaves_and_the_parent_finishes_its_round(void **state)
{
    struct program p = {.name = "graceful_sigint", .tick_ms = 40, .terminal = true};
    const char *cleaned, *end_of_round;

    (void)state;
    launch_until(&p, DOTS "\r\n...");
    press_ctrl_c(&p);
    program_finish(&p);
    cleaned = strstr(p.out, "sub process: SIGINT, cleaned up\r\n");
    end_of_round = strstr(p.out, ".\r\nparent:");
    assert_true(cleaned != NULL && end_of_round != NULL && cleaned < end_of_round);
    assert_graceful(&p, SIGINT, "SIGINT");
    assert_non_null(strstr(p.out, "rounds finished: 2;"));
}

static void until_the_round_is_over_the_dead_child_is_one_zombie(void **state)
{
    struct program p = {.name = "graceful_sigint", .tick_ms = 60, .terminal = true};
    pid_t child;

    (void)state;
    child = launch_until(&p, "..");
    assert_int_equal(children_of(p.pid), 1);
    press_ctrl_c(&p);
    await_state(child, 'Z');
    assert_int_equal(children_of(p.pid), 1);
    program_finish(&p);
    assert_int_equal(state_of(child), 'X');
    assert_graceful(&p, SIGINT, "SIGINT");
}

static void the_child_waits_without_using_the_cpu(void **state)
{
    struct program p = {.name = "graceful_sigint", .tick_ms = 20, .terminal = true};
    pid_t child;
    long long used;

    (void)state;
    skip_if_signals_are_deferred(); /* ThreadSanitizer has a thread of its own in there, which works */
    child = launch_until(&p, ".");
    used = cpu_time_of(child);
    await_line(&p, DOTS);
    assert_int_equal(cpu_time_of(child), used);
    press_ctrl_c(&p);
    program_finish(&p);
}

/* Three dots are more than a whole tick, which is as long as a wish; the first may have been late. */
static void a_later_ctrl_c_ends_both_at_once(void **state)
{
    struct program p = {.name = "graceful_sigint", .tick_ms = 500, .terminal = true};

    (void)state;
    skip_if_signals_are_deferred();
    launch_until(&p, "."); /* the round has 4.5 seconds to go */
    press_ctrl_c(&p);
    await_line(&p, "cleaned up\r\n...");
    press_ctrl_c(&p);
    program_finish(&p);
    assert_int_equal(exit_status(&p), 1000 + SIGINT);
    assert_null(strstr(p.out, "parent:"));
    assert_true(count_of(".", p.out) < 10);
}

static void ctrl_backslash_ends_both_at_once(void **state)
{
    struct program p = {.name = "graceful_sigint", .tick_ms = 500, .terminal = true};
    struct rlimit no_core = {0}, core;

    (void)state;
    getrlimit(RLIMIT_CORE, &core);
    no_core.rlim_max = core.rlim_max;
    setrlimit(RLIMIT_CORE, &no_core);
    launch_until(&p, ".");
    assert_int_equal(write(p.out_fd, "\x1c", 1), 1);
    program_finish(&p);
    setrlimit(RLIMIT_CORE, &core);
    assert_int_equal(exit_status(&p), 1000 + SIGQUIT);
    assert_null(strstr(p.out, "cleaned up"));
}

/* Its keys reach the terminal's foreground group, timeout among them; and timeout hands on what it gets. */
static void one_ctrl_c_under_timeout_cuts_no_round(void **state)
{
    const char *wrapper[] = {"timeout", "600", NULL};

    (void)state;
    for (int i = 0; i < 5; i++) {
        struct program p = {.name = "graceful_sigint", .tick_ms = 20, .terminal = true, .wrapper = wrapper};
        program_launch(&p);
        keep_what_was_written(&p);
        await_line(&p, "..");
        await_asleep(await_child(await_child(p.pid)), SYS_ppoll);
        press_ctrl_c(&p);
        program_finish(&p);
        only_the_parent(p.out);
        assert_non_null(strstr(p.out, DOTS "\nparent: SIGINT, rounds finished:"));
    }
}

/* ---- a signal to one of them */

static void the_parent_alone_gets(int sig, const char *name)
{
    struct program p = {.name = "graceful_sigint", .tick_ms = 20};

    launch_until(&p, "..");
    kill(p.pid, sig);
    program_finish(&p);
    assert_int_equal(count_of("cleaned up\n", p.out), 1);
    assert_graceful(&p, sig, name);
}

static void kill_int_of_the_parent_reaches_the_child_through_the_lifeline(void **state)
{
    (void)state;
    the_parent_alone_gets(SIGINT, "SIGINT");
}

static void sigterm_and_sighup_do_as_sigint_does(void **state)
{
    (void)state;
    the_parent_alone_gets(SIGTERM, "SIGTERM");
    the_parent_alone_gets(SIGHUP, "SIGHUP");
}

/* In the middle of the round, and not at its end. */
static void the_child_hears_of_it_at_the_next_tick(void **state)
{
    struct program p = {.name = "graceful_sigint", .tick_ms = 50};
    ptrdiff_t dots;

    (void)state;
    launch_until(&p, "..");
    kill(p.pid, SIGINT);
    program_finish(&p);
    dots = strchr(p.out, '\n') - p.out; /* before the line of the child */
    assert_true(dots >= 2 && dots <= 9);
    assert_graceful(&p, SIGINT, "SIGINT");
}

static void a_child_that_leaves_alone_is_reported_after_the_round(void **state)
{
    static const int kinds[] = {SIGINT, SIGKILL};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct program p = {.name = "graceful_sigint", .tick_ms = 20};
        const char *rest;
        char expected[128];
        kill(launch_until(&p, ".."), kinds[i]);
        program_finish(&p);
        only_the_parent(p.out);
        assert_int_equal(whole_rounds(p.out, &rest), 1);
        assert_string_equal(rest, "");
        snprintf(expected, sizeof expected, "graceful_sigint: the child was killed by signal %d (%s)\n", kinds[i],
                 strsignal(kinds[i]));
        assert_string_equal(p.err, expected);
        assert_int_equal(exit_status(&p), 1);
    }
}

static void a_child_whose_parent_is_killed_leaves_by_itself(void **state)
{
    struct program p = {.name = "graceful_sigint", .tick_ms = 60000};
    pid_t child;
    int status;

    (void)state;
    program_launch(&p);
    child = await_child(p.pid);
    await_asleep(child, SYS_ppoll);
    kill(p.pid, SIGKILL);
    await_state(p.pid, 'Z'); /* so that the child is ours now: the kit adopts orphans */
    await_state(child, 'Z');
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    program_finish(&p);
    assert_string_equal(p.err, "graceful_sigint: end of file: the parent is gone\n");
    assert_int_equal(exit_status(&p), 1000 + SIGKILL);
}

/* ---- the terminal */

/* Hangs up in the first round. Returns how long the program has lived: at least ten ticks, if no round was cut. */
static long long hang_up(struct program *p)
{
    long long start = now_ms();

    program_launch(p);
    await_line(p, "..");
    close(p->out_fd);
    p->out_fd = -1;
    program_finish(p);
    return now_ms() - start;
}

/* The parent leads the session here, as after an exec in a login shell: SIGHUP goes to it alone. */
static void a_hang_up_leaves_nobody_and_cuts_no_round(void **state)
{
    struct program p = {.name = "graceful_sigint", .tick_ms = 40, .terminal = true};

    (void)state;
    assert_true(hang_up(&p) >= 10 * 40);
    assert_int_equal(exit_status(&p), 1000 + SIGHUP);
}

/* Here strace leads the session, and lets nobody know: the writes that fail are all that there is to notice. */
static void on_a_dead_terminal_it_neither_writes_for_ever_nor_cuts_the_round(void **state)
{
    char log[] = "/tmp/test_graceful.XXXXXX", seen[TESTKIT_TEXT];
    const char *wrapper[] = {"strace", "-f", "-qq", "-a1", "-e", "trace=write", "-o", log, NULL};
    struct program p = {.name = "graceful_sigint", .tick_ms = 40, .terminal = true, .wrapper = wrapper};
    int errors;

    (void)state;
    close(mkstemp(log));
    assert_true(hang_up(&p) >= 10 * 40);
    assert_int_equal(exit_status(&p), 1);
    read_file(log, seen);
    assert_int_equal(count_of("SIGHUP", seen), 0);
    assert_int_equal(count_of("write(1, \".\", 1) = -1 EIO", seen), 1);
    errors = count_of("EIO", seen); /* and the line on stderr, in pieces */
    assert_true(errors >= 2 && errors <= 5);
}

/* bash hands the signal on to its jobs, and the kernel sends it to the foreground group when bash has gone: unless the
 * two merge, there are two, and the second must not insist. */
static void under_a_shell_a_hang_up_may_come_twice_and_cuts_no_round(void **state)
{
    const char *wrapper[] = {"bash", "--norc", "-ic", "\"$0\"; exit", NULL};
    struct program p = {.name = "graceful_sigint", .tick_ms = 40, .terminal = true, .wrapper = wrapper};

    (void)state;
    assert_true(hang_up(&p) >= 10 * 40);
}

static void a_lost_stdout_cuts_no_round(void **state)
{
    struct program p = {.name = "graceful_sigint", .tick_ms = 20, .stdout_path = "/dev/full"};
    long long start = now_ms();

    (void)state;
    program_run(&p);
    assert_true(now_ms() - start >= 10 * 20);
    assert_string_equal(p.err, "graceful_sigint: stdout: No space left on device\n");
    assert_int_equal(exit_status(&p), 1);
}

/* With stdout lost the parent tells the child to leave, unasked, and waits for that. */
static void sigint_while_the_parent_joins_is_not_forgotten(void **state)
{
    const char *wrapper[] = {"strace", "-qq", "-o", "/dev/null", "-e", "inject=wait4:signal=INT:when=1", NULL};
    struct program p = {.name = "graceful_sigint", .tick_ms = 5, .wrapper = wrapper, .stdout_path = "/dev/full"};

    (void)state;
    program_run(&p);
    assert_int_equal(exit_status(&p), 1000 + SIGINT);
}

/* As a tool, this file fills its stdout and sets O_NONBLOCK on it: for all who write to this pipe. */
static int with_full_stdout(char *argv[])
{
    char bytes[4096] = "";

    if (fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK) == -1)
        return 90;
    while (write(STDOUT_FILENO, bytes, sizeof bytes) > 0)
        ;
    execv(argv[0], argv);
    return 91;
}

static void throw_away_what_was_written(const struct program *p)
{
    char bytes[4096];
    int left;

    assert_int_equal(ioctl(p->out_fd, FIONREAD, &left), 0);
    assert_true(left > 0);
    for (ssize_t n; left > 0; left -= (int)n)
        assert_true((n = read(p->out_fd, bytes, left < 4096 ? (size_t)left : sizeof bytes)) > 0);
}

static void a_full_non_blocking_stdout_is_waited_for(void **state)
{
    char self[4096];
    const char *wrapper[] = {self, "--full-stdout", NULL}, *rest;
    struct program p = {.name = "graceful_sigint", .tick_ms = 5, .wrapper = wrapper};

    (void)state;
    strcpy(self, program_path(NULL, "test_graceful_sigint"));
    program_launch(&p);
    await_asleep(p.pid, SYS_poll);
    throw_away_what_was_written(&p);
    await_line(&p, DOTS "\n.");
    kill(p.pid, SIGINT);
    program_finish(&p);
    assert_graceful(&p, SIGINT, "SIGINT");
    only_the_parent(p.out);
    assert_true(whole_rounds(p.out, &rest) >= 2);
}

/* In the background of a terminal, which `stty tostop` protects from such programs. */
static void stty_tostop_does_not_stop_it(void **state)
{
    const char *wrapper[] = {"bash", "-mc", "stty tostop; \"$0\" & read -rs; kill %1; wait; :", NULL};
    struct program p = {.name = "graceful_sigint", .tick_ms = 5, .terminal = true, .wrapper = wrapper};

    (void)state;
    program_launch(&p);
    await_line(&p, DOTS "\r\n.");
    assert_int_equal(write(p.out_fd, "\n", 1), 1);
    program_finish(&p);
    assert_non_null(strstr(p.out, "parent: SIGTERM, rounds finished:"));
}

/* SIGTERM waits for SIGCONT: a process that is stopped does nothing, and so handles nothing. */
static void a_stopped_program_keeps_its_signals(void **state)
{
    struct program p = {.name = "graceful_sigint", .tick_ms = 5};
    siginfo_t info;

    (void)state;
    launch_until(&p, "..");
    kill(p.pid, SIGSTOP);
    assert_int_equal(waitid(P_PID, (id_t)p.pid, &info, WSTOPPED), 0);
    kill(p.pid, SIGTERM);
    assert_true(is_pending_in(p.pid, SIGTERM));
    assert_int_equal(state_of(p.pid), 'T');
    kill(p.pid, SIGCONT);
    program_finish(&p);
    assert_graceful(&p, SIGTERM, "SIGTERM");
}

/* Ctrl-Z and fg, in a shell with job control; `read` keeps them apart for as long as the test likes. */
static void after_ctrl_z_and_fg_the_round_goes_on_one_dot_a_tick(void **state)
{
    const char *wrapper[] = {"bash", "-mc", "\"$0\"; echo STOPPED; read -rs; fg", NULL};
    struct program p = {.name = "graceful_sigint", .tick_ms = 30, .terminal = true, .wrapper = wrapper};
    long long start;
    int left;

    (void)state;
    program_launch(&p);
    await_line(&p, "..");
    keep_what_was_written(&p);
    start = now_ms();
    assert_int_equal(write(p.out_fd, "\x1a", 1), 1);
    await_line(&p, "STOPPED");
    left = 10 - count_of(".", p.out) % 10;
    while (now_ms() - start < 6 * 30) /* not to wait for something, but to let ticks pass */
        sched_yield();
    p.out_size = 0;
    p.out[0] = '\0';
    start = now_ms();
    assert_int_equal(write(p.out_fd, "\n", 1), 1);
    await_line(&p, ".\r\n"); /* the first dot at once, the second less than a tick later, and then one a tick */
    assert_true(now_ms() - start >= (left - 2) * 30);
    assert_int_equal(strcspn(strchr(p.out, '.'), "\r"), left);
    press_ctrl_c(&p);
    program_finish(&p);
    assert_non_null(strstr(p.out, "rounds finished:"));
}

/* A process writes 6000 bytes to a terminal, then somebody presses Ctrl-C before he has read them. Returns how many
 * there are to read. */
static int shown_after_ctrl_c(bool noflsh)
{
    static char bytes[6000];
    struct termios t;
    int master, ready[2], shown = 0;
    char byte = 0;
    pid_t pid;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    fflush(NULL);
    pid = forkpty(&master, NULL, NULL, NULL);
    assert_true(pid != -1);
    if (pid == 0) {
        sigset_t set;
        int sig;
        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigprocmask(SIG_BLOCK, &set, NULL);
        if (tcgetattr(0, &t) == -1)
            _exit(1);
        t.c_lflag = noflsh ? t.c_lflag | NOFLSH : t.c_lflag & ~(tcflag_t)NOFLSH;
        memset(bytes, 'x', sizeof bytes);
        if (tcsetattr(0, TCSANOW, &t) == -1 || write(1, bytes, sizeof bytes) == -1 || write(ready[1], "r", 1) != 1)
            _exit(1);
        _exit(sigwait(&set, &sig) == 0 && write(1, "END", 3) == 3 ? 0 : 1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(write(master, "\x03", 1), 1);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    while (byte != 'E' && read(master, &byte, 1) == 1)
        shown += byte == 'x';
    close(master);
    close(ready[0]);
    close(ready[1]);
    return shown;
}

static void ctrl_c_throws_away_what_the_terminal_has_not_yet_shown(void **state)
{
    (void)state;
    assert_true(shown_after_ctrl_c(false) < 6000);
    assert_int_equal(shown_after_ctrl_c(true), 6000);
}

/* ---- signals that are ignored at the start */

static void what_is_ignored_at_the_start_stays_ignored(void **state)
{
    static const int kinds[] = {SIGINT, SIGHUP};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct program p = {.name = "graceful_sigint", .tick_ms = 5, .ignored_signal = kinds[i]}; /* as by nohup */
        pid_t child = launch_until(&p, ".");
        kill(child, kinds[i]);
        kill(p.pid, kinds[i]);
        p.out[0] = '\0';
        p.out_size = 0;
        await_line(&p, "\n" DOTS "\n" DOTS "\n"); /* two more rounds */
        assert_int_equal(state_of(child), 'S');
        kill(p.pid, SIGTERM);
        program_finish(&p);
        assert_non_null(strstr(p.out, "parent: SIGTERM"));
        assert_int_equal(exit_status(&p), 1000 + SIGTERM);
    }
}

static void started_with_an_ampersand_by_a_script_it_ignores_sigint(void **state)
{
    const char *wrapper[] = {"sh", "-c", "\"$0\" & wait; wait $!; echo \"status $?\"", NULL};
    struct program p = {.name = "graceful_sigint", .tick_ms = 5, .wrapper = wrapper};
    pid_t program;

    (void)state;
    program_launch(&p);
    await_line(&p, ".");
    program = await_child(p.pid);
    kill(program, SIGINT);
    p.out[0] = '\0';
    p.out_size = 0;
    await_line(&p, "\n" DOTS "\n" DOTS "\n");
    kill(program, SIGTERM);
    program_finish(&p);
    assert_non_null(strstr(p.out, "parent: SIGTERM"));
}

/* ---- SIGINT at each system call of the start
 *
 * This file is also a tracer, like strace -e inject=all:signal=INT:when=N, but for one process of the two:
 *
 *     test_graceful_sigint --sigint-at WHO N TARGET PROGRAM
 *
 * runs the program and sends SIGINT when WHO (p: the parent, c: the child) is at its Nth stop; each system call is two
 * stops, before and after it. Those of the parent are counted from where program_start sets the mask. TARGET: p, c, or
 * b for both, as Ctrl-C does. The last stop is that at the call in which WHO waits: "LAST" on stderr says that it has
 * been reached. Ends as the parent does. */

struct family {
    pid_t parent, child; /* child 0: not yet */
    char who, target;
    long n, stops;
    bool begun; /* the program's own first call has been seen: those of the loader are not counted */
    bool sent;
};

static void send_sigint(struct family *f)
{
    f->sent = true;
    if (f->target != 'c' && f->parent > 0)
        kill(f->parent, SIGINT);
    if (f->target != 'p' && f->child > 0)
        kill(f->child, SIGINT);
}

/* What comes between the test of the flag and the wait has to wait as well, or it may come too late to end it. */
static void look_for_a_gap(pid_t pid)
{
    unsigned long long blocked = 0;

    if (ptrace(PTRACE_GETSIGMASK, pid, sizeof blocked, &blocked) == -1)
        _exit(92);
    if ((blocked >> (SIGINT - 1) & 1) == 0 && write(STDERR_FILENO, "SIGINT unblocked before ppoll\n", 30) != 30)
        _exit(91);
}

static void at_system_call(struct family *f, pid_t pid)
{
    struct __ptrace_syscall_info info;
    bool entry, waits;

    if (f->sent || pid != (f->who == 'p' ? f->parent : f->child))
        return;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) == -1)
        _exit(97);
    entry = info.op == PTRACE_SYSCALL_INFO_ENTRY;
    f->begun |= pid == f->child || (entry && info.entry.nr == SYS_rt_sigprocmask);
    if (!f->begun)
        return;
    waits = entry && (info.entry.nr == SYS_ppoll || info.entry.nr == SYS_clock_nanosleep);
    if (++f->stops < f->n && !waits)
        return;
    if (waits && write(STDERR_FILENO, "LAST\n", 5) != 5)
        _exit(96);
    if (waits && info.entry.nr == SYS_ppoll)
        look_for_a_gap(pid);
    send_sigint(f);
}

/* Returns the signal that the stopped process is to get. */
static int at_stop(struct family *f, pid_t pid, int status)
{
    unsigned long message;

    if (status >> 16 != 0) {
        if (status >> 16 == PTRACE_EVENT_FORK && ptrace(PTRACE_GETEVENTMSG, pid, 0, &message) == 0)
            f->child = (pid_t)message;
        return 0;
    }
    if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
        at_system_call(f, pid);
        return 0;
    }
    return WSTOPSIG(status);
}

static int trace_family(struct family *f)
{
    int status, ending = 0;
    pid_t pid;

    while ((pid = waitpid(-1, &status, __WALL)) != -1) {
        if (!WIFSTOPPED(status)) {
            if (pid == f->parent)
                ending = status;
            continue;
        }
        int sig = at_stop(f, pid, status);
        ptrace(f->sent ? PTRACE_CONT : PTRACE_SYSCALL, pid, 0, sig);
    }
    return ending;
}

static int sigint_at(char *argv[])
{
    struct family f = {.who = argv[0][0], .n = atol(argv[1]), .target = argv[2][0]};
    int status;

    f.parent = fork();
    if (f.parent == -1)
        _exit(95);
    if (f.parent == 0) {
        raise(SIGSTOP);
        execv(argv[3], argv + 3);
        _exit(94);
    }
    if (waitpid(f.parent, &status, WUNTRACED) != f.parent ||
        ptrace(PTRACE_SEIZE, f.parent, 0,
               PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_EXITKILL) == -1)
        _exit(93);
    kill(f.parent, SIGCONT);
    status = trace_family(&f);
    if (WIFSIGNALED(status))
        raise(WTERMSIG(status));
    _exit(WEXITSTATUS(status));
}

/* Returns false once the last stop has been reached. */
static bool sigint_at_stop(const char *who, int n, const char *target, int *pre_fork)
{
    char number[16], self[4096];
    const char *wrapper[] = {self, "--sigint-at", who, number, target, NULL};
    struct program p = {.name = "graceful_sigint", .tick_ms = 1, .wrapper = wrapper};
    bool last;

    strcpy(self, program_path(NULL, "test_graceful_sigint"));
    snprintf(number, sizeof number, "%d", n);
    program_run(&p);
    last = strstr(p.err, "LAST\n") != NULL;
    remove_all(p.err, "LAST\n");
    if (p.out[0] == '\0' && p.err[0] == '\0' && exit_status(&p) == 1000 + SIGINT && who[0] == 'p' && !last) {
        ++*pre_fork; /* nothing was begun */
        return true;
    }
    if (target[0] != 'c') {
        assert_graceful(&p, SIGINT, "SIGINT");
    } else if (exit_status(&p) != 1 || strstr(p.err, killed_by_int) == NULL || count_lines(p.err) != 1)
        fail_msg("%s %d %s: status %d: %s%s", who, n, target, exit_status(&p), p.out, p.err);
    return !last;
}

static void at_each_stop(const char *who, const char *target)
{
    int n = 1, pre_fork = 0;

    while (sigint_at_stop(who, n, target, &pre_fork))
        n++;
    print_message("SIGINT at each of %d stops of %s, sent to %s: %d before anything was begun\n", n, who, target,
                  pre_fork);
    assert_true(n > 4 && pre_fork < n);
}

static void sigint_at_any_system_call_of_the_parent_is_graceful(void **state)
{
    (void)state;
    skip_if_signals_are_deferred();
    at_each_stop("p", "b");
    at_each_stop("p", "p");
}

static void sigint_at_any_system_call_of_the_child_is_graceful(void **state)
{
    (void)state;
    skip_if_signals_are_deferred();
    at_each_stop("c", "b");
    at_each_stop("c", "p");
    at_each_stop("c", "c");
}

/* ---- Ctrl-C at a random moment */

static void spin_us(long us)
{
    struct timespec now, until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += us * 1000;
    do {
        sched_yield();
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - until.tv_sec) * 1000000000 + now.tv_nsec < until.tv_nsec);
}

/* Half of the moments are in the first 400 us after the terminal has its foreground group, and so about exec,
 * block, fork; the others in the three rounds after the first dot. Returns how many rounds were finished, -1 if it died
 * before it began. */
static int one_random_run(void)
{
    struct program p = {.name = "graceful_sigint", .tick_ms = 1, .terminal = true};
    bool early = rand() % 2 == 0;
    const char *rest;

    program_launch(&p);
    keep_what_was_written(&p);
    while (tcgetpgrp(p.out_fd) != p.pid)
        sched_yield();
    if (!early)
        await_line(&p, ".");
    spin_us(early ? rand() % 400 : rand() % 30000);
    press_ctrl_c(&p);
    program_finish(&p);
    if (strcmp(p.out, "^C") == 0) {
        assert_int_equal(exit_status(&p), 1000 + SIGINT);
        return -1;
    }
    assert_graceful(&p, SIGINT, "SIGINT");
    only_the_parent(p.out);
    return whole_rounds(p.out, &rest);
}

static int from_environment(const char *name, int otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : atoi(text);
}

static void ctrl_c_at_a_random_moment_loses_no_round(void **state)
{
    unsigned seed = (unsigned)from_environment("GRACEFUL_SEED", (int)(now_ms() & 0xffffff));
    int runs = from_environment("GRACEFUL_RUNS", getenv("TESTKIT_RUNNER") == NULL ? 60 : 6);
    int begun = 0, with_rounds = 0;
    long long start = now_ms();

    (void)state;
    srand(seed);
    print_message("GRACEFUL_SEED=%u\n", seed);
    for (int i = 0; i < runs; i++) {
        int rounds = one_random_run();
        begun += rounds >= 0;
        with_rounds += rounds > 0;
    }
    print_message("%d runs in %lld ms: in %d something was begun, in %d a round\n", runs, now_ms() - start, begun,
                  with_rounds);
    assert_true(with_rounds > 0);
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_one_ctrl_c_the_child_leaves_and_the_parent_finishes_its_round),
        cmocka_unit_test(until_the_round_is_over_the_dead_child_is_one_zombie),
        cmocka_unit_test(the_child_waits_without_using_the_cpu),
        cmocka_unit_test(a_later_ctrl_c_ends_both_at_once),
        cmocka_unit_test(one_ctrl_c_under_timeout_cuts_no_round),
        cmocka_unit_test(ctrl_backslash_ends_both_at_once),
        cmocka_unit_test(kill_int_of_the_parent_reaches_the_child_through_the_lifeline),
        cmocka_unit_test(sigterm_and_sighup_do_as_sigint_does),
        cmocka_unit_test(the_child_hears_of_it_at_the_next_tick),
        cmocka_unit_test(a_child_that_leaves_alone_is_reported_after_the_round),
        cmocka_unit_test(a_child_whose_parent_is_killed_leaves_by_itself),
        cmocka_unit_test(a_hang_up_leaves_nobody_and_cuts_no_round),
        cmocka_unit_test(on_a_dead_terminal_it_neither_writes_for_ever_nor_cuts_the_round),
        cmocka_unit_test(under_a_shell_a_hang_up_may_come_twice_and_cuts_no_round),
        cmocka_unit_test(a_lost_stdout_cuts_no_round),
        cmocka_unit_test(sigint_while_the_parent_joins_is_not_forgotten),
        cmocka_unit_test(a_full_non_blocking_stdout_is_waited_for),
        cmocka_unit_test(stty_tostop_does_not_stop_it),
        cmocka_unit_test(a_stopped_program_keeps_its_signals),
        cmocka_unit_test(after_ctrl_z_and_fg_the_round_goes_on_one_dot_a_tick),
        cmocka_unit_test(ctrl_c_throws_away_what_the_terminal_has_not_yet_shown),
        cmocka_unit_test(what_is_ignored_at_the_start_stays_ignored),
        cmocka_unit_test(started_with_an_ampersand_by_a_script_it_ignores_sigint),
        cmocka_unit_test(sigint_at_any_system_call_of_the_parent_is_graceful),
        cmocka_unit_test(sigint_at_any_system_call_of_the_child_is_graceful),
        cmocka_unit_test(ctrl_c_at_a_random_moment_loses_no_round),
    };

    if (argc == 6 && strcmp(argv[1], "--sigint-at") == 0)
        return sigint_at(argv + 2);
    if (argc > 2 && strcmp(argv[1], "--full-stdout") == 0)
        return with_full_stdout(argv + 2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
