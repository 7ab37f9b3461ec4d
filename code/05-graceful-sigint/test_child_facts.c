/* What chapter 5 says about SIGCHLD, the death of a parent and lifelines, asked of the kernel. Linux only: prctl(2). */
#define _GNU_SOURCE /* pipe2, unshare */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"

#ifndef SYS_pause
#define SYS_pause SYS_ppoll
#endif

static volatile sig_atomic_t runs, first_pid, values[100];

static void count(int sig)
{
    (void)sig;
    runs++;
}

static void count_and_keep(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)context;
    if (runs == 0)
        first_pid = info->si_pid;
    if (runs < 100)
        values[runs] = info->si_value.sival_int;
    runs++;
}

static void reap_all(int sig)
{
    int saved = errno;

    (void)sig;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        runs++;
    errno = saved;
}

static void reap_all_and_keep_no_errno(int sig)
{
    (void)sig;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        runs++;
}

static void install(int sig, void (*handler)(int), int flags)
{
    struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};

    sigemptyset(&sa.sa_mask);
    assert_int_equal(sigaction(sig, &sa, NULL), 0);
    runs = 0;
}

static void install_with_info(int sig)
{
    struct sigaction sa = {.sa_sigaction = count_and_keep, .sa_flags = SA_SIGINFO};

    sigemptyset(&sa.sa_mask);
    assert_int_equal(sigaction(sig, &sa, NULL), 0);
    runs = 0;
}

static void change_mask(int how, int sig)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, sig);
    assert_int_equal(sigprocmask(how, &set, NULL), 0);
}

static int status_of(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static pid_t fork_child_that_exits(int status)
{
    pid_t pid = fork_in_test();

    if (pid == 0)
        _exit(status);
    return pid;
}

/* Waits until the child has ended, and leaves it a zombie. */
static void await_end(pid_t pid)
{
    siginfo_t info;

    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

/* ---- how many signals */

static void fifty_blocked_standard_signals_are_one_delivery(void **state)
{
    (void)state;
    install(SIGUSR1, count, 0);
    change_mask(SIG_BLOCK, SIGUSR1);
    for (int i = 0; i < 50; i++)
        assert_int_equal(kill(getpid(), SIGUSR1), 0);
    assert_int_equal(runs, 0);
    change_mask(SIG_UNBLOCK, SIGUSR1);
    assert_int_equal(runs, 1);
    install(SIGUSR1, SIG_DFL, 0);
}

/* Handlers of one signal do not nest, so the order of their runs is the order of delivery. */
static void fifty_queued_real_time_signals_are_fifty_in_order(void **state)
{
    (void)state;
    skip_if_signals_are_deferred();
    install_with_info(SIGRTMIN);
    change_mask(SIG_BLOCK, SIGRTMIN);
    for (int i = 0; i < 50; i++)
        assert_int_equal(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i}), 0);
    change_mask(SIG_UNBLOCK, SIGRTMIN);
    assert_int_equal(runs, 50);
    for (int i = 0; i < 50; i++)
        assert_int_equal(values[i], i);
    install(SIGRTMIN, SIG_DFL, 0);
}

/* ---- SIGCHLD */

/* Two children end one after the other while SIGCHLD is blocked. */
static void the_one_sigchld_names_the_child_that_ended_first(void **state)
{
    pid_t first, second;

    (void)state;
    install_with_info(SIGCHLD);
    change_mask(SIG_BLOCK, SIGCHLD);
    first = fork_child_that_exits(0);
    await_end(first);
    second = fork_child_that_exits(0);
    await_end(second);
    change_mask(SIG_UNBLOCK, SIGCHLD);
    assert_int_equal(runs, 1);
    assert_int_equal(first_pid, first);
    assert_int_equal(status_of(first), 0);
    assert_int_equal(status_of(second), 0);
    install(SIGCHLD, SIG_DFL, 0);
}

static void a_child_that_ended_before_the_handler_was_there_sends_nothing(void **state)
{
    pid_t pid;

    (void)state;
    install(SIGCHLD, SIG_DFL, 0);
    pid = fork_child_that_exits(0);
    await_end(pid);
    install(SIGCHLD, reap_all, 0);
    getppid(); /* a system call: at its end, at the latest, a signal would be delivered */
    assert_int_equal(runs, 0);
    assert_int_equal(status_of(pid), 0); /* still there: who installs late must reap once by hand */
    install(SIGCHLD, SIG_DFL, 0);
}

/* Returns how often SIGCHLD comes when a child is stopped. */
static int runs_for_a_stopped_child(int flags)
{
    siginfo_t info;
    pid_t pid;
    int seen;

    install(SIGCHLD, count, flags);
    pid = fork_in_test();
    if (pid == 0)
        for (;;)
            pause();
    change_mask(SIG_BLOCK, SIGCHLD);
    kill(pid, SIGSTOP);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WSTOPPED), 0);
    change_mask(SIG_UNBLOCK, SIGCHLD);
    seen = runs;
    install(SIGCHLD, SIG_DFL, 0);
    kill(pid, SIGKILL);
    assert_int_equal(status_of(pid), 1000 + SIGKILL);
    return seen;
}

static void a_stopped_child_sends_sigchld_too(void **state)
{
    (void)state;
    assert_int_equal(runs_for_a_stopped_child(0), 1);
    assert_int_equal(runs_for_a_stopped_child(SA_NOCLDSTOP), 0);
}

/* waitpid waits until the child has ended, and has nothing to tell then. */
static void ignoring_sigchld_loses_the_status_and_leaves_no_zombie(void **state)
{
    int gate[2];
    char byte;
    pid_t pid, waiter;

    (void)state;
    assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
    waiter = fork_in_test();
    if (waiter == 0) {
        close(gate[1]);
        install(SIGCHLD, SIG_IGN, 0);
        pid = fork();
        if (pid == 0)
            _exit(read(gate[0], &byte, 1) == 0 ? 3 : 4);
        _exit(waitpid(pid, NULL, 0) == -1 && errno == ECHILD && state_of(pid) == 'X' ? 0 : 1);
    }
    close(gate[0]);
    await_asleep(waiter, SYS_wait4);
    close(gate[1]);
    assert_int_equal(status_of(waiter), 0);
}

static void a_handler_that_reaps_everybody_takes_the_status_from_waitpid(void **state)
{
    pid_t pid;

    (void)state;
    install(SIGCHLD, reap_all, SA_RESTART);
    change_mask(SIG_BLOCK, SIGCHLD);
    pid = fork_child_that_exits(3);
    await_end(pid);
    change_mask(SIG_UNBLOCK, SIGCHLD);
    assert_int_equal(runs, 1);
    assert_int_equal(waitpid(pid, NULL, 0), -1);
    assert_int_equal(errno, ECHILD);
    install(SIGCHLD, SIG_DFL, 0);
}

/* Returns errno after a handler has reaped the only child. */
static int errno_after_reaping(void (*handler)(int))
{
    int after;

    install(SIGCHLD, handler, 0);
    change_mask(SIG_BLOCK, SIGCHLD);
    await_end(fork_child_that_exits(0));
    errno = EXDEV;
    change_mask(SIG_UNBLOCK, SIGCHLD);
    after = errno;
    assert_int_equal(runs, 1);
    install(SIGCHLD, SIG_DFL, 0);
    return after;
}

static void reaping_all_leaves_echild_in_errno_unless_it_is_saved(void **state)
{
    (void)state;
    skip_if_signals_are_deferred();
    assert_int_equal(errno_after_reaping(reap_all_and_keep_no_errno), ECHILD);
    assert_int_equal(errno_after_reaping(reap_all), EXDEV);
}

/* A list of one. The handler strikes out a child that has ended, if it is on the list; main puts it there. */
static pid_t listed;

static void strike_out(int sig)
{
    pid_t pid;
    int saved = errno;

    (void)sig;
    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
        if (listed == pid)
            listed = 0;
    errno = saved;
}

/* The child ends at once, before main has put it on the list. Returns whether it stays there for ever. */
static bool stays_on_the_list(bool blocked)
{
    int gone[2];
    char byte;
    pid_t pid;

    install(SIGCHLD, strike_out, SA_RESTART);
    listed = 0;
    if (blocked)
        change_mask(SIG_BLOCK, SIGCHLD);
    assert_int_equal(pipe2(gone, O_CLOEXEC), 0);
    pid = fork_child_that_exits(0);
    close(gone[1]);
    assert_int_equal(read(gone[0], &byte, 1), 0);
    while (!blocked && state_of(pid) != 'X') /* its status has been taken */
        ;
    close(gone[0]);
    if (blocked)
        await_end(pid);
    listed = pid;
    change_mask(SIG_UNBLOCK, SIGCHLD);
    install(SIGCHLD, SIG_DFL, 0);
    return listed == pid;
}

static void with_sigchld_blocked_around_fork_no_dead_child_gets_on_the_list(void **state)
{
    (void)state;
    skip_if_signals_are_deferred();
    assert_true(stays_on_the_list(false));
    assert_false(stays_on_the_list(true));
}

/* ---- kill */

static void kill_returns_0_for_a_zombie_for_who_ignores_it_and_for_who_is_stopped(void **state)
{
    siginfo_t info;
    pid_t pid = fork_child_that_exits(3);

    (void)state;
    await_end(pid);
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(status_of(pid), 3);
    assert_int_equal(kill(pid, SIGTERM), -1); /* only now */
    assert_int_equal(errno, ESRCH);

    pid = fork_in_test();
    if (pid == 0) {
        install(SIGTERM, SIG_IGN, 0);
        raise(SIGSTOP);
        _exit(4);
    }
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WSTOPPED), 0);
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_int_equal(status_of(pid), 4);
}

/* ---- process 1 */

static int said[2]; /* process 1 writes a byte once it is ready */

static void exit_by_number(int sig)
{
    _exit(sig);
}

/* Runs as process 1 of a namespace of its own. */
static void be_process_1(void)
{
    install(SIGUSR1, exit_by_number, 0);
    if (getpid() != 1)
        _exit(80);
    raise(SIGTERM);
    raise(SIGKILL);
    if (write(said[1], "", 1) != 1) /* alive */
        _exit(81);
    for (;;)
        pause();
}

static pid_t fork_process_1(void)
{
    char byte;
    pid_t pid = fork_in_test();

    if (pid == 0)
        be_process_1();
    assert_int_equal(read(said[0], &byte, 1), 1);
    return pid;
}

/* It has sent itself SIGTERM and SIGKILL; we, outside, send SIGTERM and `sig`. Returns what it died of. */
static int process_1_dies_of(int sig)
{
    pid_t pid = fork_in_test(), process_1;

    if (pid != 0)
        return status_of(pid);
    if (unshare(CLONE_NEWUSER | CLONE_NEWPID) == -1)
        _exit(77);
    process_1 = fork_process_1();
    kill(process_1, SIGTERM);
    kill(process_1, sig);
    _exit(status_of(process_1) % 1000);
}

static void process_1_gets_only_signals_that_it_handles_and_sigkill_from_outside(void **state)
{
    int status;

    (void)state;
    assert_int_equal(pipe2(said, O_CLOEXEC), 0);
    status = process_1_dies_of(SIGUSR1);
    if (status == 77) {
        print_message("not run, for want of namespaces\n");
        skip();
    }
    assert_int_equal(status, SIGUSR1);
    assert_int_equal(process_1_dies_of(SIGKILL), SIGKILL);
    close(said[0]);
    close(said[1]);
}

/* ---- a family of three: this process, a parent, and its child, which we inherit when the parent ends */

static int report[2]; /* the child says its process id, once it is ready */

static void tell_ready(void)
{
    pid_t me = getpid();

    if (write(report[1], &me, sizeof me) != sizeof me)
        _exit(90);
}

static pid_t await_ready(void)
{
    pid_t pid = -1;

    assert_int_equal(read(report[0], &pid, sizeof pid), sizeof pid);
    return pid;
}

/* Forks a process that runs `parent`. */
static pid_t start_family(void (*parent)(void))
{
    pid_t pid;

    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    assert_int_equal(pipe2(report, O_CLOEXEC), 0);
    pid = fork_in_test();
    if (pid == 0) {
        parent();
        _exit(91);
    }
    return pid;
}

static void end_family(void)
{
    close(report[0]);
    close(report[1]);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left */
    assert_int_equal(errno, ECHILD);
}

static void pause_forever(void)
{
    for (;;)
        pause();
}

static pid_t fork_in_parent(void)
{
    pid_t pid = fork();

    if (pid == -1)
        _exit(92);
    return pid;
}

static void tied_child(void)
{
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) == -1)
        _exit(93);
    tell_ready();
    pause_forever();
}

static void parent_of_tied_child(void)
{
    if (fork_in_parent() == 0)
        tied_child();
    pause_forever();
}

static void pdeathsig_reaches_the_child_of_a_killed_parent(void **state)
{
    pid_t parent = start_family(parent_of_tied_child), child = await_ready();

    (void)state;
    kill(parent, SIGKILL);
    assert_int_equal(status_of(parent), 1000 + SIGKILL);
    assert_int_equal(status_of(child), 1000 + SIGTERM);
    end_family();
}

/* Each gives away a right that it has, and asks whether it is still tied. */
static int tie_after(int (*change)(void))
{
    pid_t pid = fork_in_test();
    int sig = -1;

    if (pid == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGTERM) == -1 || change() == -1 || prctl(PR_GET_PDEATHSIG, &sig) == -1)
            _exit(93);
        _exit(sig);
    }
    return status_of(pid);
}

static int drop_group(void)
{
    return setgid(getgid() + 1);
}

static int drop_effective_group(void)
{
    return setegid(getgid() + 1);
}

static int drop_user(void)
{
    return setuid(getuid() + 1);
}

static int drop_nothing(void)
{
    return setuid(getuid());
}

static void pdeathsig_is_cleared_by_a_change_of_user_or_group(void **state)
{
    (void)state;
    assert_int_equal(tie_after(drop_nothing), SIGTERM);
    if (geteuid() != 0) {
        print_message("not run, for want of root\n");
        skip();
    }
    assert_int_equal(tie_after(drop_group), 0);
    assert_int_equal(tie_after(drop_effective_group), 0);
    assert_int_equal(tie_after(drop_user), 0);
}

static void parent_of_tied_sleep(void)
{
    if (fork_in_parent() == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGTERM) == -1)
            _exit(93);
        tell_ready();
        execlp("sleep", "sleep", "1000", (char *)NULL);
        _exit(94);
    }
    pause_forever();
}

static void pdeathsig_is_kept_by_exec(void **state)
{
    pid_t parent = start_family(parent_of_tied_sleep), child = await_ready();

    (void)state;
    await_asleep(child, SYS_clock_nanosleep);
    kill(parent, SIGKILL);
    assert_int_equal(status_of(parent), 1000 + SIGKILL);
    assert_int_equal(status_of(child), 1000 + SIGTERM);
    end_family();
}

/* The grandchild is the last of the family: its parent dies of PR_SET_PDEATHSIG, and it lives on. */
static void parent_of_tied_parent(void)
{
    int sig;

    if (fork_in_parent() == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGTERM) == -1)
            _exit(93);
        if (fork_in_parent() == 0) {
            if (prctl(PR_GET_PDEATHSIG, &sig) == -1 || sig != 0)
                _exit(95);
            tell_ready();
        }
    }
    pause_forever();
}

static void pdeathsig_is_cleared_by_fork(void **state)
{
    pid_t parent = start_family(parent_of_tied_parent), grandchild = await_ready(), child = await_child(parent);

    (void)state;
    kill(parent, SIGKILL);
    assert_int_equal(status_of(parent), 1000 + SIGKILL);
    assert_int_equal(status_of(child), 1000 + SIGTERM);
    await_asleep(grandchild, SYS_pause);
    kill(grandchild, SIGKILL);
    assert_int_equal(status_of(grandchild), 1000 + SIGKILL);
    end_family();
}

/* ---- lifelines */

static int lifeline[2];

static void open_lifeline(void)
{
    if (pipe2(lifeline, O_CLOEXEC) == -1)
        _exit(96);
}

static void child_on_lifeline(void)
{
    char byte;

    close(lifeline[1]);
    tell_ready();
    _exit(read(lifeline[0], &byte, 1) == 0 ? 42 : 97);
}

static void parent_with_lifeline(void)
{
    open_lifeline();
    if (fork_in_parent() == 0)
        child_on_lifeline();
    pause_forever();
}

static void a_stopped_parent_keeps_its_lifeline(void **state)
{
    pid_t parent = start_family(parent_with_lifeline), child = await_ready();

    (void)state;
    kill(parent, SIGSTOP);
    while (state_of(parent) != 'T')
        ;
    await_asleep(child, SYS_read);
    kill(parent, SIGKILL);
    assert_int_equal(status_of(parent), 1000 + SIGKILL);
    assert_int_equal(status_of(child), 42);
    end_family();
}

static void parent_that_exits(void)
{
    open_lifeline();
    if (fork_in_parent() == 0)
        child_on_lifeline();
    _exit(0);
}

static void a_lifeline_ends_when_the_parent_exits(void **state)
{
    pid_t parent = start_family(parent_that_exits), child = await_ready();

    (void)state;
    assert_int_equal(status_of(parent), 0);
    assert_int_equal(status_of(child), 42);
    end_family();
}

static void parent_of_two(void)
{
    open_lifeline();
    if (fork_in_parent() == 0)
        child_on_lifeline();
    if (fork_in_parent() == 0) /* which has forgotten to close the write end */
        pause_forever();
    pause_forever();
}

/* The other one of the two children that this process has inherited. */
static pid_t other_child(pid_t one)
{
    char path[64];
    int pid = -1;
    FILE *children;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    children = fopen(path, "r");
    assert_non_null(children);
    while (fscanf(children, "%d", &pid) == 1 && pid == one)
        ;
    fclose(children);
    assert_true(pid > 0 && pid != one);
    return pid;
}

static void a_sibling_with_the_write_end_keeps_a_lifeline_open(void **state)
{
    pid_t parent = start_family(parent_of_two), child = await_ready(), sibling;

    (void)state;
    await_asleep(parent, SYS_pause); /* it has forked both */
    kill(parent, SIGKILL);
    assert_int_equal(status_of(parent), 1000 + SIGKILL);
    sibling = other_child(child);
    await_asleep(child, SYS_read); /* although its parent is gone */
    kill(sibling, SIGKILL);
    assert_int_equal(status_of(sibling), 1000 + SIGKILL);
    assert_int_equal(status_of(child), 42);
    end_family();
}

static void *fork_from_thread(void *unused)
{
    (void)unused;
    if (fork_in_parent() == 0)
        child_on_lifeline();
    return NULL;
}

static void parent_with_thread(void)
{
    pthread_t thread;

    open_lifeline();
    if (pthread_create(&thread, NULL, fork_from_thread, NULL) != 0 || pthread_join(thread, NULL) != 0)
        _exit(98);
    pause_forever();
}

static void a_lifeline_does_not_end_with_a_thread(void **state)
{
    pid_t parent, child;

    (void)state;
    skip_if_signals_are_deferred(); /* ThreadSanitizer: no threads after fork */
    parent = start_family(parent_with_thread);
    child = await_ready();
    await_asleep(parent, SYS_pause); /* the thread is gone */
    await_asleep(child, SYS_read);
    kill(parent, SIGKILL);
    assert_int_equal(status_of(parent), 1000 + SIGKILL);
    assert_int_equal(status_of(child), 42);
    end_family();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fifty_blocked_standard_signals_are_one_delivery),
        cmocka_unit_test(fifty_queued_real_time_signals_are_fifty_in_order),
        cmocka_unit_test(the_one_sigchld_names_the_child_that_ended_first),
        cmocka_unit_test(a_child_that_ended_before_the_handler_was_there_sends_nothing),
        cmocka_unit_test(a_stopped_child_sends_sigchld_too),
        cmocka_unit_test(ignoring_sigchld_loses_the_status_and_leaves_no_zombie),
        cmocka_unit_test(a_handler_that_reaps_everybody_takes_the_status_from_waitpid),
        cmocka_unit_test(reaping_all_leaves_echild_in_errno_unless_it_is_saved),
        cmocka_unit_test(with_sigchld_blocked_around_fork_no_dead_child_gets_on_the_list),
        cmocka_unit_test(kill_returns_0_for_a_zombie_for_who_ignores_it_and_for_who_is_stopped),
        cmocka_unit_test(process_1_gets_only_signals_that_it_handles_and_sigkill_from_outside),
        cmocka_unit_test(pdeathsig_reaches_the_child_of_a_killed_parent),
        cmocka_unit_test(pdeathsig_is_cleared_by_a_change_of_user_or_group),
        cmocka_unit_test(pdeathsig_is_kept_by_exec),
        cmocka_unit_test(pdeathsig_is_cleared_by_fork),
        cmocka_unit_test(a_stopped_parent_keeps_its_lifeline),
        cmocka_unit_test(a_lifeline_ends_when_the_parent_exits),
        cmocka_unit_test(a_sibling_with_the_write_end_keeps_a_lifeline_open),
        cmocka_unit_test(a_lifeline_does_not_end_with_a_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
