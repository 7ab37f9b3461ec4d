/* What chapter 2 says about signals and blocked calls, asked of the kernel and the C library. */
#define _GNU_SOURCE /* pipe2, F_GETPIPE_SZ, REG_RAX */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"

static int rang[2];  /* a handler writes the number of its signal here */
static int data[2];  /* what the blocked calls work on */

static void ring(int sig)
{
    int saved = errno;
    char byte = (char)sig;

    if (write(rang[1], &byte, 1) != 1)
        _exit(99);
    errno = saved;
}

static void clobber(int sig)
{
    ring(sig);
    errno = EXDEV;
}

static void install(int sig, void (*handler)(int), int flags)
{
    struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};

    sigemptyset(&sa.sa_mask);
    if (sigaction(sig, &sa, NULL) == -1)
        _exit(98);
}

/* The calls. Each returns 0 if it did what it is for, or its errno. */

static int do_read(void)
{
    char byte;

    return read(data[0], &byte, 1) == 1 ? 0 : errno;
}

static int do_write(void)
{
    return write(data[1], "x", 1) == 1 ? 0 : errno;
}

static int do_poll(void)
{
    struct pollfd p = {.fd = data[0], .events = POLLIN};

    return poll(&p, 1, -1) == 1 ? 0 : errno;
}

static int do_nanosleep(void)
{
    struct timespec hour = {.tv_sec = 3600};

    return nanosleep(&hour, NULL) == 0 ? 0 : errno;
}

static int do_select(void)
{
    fd_set set;

    FD_ZERO(&set);
    FD_SET(data[0], &set);
    return select(data[0] + 1, &set, NULL, NULL, NULL) == 1 ? 0 : errno;
}

static int do_epoll_wait(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    int fd = epoll_create1(EPOLL_CLOEXEC);

    if (fd == -1 || epoll_ctl(fd, EPOLL_CTL_ADD, data[0], &event) == -1)
        return 97;
    return epoll_wait(fd, &event, 1, -1) == 1 ? 0 : errno;
}

static int do_pause(void)
{
    return pause() == -1 ? errno : 0;
}

/* A read from a socket, of which `satisfy` knows nothing. With SO_RCVTIMEO it may take an hour at most. */
static int do_timed_read(void)
{
    struct timeval hour = {.tv_sec = 3600};
    int fd[2];
    char byte;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) == -1 ||
        setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &hour, sizeof hour) == -1)
        return 97;
    return read(fd[0], &byte, 1) == 1 ? 0 : errno;
}

static char wait_for_ring(void)
{
    char sig = 0;

    assert_int_equal(read(rang[0], &sig, 1), 1);
    return sig;
}

static void setup_pipes(bool full)
{
    static char bytes[65536];

    assert_int_equal(pipe2(rang, O_CLOEXEC), 0);
    assert_int_equal(pipe2(data, O_CLOEXEC), 0);
    if (full)
        assert_int_equal(write(data[1], bytes, sizeof bytes), sizeof bytes);
}

static void close_pipes(void)
{
    close(rang[0]);
    close(rang[1]);
    close(data[0]);
    close(data[1]);
}

static int status_of(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

enum { RESTARTED = 0 };

/* Gives a call that waits for bytes a byte, and one that waits for room all the room there is. */
static void satisfy(long number)
{
    static char bytes[65536];

    if (number == SYS_write)
        assert_int_equal(read(data[0], bytes, sizeof bytes), sizeof bytes);
    else
        assert_int_equal(write(data[1], "x", 1), 1);
}

/* Lets `call` block in a child, sends SIGUSR1 once it sleeps, and gives it what it waits for once the handler has
 * run: by then the kernel has decided whether the call ends or goes on. Returns the child's exit status: RESTARTED,
 * or the errno of the call. */
static int after_a_signal(int (*call)(void), long number, void (*handler)(int), int flags, bool full)
{
    int outcome;
    pid_t pid;

    setup_pipes(full);
    pid = fork_in_test();
    if (pid == 0) {
        install(SIGUSR1, handler, flags);
        alarm(60); /* if it waits forever after all, SIGALRM kills it, and that is no errno */
        _exit(call());
    }
    await_asleep(pid, number);
    kill(pid, SIGUSR1);
    assert_int_equal(wait_for_ring(), SIGUSR1);
    satisfy(number);
    outcome = status_of(pid);
    close_pipes();
    return outcome;
}

static void without_sa_restart_a_blocked_read_fails_with_eintr(void **state)
{
    (void)state;
    assert_int_equal(after_a_signal(do_read, SYS_read, ring, 0, false), EINTR);
}

static void with_sa_restart_a_blocked_read_goes_on(void **state)
{
    (void)state;
    assert_int_equal(after_a_signal(do_read, SYS_read, ring, SA_RESTART, false), RESTARTED);
}

static void a_write_that_has_moved_nothing_behaves_like_a_read(void **state)
{
    (void)state;
    assert_int_equal(after_a_signal(do_write, SYS_write, ring, 0, true), EINTR);
    assert_int_equal(after_a_signal(do_write, SYS_write, ring, SA_RESTART, true), RESTARTED);
}

static void poll_is_never_restarted(void **state)
{
    (void)state;
    assert_int_equal(after_a_signal(do_poll, SYS_poll, ring, 0, false), EINTR);
    assert_int_equal(after_a_signal(do_poll, SYS_poll, ring, SA_RESTART, false), EINTR);
}

static void a_sleep_is_never_restarted(void **state)
{
    (void)state;
    assert_int_equal(after_a_signal(do_nanosleep, SYS_clock_nanosleep, ring, 0, false), EINTR);
    assert_int_equal(after_a_signal(do_nanosleep, SYS_clock_nanosleep, ring, SA_RESTART, false), EINTR);
}

/* The handler runs before the C library stores the error of the interrupted call. */
static void the_interrupted_call_keeps_its_own_errno(void **state)
{
    (void)state;
    assert_int_equal(after_a_signal(do_read, SYS_read, clobber, 0, false), EINTR);
}

static void select_epoll_wait_pause_and_a_socket_with_a_timeout_are_never_restarted(void **state)
{
    static const int flags[] = {0, SA_RESTART};

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(after_a_signal(do_select, SYS_pselect6, ring, flags[i], false), EINTR);
        assert_int_equal(after_a_signal(do_epoll_wait, SYS_epoll_wait, ring, flags[i], false), EINTR);
        assert_int_equal(after_a_signal(do_nanosleep, SYS_clock_nanosleep, ring, flags[i], false), EINTR);
        assert_int_equal(after_a_signal(do_pause, SYS_pause, ring, flags[i], false), EINTR);
        assert_int_equal(after_a_signal(do_timed_read, SYS_read, ring, flags[i], false), EINTR);
    }
}

static void stop_and_continue(pid_t pid)
{
    kill(pid, SIGSTOP);
    while (state_of(pid) != 'T')
        ;
    kill(pid, SIGCONT);
}

/* SIGWINCH at its default, which is to do nothing; SIGUSR1 ignored; and a stop. The child's one read goes on. */
static void only_signals_with_a_handler_interrupt_a_read(void **state)
{
    pid_t pid;

    (void)state;
    setup_pipes(false);
    pid = fork_in_test();
    if (pid == 0) {
        install(SIGUSR1, SIG_IGN, 0);
        install(SIGWINCH, SIG_DFL, 0);
        alarm(60);
        _exit(do_read());
    }
    await_asleep(pid, SYS_read);
    kill(pid, SIGUSR1);
    kill(pid, SIGWINCH);
    await_asleep(pid, SYS_read);
    stop_and_continue(pid);
    await_asleep(pid, SYS_read);
    satisfy(SYS_read);
    assert_int_equal(status_of(pid), 0);
    close_pipes();
}

static int after_a_stop(int (*call)(void), long number)
{
    int outcome;
    pid_t pid;

    setup_pipes(false);
    pid = fork_in_test();
    if (pid == 0) {
        alarm(60);
        _exit(call());
    }
    await_asleep(pid, number);
    stop_and_continue(pid);
    outcome = status_of(pid);
    close_pipes();
    return outcome;
}

static void a_stop_interrupts_epoll_wait_although_there_is_no_handler(void **state)
{
    (void)state;
    assert_int_equal(after_a_stop(do_epoll_wait, SYS_epoll_wait), EINTR);
    assert_int_equal(after_a_stop(do_timed_read, SYS_read), EINTR);
}

/* A write of more than the pipe holds, interrupted: returns its errno, or 64 if it wrote 64 KiB, or 1. */
static int do_long_write(void)
{
    static char bytes[100000];
    ssize_t n = write(data[1], bytes, sizeof bytes);

    return n == -1 ? errno : n == 65536 ? 64 : 1;
}

static void a_write_that_has_moved_bytes_comes_back_short_in_both_cases(void **state)
{
    (void)state;
    assert_int_equal(after_a_signal(do_long_write, SYS_write, ring, 0, false), 64);
    assert_int_equal(after_a_signal(do_long_write, SYS_write, ring, SA_RESTART, false), 64);
}

/* Both signals become pending while the reader is stopped; the kernel takes the lower number first. Returns what
 * becomes of the read; `order` is that of the handlers. */
static int after_two_signals(int low, int low_flags, int high, int high_flags, char order[2])
{
    int outcome;
    pid_t pid;

    setup_pipes(false);
    pid = fork_in_test();
    if (pid == 0) {
        install(low, ring, low_flags);
        install(high, ring, high_flags);
        _exit(do_read());
    }
    await_asleep(pid, SYS_read);
    kill(pid, SIGSTOP);
    while (state_of(pid) != 'T')
        ;
    kill(pid, high);
    kill(pid, low);
    kill(pid, SIGCONT);
    order[0] = wait_for_ring();
    order[1] = wait_for_ring();
    assert_int_equal(write(data[1], "x", 1), 1); /* ends a read that was restarted */
    outcome = status_of(pid);
    close_pipes();
    return outcome;
}

static void of_two_signals_the_lower_number_decides_about_eintr(void **state)
{
    static const int higher[] = {SIGUSR2, SIGALRM};
    char order[2];

    (void)state;
    assert_int_equal(SIGUSR1, 10);
    assert_int_equal(SIGALRM, 14);
    for (int i = 0; i < 2; i++) {
        int high = higher[i];
        assert_int_equal(after_two_signals(SIGUSR1, 0, high, 0, order), EINTR);
        assert_int_equal(after_two_signals(SIGUSR1, 0, high, SA_RESTART, order), EINTR);
        assert_int_equal(after_two_signals(SIGUSR1, SA_RESTART, high, 0, order), 0); /* although `high` asks for it */
        assert_int_equal(after_two_signals(SIGUSR1, SA_RESTART, high, SA_RESTART, order), 0);
        assert_int_equal(order[0], high); /* the handler of the signal taken last runs first */
        assert_int_equal(order[1], SIGUSR1);
    }
}

static void the_default_action_of_sigalrm_kills(void **state)
{
    pid_t pid = fork_in_test();

    (void)state;
    if (pid == 0) {
        install(SIGALRM, SIG_DFL, 0);
        raise(SIGALRM);
        _exit(0);
    }
    assert_int_equal(status_of(pid), 1000 + SIGALRM);
    assert_int_equal(SIGALRM, 14);
}

static void a_child_inherits_handlers_but_neither_timers_nor_pending_signals(void **state)
{
    struct itimerval hour = {.it_value = {.tv_sec = 3600}}, off = {0}, timer;
    sigset_t alarm_only, pending, old;
    struct sigaction sa;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe2(rang, O_CLOEXEC), 0);
    install(SIGALRM, ring, 0);
    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    sigprocmask(SIG_BLOCK, &alarm_only, &old);
    raise(SIGALRM);
    setitimer(ITIMER_REAL, &hour, NULL);
    pid = fork_in_test();
    if (pid == 0) {
        int wrong = 0;
        sigaction(SIGALRM, NULL, &sa);
        wrong |= sa.sa_handler == ring ? 0 : 1;
        sigpending(&pending);
        wrong |= sigismember(&pending, SIGALRM) == 0 ? 0 : 2;
        getitimer(ITIMER_REAL, &timer);
        wrong |= timer.it_value.tv_sec == 0 && timer.it_value.tv_usec == 0 ? 0 : 4;
        _exit(wrong);
    }
    assert_int_equal(status_of(pid), 0);
    setitimer(ITIMER_REAL, &off, NULL);
    sigprocmask(SIG_SETMASK, &old, NULL); /* the parent's own is delivered here */
    assert_int_equal(wait_for_ring(), SIGALRM);
    install(SIGALRM, SIG_DFL, 0);
    close(rang[0]);
    close(rang[1]);
}

/* sigaction tells what signal() has done. This file is compiled with -std=c11. */
static void strict_c_gives_the_signal_of_system_v(void **state)
{
    struct sigaction sa;

    (void)state;
#ifdef __GLIBC__
    signal(SIGUSR2, ring); /* the one call that this test is about */
    sigaction(SIGUSR2, NULL, &sa);
    install(SIGUSR2, SIG_DFL, 0);
#ifdef _DEFAULT_SOURCE /* _GNU_SOURCE above implies it: then it is the signal of BSD */
    assert_int_equal(sa.sa_flags & SA_RESTART, SA_RESTART);
    assert_int_equal(sa.sa_flags & (int)SA_RESETHAND, 0);
#endif
    __sysv_signal(SIGUSR2, ring); /* what the name signal stands for without it */
    sigaction(SIGUSR2, NULL, &sa);
    install(SIGUSR2, SIG_DFL, 0);
    assert_int_equal(sa.sa_flags & SA_RESTART, 0);
    assert_int_equal(sa.sa_flags & (int)SA_RESETHAND, (int)SA_RESETHAND);
    assert_int_equal(sa.sa_flags & SA_NODEFER, SA_NODEFER);
#else
    (void)sa;
    skip();
#endif
}

static int restarts(int sig)
{
    struct sigaction sa;

    sigaction(sig, NULL, &sa);
    return (sa.sa_flags & SA_RESTART) != 0;
}

/* This file defines _GNU_SOURCE: its signal() is that of BSD, which restarts. */
static void siginterrupt_lasts_until_the_next_sigaction(void **state)
{
    struct sigaction sa = {.sa_handler = ring};

    (void)state;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    signal(SIGUSR2, ring);
    assert_int_equal(restarts(SIGUSR2), 1);
    siginterrupt(SIGUSR2, 1);
    assert_int_equal(restarts(SIGUSR2), 0);
    signal(SIGUSR2, ring); /* glibc has remembered it */
    assert_int_equal(restarts(SIGUSR2), 0);
    siginterrupt(SIGUSR2, 0);
    assert_int_equal(restarts(SIGUSR2), 1);
    sigaction(SIGUSR2, &sa, NULL);
    assert_int_equal(restarts(SIGUSR2), 0);
#pragma GCC diagnostic pop
    install(SIGUSR2, SIG_DFL, 0);
}

static volatile sig_atomic_t blocked_in_handler;

static void note_mask(int sig)
{
    sigset_t mask;

    sigprocmask(SIG_BLOCK, NULL, &mask);
    blocked_in_handler = sigismember(&mask, sig);
}

static int is_blocked(int sig)
{
    sigset_t mask;

    sigprocmask(SIG_BLOCK, NULL, &mask);
    return sigismember(&mask, sig);
}

static void a_handler_runs_with_its_own_signal_blocked(void **state)
{
    (void)state;
    blocked_in_handler = -1;
    install(SIGUSR1, note_mask, 0);
    assert_int_equal(is_blocked(SIGUSR1), 0);
    raise(SIGUSR1);
    assert_int_equal(blocked_in_handler, 1);
    assert_int_equal(is_blocked(SIGUSR1), 0); /* and only while it runs */
    install(SIGUSR1, note_mask, SA_NODEFER);
    raise(SIGUSR1);
    assert_int_equal(blocked_in_handler, 0); /* unless it wishes otherwise */
    install(SIGUSR1, SIG_DFL, 0);
}

/* ---- generated, pending, delivered */

static volatile sig_atomic_t calls;

static void count_calls(int sig)
{
    (void)sig;
    calls++;
}

static void block(int how, int sig)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, sig);
    if (sigprocmask(how, &set, NULL) == -1)
        _exit(98);
}

static bool is_pending(int sig)
{
    sigset_t set;

    sigpending(&set);
    return sigismember(&set, sig) == 1;
}

static void kill_returns_0_before_anything_has_happened(void **state)
{
    (void)state;
    calls = 0;
    install(SIGUSR1, count_calls, 0);
    block(SIG_BLOCK, SIGUSR1);
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    assert_int_equal(calls, 0);
    assert_true(is_pending(SIGUSR1));
    block(SIG_UNBLOCK, SIGUSR1);
    assert_int_equal(calls, 1);
    install(SIGUSR1, SIG_DFL, 0);
}

static void one_signal_can_be_pending_for_the_process_and_for_a_thread(void **state)
{
    (void)state;
    calls = 0;
    install(SIGUSR1, count_calls, 0);
    block(SIG_BLOCK, SIGUSR1);
    for (int i = 0; i < 3; i++) {
        kill(getpid(), SIGUSR1); /* to the process */
        raise(SIGUSR1);          /* to this thread */
    }
    block(SIG_UNBLOCK, SIGUSR1);
    assert_int_equal(calls, 2);
    install(SIGUSR1, SIG_DFL, 0);
}

/* A timer of timer_create(2) brings its own place in the queue, and merges with itself only. */
static void a_kill_and_a_timer_do_not_merge(void **state)
{
    const struct itimerspec soon = {.it_value = {.tv_nsec = 1}};
    struct itimerspec left;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    timer_t timer;

    (void)state;
    calls = 0;
    install(SIGALRM, count_calls, 0);
    block(SIG_BLOCK, SIGALRM);
    kill(getpid(), SIGALRM);
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    assert_int_equal(timer_settime(timer, 0, &soon, NULL), 0);
    do
        timer_gettime(timer, &left);
    while (left.it_value.tv_sec != 0 || left.it_value.tv_nsec != 0);
    block(SIG_UNBLOCK, SIGALRM);
    assert_int_equal(calls, 2);
    timer_delete(timer);
    install(SIGALRM, SIG_DFL, 0);
}

static char order[8];

static void note(const char *what)
{
    strncat(order, what, sizeof order - strlen(order) - 1);
}

static void outer(int sig)
{
    (void)sig;
    note("(");
    raise(SIGUSR2);
    note(")");
}

static void inner(int sig)
{
    (void)sig;
    note("2");
}

static void another_signal_interrupts_a_handler_unless_sa_mask_has_it(void **state)
{
    struct sigaction sa = {.sa_handler = outer};

    (void)state;
    install(SIGUSR2, inner, 0);
    install(SIGUSR1, outer, 0);
    order[0] = '\0';
    raise(SIGUSR1);
    assert_string_equal(order, "(2)");
    sigemptyset(&sa.sa_mask);
    sigaddset(&sa.sa_mask, SIGUSR2);
    sigaction(SIGUSR1, &sa, NULL);
    order[0] = '\0';
    raise(SIGUSR1);
    assert_string_equal(order, "()2");
    install(SIGUSR1, SIG_DFL, 0);
    install(SIGUSR2, SIG_DFL, 0);
}

/* ---- timers */

static void every_us(long us)
{
    const struct timeval period = {.tv_usec = us};

    assert_int_equal(setitimer(ITIMER_REAL, &(struct itimerval){period, period}, NULL), 0);
}

/* Waits, awake, until it is so; far longer than a slow machine needs. */
static void await(bool (*condition)(void), const char *what)
{
    struct timespec start, now;

    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        if (condition())
            return;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - start.tv_sec < 60);
    fail_msg("not within a minute: %s", what);
}

static bool alarm_is_pending(void)
{
    return is_pending(SIGALRM);
}

/* What getitimer(2) says: is the timer running, and is it to ring again and again? */
static bool timer_runs(void)
{
    struct itimerval now;

    getitimer(ITIMER_REAL, &now);
    return now.it_value.tv_sec != 0 || now.it_value.tv_usec != 0;
}

/* A timer with less than a microsecond to go shows 0 as well, so look again when two of its periods are over. */
static bool timer_rests(void)
{
    const struct timespec two_ms = {.tv_nsec = 2000000};

    if (timer_runs())
        return false;
    nanosleep(&two_ms, NULL);
    return !timer_runs();
}

static bool timer_has_a_period(void)
{
    struct itimerval now;

    getitimer(ITIMER_REAL, &now);
    return now.it_interval.tv_sec != 0 || now.it_interval.tv_usec != 0;
}

/* The kernel starts the timer's next round when the signal is taken from the queue, and an ignored one never gets
 * there. Tried on Linux 6.1, 6.12 and 6.18. A kill(2) puts one there. */
static void a_periodic_timer_ends_when_its_signal_is_ignored_once(void **state)
{
    (void)state;
    install(SIGALRM, SIG_IGN, 0);
    every_us(1000);
    await(timer_rests, "the timer has expired");
    calls = 0;
    install(SIGALRM, count_calls, 0);
    assert_false(timer_runs());
    assert_true(timer_has_a_period());
    assert_int_equal(calls, 0);
    every_us(0);
    install(SIGALRM, SIG_DFL, 0);
}

static void such_a_timer_is_started_again_by_a_sigalrm_to_the_process(void **state)
{
    (void)state;
    calls = 0;
    install(SIGALRM, SIG_IGN, 0);
    every_us(1000);
    await(timer_rests, "the timer has expired");
    install(SIGALRM, count_calls, 0);
    assert_false(timer_runs());
    kill(getpid(), SIGALRM);
    assert_true(calls > 0);
    await(timer_runs, "the timer runs again");
    every_us(0);
    install(SIGALRM, SIG_DFL, 0);
}

/* The same when SIG_IGN throws away a pending one; that it was only blocked does no harm. */
static void a_periodic_timer_survives_being_blocked_but_not_being_thrown_away(void **state)
{
    (void)state;
    calls = 0;
    install(SIGALRM, count_calls, 0);
    block(SIG_BLOCK, SIGALRM);
    every_us(1000);
    await(alarm_is_pending, "SIGALRM is pending");
    block(SIG_UNBLOCK, SIGALRM);
    assert_true(calls > 0);
    block(SIG_BLOCK, SIGALRM);
    await(alarm_is_pending, "SIGALRM is pending");
    install(SIGALRM, SIG_IGN, 0);
    install(SIGALRM, count_calls, 0);
    block(SIG_UNBLOCK, SIGALRM);
    assert_false(timer_runs());
    every_us(0);
    install(SIGALRM, SIG_DFL, 0);
}

static bool handler_has_run(void)
{
    return calls > 0;
}

/* Ignored for a hundred of its periods. Linux 6.18 delivers at once when there is a handler again, 6.1 and 6.12 when
 * the next period is over. */
static void a_timer_of_timer_create_survives_being_ignored(void **state)
{
    const struct timespec ms = {.tv_nsec = 1000000}, hundred_ms = {.tv_nsec = 100000000};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    timer_t timer;

    (void)state;
    install(SIGALRM, SIG_IGN, 0);
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    assert_int_equal(timer_settime(timer, 0, &(struct itimerspec){ms, ms}, NULL), 0);
    nanosleep(&hundred_ms, NULL);
    calls = 0;
    install(SIGALRM, count_calls, 0);
    await(handler_has_run, "the timer has rung again");
    timer_delete(timer);
    install(SIGALRM, SIG_DFL, 0);
}

static void a_timer_that_is_turned_off_leaves_its_pending_signal(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        calls = 0;
        install(SIGALRM, count_calls, 0);
        block(SIG_BLOCK, SIGALRM);
        every_us(1000);
        await(alarm_is_pending, "SIGALRM is pending");
        if (i == 0)
            alarm(0);
        else
            every_us(0);
        assert_true(is_pending(SIGALRM));
        block(SIG_UNBLOCK, SIGALRM);
        assert_int_equal(calls, 1);
        install(SIGALRM, SIG_DFL, 0);
    }
}

/* ---- what is not interrupted, and what is */

/* 28 signals in the middle of reads of 64 MiB, without SA_RESTART: each read is whole. */
static void a_read_from_a_disk_is_neither_interrupted_nor_short(void **state)
{
    enum { SIZE = 64 << 20 };
    char name[] = "/tmp/test_signal_facts.XXXXXX", *bytes = malloc(SIZE);
    int fd = mkstemp(name), in_reads = 0;

    (void)state;
    assert_non_null(bytes);
    assert_int_equal(ftruncate(fd, SIZE), 0);
    install(SIGALRM, count_calls, 0);
    every_us(1000);
    while (in_reads < 28) {
        int before = calls;
        assert_int_equal(pread(fd, bytes, SIZE, 0), SIZE);
        in_reads += calls - before;
    }
    every_us(0);
    install(SIGALRM, SIG_DFL, 0);
    free(bytes);
    close(fd);
    unlink(name);
}

/* It sleeps in another system call afterwards: restart_syscall(2), by which the kernel makes the poll again with what
 * is left of its time. */
static void after_a_stop_poll_goes_on_with_the_time_that_is_left(void **state)
{
    pid_t pid;

    (void)state;
    setup_pipes(false);
    pid = fork_in_test();
    if (pid == 0) {
        struct pollfd p = {.fd = data[0], .events = POLLIN};
        _exit(poll(&p, 1, 3600000) == 1 ? 0 : errno);
    }
    await_asleep(pid, SYS_poll);
    stop_and_continue(pid);
    await_asleep(pid, SYS_restart_syscall);
    satisfy(SYS_poll);
    assert_int_equal(status_of(pid), 0);
    close_pipes();
}

static void answer_for_the_kernel(int sig, siginfo_t *info, void *context)
{
    (void)info;
#if defined __x86_64__
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = 1;
#elif defined __aarch64__
    ((ucontext_t *)context)->uc_mcontext.regs[0] = 1;
#else
#error "in which register does a system call return its result?"
#endif
    ring(sig);
}

/* The result of the interrupted call lies in the saved registers, and a handler can write there. */
static void a_handler_can_forge_the_result_of_the_call(void **state)
{
    pid_t pid;

    (void)state;
    setup_pipes(false);
    pid = fork_in_test();
    if (pid == 0) {
        struct sigaction sa = {.sa_sigaction = answer_for_the_kernel, .sa_flags = SA_SIGINFO};
        sigemptyset(&sa.sa_mask);
        sigaction(SIGUSR1, &sa, NULL);
        _exit(do_read());
    }
    await_asleep(pid, SYS_read);
    kill(pid, SIGUSR1);
    assert_int_equal(wait_for_ring(), SIGUSR1);
    assert_int_equal(status_of(pid), 0); /* one byte read, it believes, and there was none */
    close_pipes();
}

/* ---- exec */

static void line_of_status(const char *text, const char *field, unsigned long long *mask)
{
    const char *line = strstr(text, field);

    assert_non_null(line);
    assert_int_equal(sscanf(line + strlen(field), ": %llx", mask), 1);
}

static bool has(unsigned long long mask, int sig)
{
    return (mask >> (sig - 1) & 1) == 1;
}

/* SIGUSR1 ignored, SIGUSR2 caught, SIGTERM blocked and pending: what does the next program begin with? */
static void exec_keeps_all_but_handlers(void **state)
{
    unsigned long long ignored, caught, blocked, pending;
    char text[4096];
    ssize_t n, size = 0;
    pid_t pid;

    (void)state;
    setup_pipes(false);
    pid = fork_in_test();
    if (pid == 0) {
        dup2(data[1], STDOUT_FILENO);
        install(SIGUSR1, SIG_IGN, 0);
        install(SIGUSR2, ring, 0);
        block(SIG_BLOCK, SIGTERM);
        kill(getpid(), SIGTERM);
        execlp("cat", "cat", "/proc/self/status", (char *)NULL);
        _exit(1);
    }
    close(data[1]);
    while ((n = read(data[0], text + size, sizeof text - 1 - (size_t)size)) > 0)
        size += n;
    text[size] = '\0';
    assert_int_equal(status_of(pid), 0);
    close_pipes();
    line_of_status(text, "SigIgn", &ignored);
    line_of_status(text, "SigCgt", &caught);
    line_of_status(text, "SigBlk", &blocked);
    line_of_status(text, "ShdPnd", &pending);
    assert_true(has(ignored, SIGUSR1));
    assert_false(has(ignored, SIGUSR2));
    assert_false(has(caught, SIGUSR2)); /* the handler was a function of a program that is gone */
    assert_true(has(blocked, SIGTERM));
    assert_true(has(pending, SIGTERM));
}

static void a_caught_sigint_is_at_its_default_after_exec(void **state)
{
    pid_t pid;

    (void)state;
    pid = fork_in_test();
    if (pid == 0) {
        install(SIGINT, count_calls, 0);
        execlp("sleep", "sleep", "3600", (char *)NULL);
        _exit(1);
    }
    await_asleep(pid, SYS_clock_nanosleep);
    kill(pid, SIGINT);
    assert_int_equal(status_of(pid), 1000 + SIGINT);
}

static void a_timer_lives_on_after_exec(void **state)
{
    pid_t pid;

    (void)state;
    pid = fork_in_test();
    if (pid == 0) {
        install(SIGALRM, count_calls, 0); /* which is gone when the alarm comes; the alarm is not */
        alarm(1);
        execlp("sleep", "sleep", "3600", (char *)NULL);
        _exit(1);
    }
    assert_int_equal(status_of(pid), 1000 + SIGALRM);
}

/* ---- jumping out of a handler */

static sigjmp_buf out_of_the_handler;

static void jump(int sig)
{
    siglongjmp(out_of_the_handler, sig);
}

static int read_until_jump(void)
{
    if (sigsetjmp(out_of_the_handler, 1) != 0)
        return 42;
    ring(SIGUSR2); /* what SIGUSR1 finds is a good buffer */
    return do_read();
}

static void a_jump_out_of_the_handler_leaves_a_restarted_read(void **state)
{
    pid_t pid;

    (void)state;
    setup_pipes(false);
    pid = fork_in_test();
    if (pid == 0) {
        install(SIGUSR1, jump, SA_RESTART);
        _exit(read_until_jump());
    }
    assert_int_equal(wait_for_ring(), SIGUSR2);
    await_asleep(pid, SYS_read);
    kill(pid, SIGUSR1);
    assert_int_equal(status_of(pid), 42);
    close_pipes();
}

static FILE *abandoned;

static void *try_lock(void *taken)
{
    *(bool *)taken = ftrylockfile(abandoned) != 0;
    if (!*(bool *)taken)
        funlockfile(abandoned);
    return NULL;
}

static bool somebody_has_the_lock(void)
{
    bool taken = false;
    pthread_t thread;

    if (pthread_create(&thread, NULL, try_lock, &taken) != 0 || pthread_join(thread, NULL) != 0)
        _exit(1);
    return taken;
}

/* More than the pipe holds: fwrite waits, in the middle of its work, and has the stream's lock. */
static int write_until_jump(void)
{
    static char text[100000];

    abandoned = fdopen(data[1], "w");
    if (abandoned == NULL || somebody_has_the_lock())
        return 1;
    if (sigsetjmp(out_of_the_handler, 1) == 0)
        return fwrite(text, 1, sizeof text, abandoned) > 0 ? 2 : 3;
    return somebody_has_the_lock() ? 42 : 4;
}

static void a_jump_out_of_fwrite_leaves_its_lock_taken_for_good(void **state)
{
    pid_t pid;

    (void)state;
    setup_pipes(false);
    pid = fork_in_test();
    if (pid == 0) {
        install(SIGUSR1, jump, SA_RESTART);
        _exit(write_until_jump());
    }
    await_asleep(pid, SYS_write);
    kill(pid, SIGUSR1);
    assert_int_equal(status_of(pid), 42);
    close_pipes();
}

/* C promises 0 to 127. */
static void a_sig_atomic_t_is_an_int_on_linux(void **state)
{
    (void)state;
    assert_int_equal(sizeof(sig_atomic_t), sizeof(int));
    assert_int_equal(SIG_ATOMIC_MAX, INT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_sa_restart_a_blocked_read_fails_with_eintr),
        cmocka_unit_test(with_sa_restart_a_blocked_read_goes_on),
        cmocka_unit_test(a_write_that_has_moved_nothing_behaves_like_a_read),
        cmocka_unit_test(poll_is_never_restarted),
        cmocka_unit_test(a_sleep_is_never_restarted),
        cmocka_unit_test(select_epoll_wait_pause_and_a_socket_with_a_timeout_are_never_restarted),
        cmocka_unit_test(only_signals_with_a_handler_interrupt_a_read),
        cmocka_unit_test(a_stop_interrupts_epoll_wait_although_there_is_no_handler),
        cmocka_unit_test(the_interrupted_call_keeps_its_own_errno),
        cmocka_unit_test(a_write_that_has_moved_bytes_comes_back_short_in_both_cases),
        cmocka_unit_test(of_two_signals_the_lower_number_decides_about_eintr),
        cmocka_unit_test(the_default_action_of_sigalrm_kills),
        cmocka_unit_test(a_child_inherits_handlers_but_neither_timers_nor_pending_signals),
        cmocka_unit_test(strict_c_gives_the_signal_of_system_v),
        cmocka_unit_test(siginterrupt_lasts_until_the_next_sigaction),
        cmocka_unit_test(a_handler_runs_with_its_own_signal_blocked),
        cmocka_unit_test(kill_returns_0_before_anything_has_happened),
        cmocka_unit_test(one_signal_can_be_pending_for_the_process_and_for_a_thread),
        cmocka_unit_test(a_kill_and_a_timer_do_not_merge),
        cmocka_unit_test(another_signal_interrupts_a_handler_unless_sa_mask_has_it),
        cmocka_unit_test(a_periodic_timer_ends_when_its_signal_is_ignored_once),
        cmocka_unit_test(such_a_timer_is_started_again_by_a_sigalrm_to_the_process),
        cmocka_unit_test(a_periodic_timer_survives_being_blocked_but_not_being_thrown_away),
        cmocka_unit_test(a_timer_of_timer_create_survives_being_ignored),
        cmocka_unit_test(a_timer_that_is_turned_off_leaves_its_pending_signal),
        cmocka_unit_test(a_read_from_a_disk_is_neither_interrupted_nor_short),
        cmocka_unit_test(after_a_stop_poll_goes_on_with_the_time_that_is_left),
        cmocka_unit_test(a_handler_can_forge_the_result_of_the_call),
        cmocka_unit_test(exec_keeps_all_but_handlers),
        cmocka_unit_test(a_caught_sigint_is_at_its_default_after_exec),
        cmocka_unit_test(a_timer_lives_on_after_exec),
        cmocka_unit_test(a_jump_out_of_the_handler_leaves_a_restarted_read),
        cmocka_unit_test(a_jump_out_of_fwrite_leaves_its_lock_taken_for_good),
        cmocka_unit_test(a_sig_atomic_t_is_an_int_on_linux),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
