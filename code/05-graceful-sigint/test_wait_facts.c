/* What the five ways to wait for a signal cost and forbid, asked of the kernel. Linux only. */
#define _GNU_SOURCE /* ppoll, pipe2 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"

static volatile sig_atomic_t flag;
static int self_pipe[2];

static void set_flag(int sig)
{
    (void)sig;
    flag++;
}

static void write_to_self(int sig)
{
    int saved = errno;

    (void)sig;
    if (write(self_pipe[1], "", 1) == -1)
        errno = saved;
}

static void install(int sig, void (*handler)(int))
{
    struct sigaction sa = {.sa_handler = handler};

    sigemptyset(&sa.sa_mask);
    assert_int_equal(sigaction(sig, &sa, NULL), 0);
}

static sigset_t only(int sig)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, sig);
    return set;
}

static void change_mask(int how, int sig)
{
    sigset_t set = only(sig);

    assert_int_equal(sigprocmask(how, &set, NULL), 0);
}

static bool is_pending(int sig)
{
    sigset_t set;

    assert_int_equal(sigpending(&set), 0);
    return sigismember(&set, sig) == 1;
}

static int status_of(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static bool readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

/* ---- what a program that is started inherits */

enum leaving { BLOCKED, CAUGHT, IGNORED };

/* Starts sleep(1), which knows nothing of signals, from a process that has blocked, caught or ignored SIGTERM; sends
 * SIGTERM and then SIGKILL. Returns 1000 + the signal that sleep died of. */
static int sleep_dies_of(enum leaving how)
{
    pid_t pid = fork_in_test();

    if (pid == 0) {
        if (how == BLOCKED)
            change_mask(SIG_BLOCK, SIGTERM);
        else
            install(SIGTERM, how == CAUGHT ? set_flag : SIG_IGN);
        execlp("sleep", "sleep", "1000", (char *)NULL);
        _exit(99);
    }
    await_asleep(pid, SYS_clock_nanosleep);
    kill(pid, SIGTERM);
    if (how != CAUGHT)
        kill(pid, SIGKILL);
    return status_of(pid);
}

static void a_blocked_signal_stays_blocked_in_a_program_that_is_started(void **state)
{
    (void)state;
    assert_int_equal(sleep_dies_of(BLOCKED), 1000 + SIGKILL);
}

static void an_ignored_signal_stays_ignored_in_a_program_that_is_started(void **state)
{
    (void)state;
    assert_int_equal(sleep_dies_of(IGNORED), 1000 + SIGKILL);
}

static void a_handler_does_not_reach_a_program_that_is_started(void **state)
{
    (void)state;
    assert_int_equal(sleep_dies_of(CAUGHT), 1000 + SIGTERM);
}

/* ---- signalfd and sigwaitinfo */

static int open_signalfd(int sig)
{
    sigset_t set = only(sig);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);

    assert_true(fd != -1);
    return fd;
}

static void three_signals_are_one_read_of_a_signalfd(void **state)
{
    struct signalfd_siginfo info;
    int fd = open_signalfd(SIGUSR1);

    (void)state;
    change_mask(SIG_BLOCK, SIGUSR1);
    for (int i = 0; i < 3; i++)
        raise(SIGUSR1);
    assert_int_equal(read(fd, &info, sizeof info), sizeof info);
    assert_int_equal(info.ssi_signo, SIGUSR1);
    assert_int_equal(read(fd, &info, sizeof info), -1);
    assert_int_equal(errno, EAGAIN);
    change_mask(SIG_UNBLOCK, SIGUSR1);
    close(fd);
}

/* A signal that is not blocked goes to its handler, and the signalfd sees nothing of it. */
static void a_signalfd_needs_the_signal_to_be_blocked(void **state)
{
    int fd = open_signalfd(SIGUSR1);

    (void)state;
    install(SIGUSR1, set_flag);
    flag = 0;
    raise(SIGUSR1);
    assert_int_equal(flag, 1);
    assert_false(readable(fd));
    install(SIGUSR1, SIG_DFL);
    close(fd);
}

/* As in a job that a shell without job control has put into the background, with SIGINT ignored. */
static void a_blocked_signal_reaches_signalfd_and_sigwaitinfo_even_if_it_is_ignored(void **state)
{
    int fd = open_signalfd(SIGUSR1);
    sigset_t set = only(SIGUSR1);

    (void)state;
    install(SIGUSR1, SIG_IGN);
    change_mask(SIG_BLOCK, SIGUSR1);
    raise(SIGUSR1);
    assert_true(readable(fd));
    assert_int_equal(sigwaitinfo(&set, NULL), SIGUSR1);
    assert_false(readable(fd));
    change_mask(SIG_UNBLOCK, SIGUSR1);
    install(SIGUSR1, SIG_DFL);
    close(fd);
}

static void a_signalfd_shows_the_signals_of_whoever_reads_it(void **state)
{
    int fd = open_signalfd(SIGUSR1);
    sigset_t set = only(SIGUSR1);
    pid_t pid;

    (void)state;
    change_mask(SIG_BLOCK, SIGUSR1);
    raise(SIGUSR1); /* the parent's own */
    pid = fork_in_test();
    if (pid == 0) {
        bool before = readable(fd);
        raise(SIGUSR1);
        _exit(!before && readable(fd) ? 0 : 1);
    }
    assert_int_equal(status_of(pid), 0);
    assert_true(readable(fd));
    assert_int_equal(sigwaitinfo(&set, NULL), SIGUSR1);
    change_mask(SIG_UNBLOCK, SIGUSR1);
    close(fd);
}

static void sigwaitinfo_and_signalfd_tell_who_sent_the_signal(void **state)
{
    int fd = open_signalfd(SIGUSR1);
    sigset_t set = only(SIGUSR1);
    struct signalfd_siginfo data;
    siginfo_t info;
    pid_t pids[2];

    (void)state;
    change_mask(SIG_BLOCK, SIGUSR1);
    for (int i = 0; i < 2; i++) {
        pids[i] = fork_in_test();
        if (pids[i] == 0)
            _exit(kill(getppid(), SIGUSR1) == 0 ? 0 : 1);
        assert_int_equal(status_of(pids[i]), 0);
        if (i == 0)
            assert_int_equal(sigwaitinfo(&set, &info), SIGUSR1);
        else
            assert_int_equal(read(fd, &data, sizeof data), sizeof data);
    }
    assert_int_equal(info.si_pid, pids[0]);
    assert_int_equal(data.ssi_pid, pids[1]);
    change_mask(SIG_UNBLOCK, SIGUSR1);
    close(fd);
}

/* ---- ppoll and sigsuspend */

/* The message is taken first, always: who has a busy pipe must look at the signal as well, or it never comes. */
static void ppoll_lets_no_signal_in_while_a_message_is_there(void **state)
{
    struct pollfd p = {.events = POLLIN};
    sigset_t none;
    int fd[2];

    (void)state;
    assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
    assert_int_equal(write(fd[1], "m", 1), 1);
    p.fd = fd[0];
    sigemptyset(&none);
    install(SIGUSR1, set_flag);
    change_mask(SIG_BLOCK, SIGUSR1);
    flag = 0;
    raise(SIGUSR1);
    for (int i = 0; i < 100; i++)
        assert_int_equal(ppoll(&p, 1, NULL, &none), 1);
    assert_int_equal(flag, 0);
    assert_true(is_pending(SIGUSR1));
    change_mask(SIG_UNBLOCK, SIGUSR1);
    assert_int_equal(flag, 1);
    install(SIGUSR1, SIG_DFL);
    close(fd[0]);
    close(fd[1]);
}

static void poll_shows_a_signalfd_and_a_message_at_once(void **state)
{
    struct pollfd p[2] = {{.events = POLLIN}, {.events = POLLIN}};
    sigset_t set = only(SIGUSR1);
    int fd[2];

    (void)state;
    assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
    assert_int_equal(write(fd[1], "m", 1), 1);
    p[0].fd = fd[0];
    p[1].fd = open_signalfd(SIGUSR1);
    change_mask(SIG_BLOCK, SIGUSR1);
    raise(SIGUSR1);
    assert_int_equal(poll(p, 2, -1), 2);
    assert_int_equal(sigwaitinfo(&set, NULL), SIGUSR1);
    change_mask(SIG_UNBLOCK, SIGUSR1);
    close(p[1].fd);
    close(fd[0]);
    close(fd[1]);
}

/* Each wait below, with a handler that is there and a signal that is pending: EINTR, and the mask as before. */
static void sigsuspend_and_ppoll_run_the_handler_of_a_pending_signal_at_once(void **state)
{
    sigset_t none;

    (void)state;
    sigemptyset(&none);
    install(SIGUSR1, set_flag);
    change_mask(SIG_BLOCK, SIGUSR1);
    flag = 0;
    raise(SIGUSR1);
    assert_int_equal(sigsuspend(&none), -1);
    assert_int_equal(errno, EINTR);
    assert_int_equal(flag, 1);
    raise(SIGUSR1);
    assert_int_equal(flag, 1); /* blocked again */
    assert_int_equal(ppoll(NULL, 0, NULL, &none), -1);
    assert_int_equal(errno, EINTR);
    assert_int_equal(flag, 2);
    raise(SIGUSR1);
    assert_int_equal(flag, 2);
    change_mask(SIG_UNBLOCK, SIGUSR1);
    install(SIGUSR1, SIG_DFL);
}

/* ---- two that wait */

static int order[2], ran;

static void note_order(int sig)
{
    order[ran++] = sig;
}

/* Returns the signal whose handler begins first, when both have waited. */
static int first_to_run(bool blocks_the_other)
{
    static const int both[] = {SIGUSR1, SIGUSR2}; /* 10 and 12 */
    struct sigaction sa = {.sa_handler = note_order};
    sigset_t none;

    sigemptyset(&none);
    sigemptyset(&sa.sa_mask);
    ran = 0;
    for (int i = 1; i >= 0; i--) {
        if (blocks_the_other)
            sigaddset(&sa.sa_mask, both[1 - i]);
        assert_int_equal(sigaction(both[i], &sa, NULL), 0);
        change_mask(SIG_BLOCK, both[i]);
        raise(both[i]);
    }
    assert_int_equal(sigprocmask(SIG_SETMASK, &none, NULL), 0);
    assert_int_equal(ran, 2);
    for (int i = 0; i < 2; i++)
        install(both[i], SIG_DFL);
    return order[0];
}

/* The kernel takes the lowest number first and makes its handler's frame. If that does not block the second, the second
 * gets its frame on top of the first, and so runs before it. */
static void of_two_that_wait_the_lower_is_taken_first_and_without_a_mask_runs_last(void **state)
{
    (void)state;
    skip_if_signals_are_deferred();
    assert_int_equal(first_to_run(true), SIGUSR1);
    assert_int_equal(first_to_run(false), SIGUSR2);
}

/* ---- the self-pipe */

static void open_self_pipe(int flags)
{
    assert_int_equal(pipe2(self_pipe, O_CLOEXEC | flags), 0);
    install(SIGUSR1, write_to_self);
}

static void close_self_pipe(void)
{
    install(SIGUSR1, SIG_DFL);
    close(self_pipe[0]);
    close(self_pipe[1]);
}

/* The child has a handler and a pipe of its own making only if it makes them. */
static void a_signal_to_a_forked_child_wakes_the_parent_through_their_self_pipe(void **state)
{
    pid_t pid;

    (void)state;
    open_self_pipe(O_NONBLOCK);
    pid = fork_in_test();
    if (pid == 0) {
        raise(SIGUSR1);
        _exit(0);
    }
    assert_int_equal(status_of(pid), 0);
    assert_true(readable(self_pipe[0]));
    close_self_pipe();
}

static void a_full_self_pipe_stays_readable_and_blocks_nobody(void **state)
{
    (void)state;
    open_self_pipe(O_NONBLOCK);
    for (int i = 0; i < 100000; i++) { /* more than the 65536 that a pipe holds */
        errno = EXDEV;
        raise(SIGUSR1);
        assert_int_equal(errno, EXDEV);
    }
    assert_true(readable(self_pipe[0]));
    assert_int_equal(write(self_pipe[1], "", 1), -1);
    assert_int_equal(errno, EAGAIN);
    close_self_pipe();
}

/* The handler sleeps in its write, and what it interrupted will never go on to read. */
static void a_full_self_pipe_that_blocks_is_a_deadlock(void **state)
{
    pid_t pid;

    (void)state;
    open_self_pipe(0);
    pid = fork_in_test();
    if (pid == 0) {
        for (;;)
            raise(SIGUSR1);
    }
    await_asleep(pid, SYS_write);
    kill(pid, SIGKILL);
    assert_int_equal(status_of(pid), 1000 + SIGKILL);
    close_self_pipe();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blocked_signal_stays_blocked_in_a_program_that_is_started),
        cmocka_unit_test(an_ignored_signal_stays_ignored_in_a_program_that_is_started),
        cmocka_unit_test(a_handler_does_not_reach_a_program_that_is_started),
        cmocka_unit_test(three_signals_are_one_read_of_a_signalfd),
        cmocka_unit_test(a_signalfd_needs_the_signal_to_be_blocked),
        cmocka_unit_test(a_blocked_signal_reaches_signalfd_and_sigwaitinfo_even_if_it_is_ignored),
        cmocka_unit_test(a_signalfd_shows_the_signals_of_whoever_reads_it),
        cmocka_unit_test(sigwaitinfo_and_signalfd_tell_who_sent_the_signal),
        cmocka_unit_test(ppoll_lets_no_signal_in_while_a_message_is_there),
        cmocka_unit_test(poll_shows_a_signalfd_and_a_message_at_once),
        cmocka_unit_test(sigsuspend_and_ppoll_run_the_handler_of_a_pending_signal_at_once),
        cmocka_unit_test(of_two_that_wait_the_lower_is_taken_first_and_without_a_mask_runs_last),
        cmocka_unit_test(a_signal_to_a_forked_child_wakes_the_parent_through_their_self_pipe),
        cmocka_unit_test(a_full_self_pipe_stays_readable_and_blocks_nobody),
        cmocka_unit_test(a_full_self_pipe_that_blocks_is_a_deadlock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
