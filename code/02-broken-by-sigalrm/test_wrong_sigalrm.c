/* The wrong programs of chapter 2 fail, and fail as the chapter says. Built with gcc -O2 and without sanitizers. */
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"

static long long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* An alarm that rings late, on a slow machine, can ring twice: the first line of a row will do. */
static void without_repeated_alarms(char *text)
{
    char *twice;

    while ((twice = strstr(text, "alarm(14)\nalarm(14)\n")) != NULL)
        memmove(twice, twice + 10, strlen(twice + 10) + 1);
}

static void the_interrupted_read_ends_the_child(void **state)
{
    struct program p = {.name = "broken_by_sigalrm", .tick_ms = 50, .merged = true};
    long long start = now_ms();

    (void)state;
    program_launch(&p);
    await_line(&p, "read: Interrupted system call\n");
    assert_true(now_ms() - start >= 50);
    program_finish(&p);
    assert_true(now_ms() - start >= 5 * 50);
    without_repeated_alarms(p.out);
    assert_string_equal(p.out, "alarm(14)\n"
                               "broken_by_sigalrm: read: Interrupted system call\n"
                               "broken_by_sigalrm: cannot send: Broken pipe; the child exited with status 1\n");
    assert_int_equal(exit_status(&p), 1);
}

static void sa_restart_does_not_restart_poll(void **state)
{
    struct program p = {.name = "poll_interrupted", .tick_ms = 50, .merged = true};

    (void)state;
    program_run(&p);
    without_repeated_alarms(p.out);
    assert_string_equal(p.out, "alarm(14)\n"
                               "poll_interrupted: poll: Interrupted system call\n"
                               "poll_interrupted: cannot send: Broken pipe; the child exited with status 1\n");
    assert_int_equal(exit_status(&p), 1);
}

static void sa_restart_does_not_complete_a_write(void **state)
{
    struct program p = {.name = "short_write", .tick_ms = 20};

    (void)state;
    program_run(&p);
    without_repeated_alarms(p.out);
    assert_string_equal(p.out, "alarm(14)\nwrite returned 65536 of 100000\nsub process recv: 65536 bytes\n");
    assert_int_equal(exit_status(&p), 0); /* it does not even notice */
}

static void a_restarted_read_cannot_be_told_to_stop(void **state)
{
    struct program p = {.name = "deaf_read", .tick_ms = 20};

    (void)state;
    program_launch(&p);
    await_line(&p, "alarm(14)\nalarm(14)\nalarm(14)\n"); /* the flag has been set three times over */
    await_asleep(p.pid, SYS_read);
    kill(p.pid, SIGKILL);
    program_finish(&p);
    assert_null(strstr(p.out, "giving up"));
}

/* One thread, asleep in a futex wait without time limit, with SIGALRM blocked, which means inside its handler: nobody
 * is there to release that lock. */
static void expect_deadlock(pid_t pid)
{
    char path[64], line[256];
    unsigned long long blocked = 0;
    int threads = 0;
    FILE *f;

    await_asleep(pid, SYS_futex);
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        sscanf(line, "Threads: %d", &threads);
        sscanf(line, "SigBlk: %llx", &blocked);
    }
    fclose(f);
    assert_int_equal(threads, 1);
    assert_true((blocked >> (SIGALRM - 1) & 1) == 1);
}

static void printf_in_a_handler_deadlocks(void **state)
{
    struct program p = {.name = "printf_in_handler"};

    (void)state;
    program_launch(&p);
    await_line(&p, "printing"); /* its thread is over */
    expect_deadlock(p.pid);
    kill(p.pid, SIGKILL);
    program_finish(&p);
}

static FILE *out;

static void print_alarm(int sig)
{
    fprintf(out, "alarm(%d)\n", sig);
}

/* The same as printf_in_handler in a process that has never had a second thread. */
static pid_t start_printing(int fd)
{
    const struct timeval ms = {.tv_usec = 1000};
    pid_t pid = fork_in_test();

    if (pid != 0)
        return pid;
    out = fdopen(fd, "w");
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = print_alarm}, NULL);
    setitimer(ITIMER_REAL, &(struct itimerval){ms, ms}, NULL);
    for (long line = 1;; line++)
        fprintf(out, "line %ld\n", line);
}

/* Reads until a line is not as it was printed, or the printer has crashed. Returns false if nothing comes any more. */
static bool a_line_is_torn(int fd)
{
    char line[64] = "", next[64] = "line 1";
    size_t length = 0;
    long number = 1;
    char byte;

    while (poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 60000) == 1) {
        if (read(fd, &byte, 1) != 1)
            return true;
        if (byte != '\n' && length < sizeof line - 1) {
            line[length++] = byte;
            continue;
        }
        line[length] = '\0';
        length = 0;
        if (strcmp(line, next) == 0)
            snprintf(next, sizeof next, "line %ld", ++number);
        else if (strcmp(line, "alarm(14)") != 0)
            return true;
    }
    return false;
}

static void without_a_second_thread_glibc_from_2_37_on_tears_lines_instead(void **state)
{
    int minor = 0, fd[2];
    pid_t pid;

    (void)state;
    assert_int_equal(sscanf(gnu_get_libc_version(), "2.%d", &minor), 1);
    assert_int_equal(pipe(fd), 0);
    pid = start_printing(minor < 37 ? open("/dev/null", O_WRONLY) : fd[1]);
    close(fd[1]);
    if (minor < 37)
        expect_deadlock(pid);
    else
        assert_true(a_line_is_torn(fd[0]));
    close(fd[0]);
}

static void a_handler_that_changes_errno_is_noticed_far_away(void **state)
{
    struct program p = {.name = "errno_clobbered"};

    (void)state;
    program_run(&p);
    assert_string_equal(p.err, "errno_clobbered: open /nonexistent: Bad file descriptor\n");
    assert_int_equal(exit_status(&p), 1);
}

/* The flag is set before the line appears; a loop that saw it would end at once. This one goes on to use 100 ms of
 * CPU time, and more alarms set the flag again meanwhile. */
static void a_plain_int_flag_is_never_seen(void **state)
{
    struct program p = {.name = "plain_flag", .tick_ms = 20};
    long long used;

    (void)state;
    program_launch(&p);
    await_line(&p, "alarm(14)\n");
    used = cpu_time_of(p.pid);
    while (state_of(p.pid) != 'Z' && cpu_time_of(p.pid) - used < 100 * 1000000LL)
        ;
    assert_int_not_equal(state_of(p.pid), 'Z');
    await_line(&p, "alarm(14)\nalarm(14)\n");
    kill(p.pid, SIGKILL);
    program_finish(&p);
    assert_null(strstr(p.out, "the flag is set"));
}

static void signal_is_gone_after_one_delivery(void **state)
{
    struct program p = {.name = "signal_once", .tick_ms = 200};

    (void)state;
    program_run(&p);
    assert_string_equal(p.out, "alarm(14)\n");
    assert_int_equal(exit_status(&p), 1000 + SIGALRM);
}

/* What the post does in one process: a child waits in recv, with a handler, and a parent sends on SIGUSR1. With a
 * `False`, the child calls siginterrupt(SIGALRM, False). */
static const char *const python[] = {
    "python3", "-I", "-c",
    "import multiprocessing, os, signal, sys\n"
    "r, w = multiprocessing.Pipe(False)\n"
    "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\n"
    "pid = os.fork()\n"
    "if pid == 0:\n"
    "    signal.signal(signal.SIGALRM, lambda *_: os.write(1, b'alarm(14)\\n'))\n"
    "    if sys.argv[2] == 'False': signal.siginterrupt(signal.SIGALRM, False)\n"
    "    os.write(1, b'ready\\n')\n"
    "    os.write(1, r.recv().encode() + b'\\n')\n"
    "    os._exit(0)\n"
    "signal.sigwait([signal.SIGUSR1])\n"
    "w.send('fool')\n"
    "os.waitpid(pid, 0)\n",
    NULL};

/* Three alarms, each when the child is back in its read, and then the message. */
static void expect_of_python(const char *siginterrupt, const char *expected)
{
    const char *args[] = {siginterrupt, NULL};
    struct program p = {.name = "pending", .wrapper = python, .args = args}; /* argv[1], not run */
    pid_t child;

    program_launch(&p);
    await_line(&p, "ready\n");
    child = await_child(p.pid);
    for (int i = 0; i < 3; i++) {
        await_asleep(child, SYS_read);
        kill(child, SIGALRM);
    }
    await_asleep(child, SYS_read);
    await_asleep(p.pid, SYS_rt_sigtimedwait);
    kill(p.pid, SIGUSR1);
    program_finish(&p);
    assert_string_equal(p.err, "");
    assert_string_equal(p.out, expected);
}

static void in_python_a_handler_does_not_run_while_the_read_is_restarted(void **state)
{
    (void)state;
    expect_of_python("None", "ready\nalarm(14)\nalarm(14)\nalarm(14)\nfool\n");
    expect_of_python("False", "ready\nalarm(14)\nfool\n"); /* one for three, and only when the message comes */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_interrupted_read_ends_the_child),
        cmocka_unit_test(sa_restart_does_not_restart_poll),
        cmocka_unit_test(sa_restart_does_not_complete_a_write),
        cmocka_unit_test(a_restarted_read_cannot_be_told_to_stop),
        cmocka_unit_test(printf_in_a_handler_deadlocks),
        cmocka_unit_test(without_a_second_thread_glibc_from_2_37_on_tears_lines_instead),
        cmocka_unit_test(a_handler_that_changes_errno_is_noticed_far_away),
        cmocka_unit_test(a_plain_int_flag_is_never_seen),
        cmocka_unit_test(signal_is_gone_after_one_delivery),
        cmocka_unit_test(in_python_a_handler_does_not_run_while_the_read_is_restarted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
