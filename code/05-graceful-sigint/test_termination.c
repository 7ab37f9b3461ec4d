/* termination.h keeps its promises. Each case runs in a child of its own, which says how far it came through its exit
 * status, or through the signal that killed it. */
#define _GNU_SOURCE /* pipe2, ppoll */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"
#include "termination.h"

enum { KILLED_BY = 1000 };

static const int kinds[] = {SIGINT, SIGTERM, SIGHUP};
static sigset_t before;

static int failing_call; /* 1: sigaction, 2: sigprocmask; in the child that the test of it starts */

int __real_sigaction(int sig, const struct sigaction *sa, struct sigaction *old);
int __wrap_sigaction(int sig, const struct sigaction *sa, struct sigaction *old);
int __wrap_sigaction(int sig, const struct sigaction *sa, struct sigaction *old)
{
    errno = EINVAL;
    return failing_call == 1 ? -1 : __real_sigaction(sig, sa, old);
}

int __real_sigprocmask(int how, const sigset_t *set, sigset_t *old);
int __wrap_sigprocmask(int how, const sigset_t *set, sigset_t *old);
int __wrap_sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
    errno = EINVAL;
    return failing_call == 2 ? -1 : __real_sigprocmask(how, set, old);
}

/* In the children that tell the time themselves: in milliseconds, -1 in all others. */
static long long told_ms = -1;

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    if (told_ms == -1)
        return __real_clock_gettime(clock, now);
    *now = (struct timespec){.tv_sec = told_ms / 1000, .tv_nsec = told_ms % 1000 * 1000000};
    return 0;
}

static void set_disposition(int sig, void (*disposition)(int))
{
    struct sigaction sa = {.sa_handler = disposition};

    sigemptyset(&sa.sa_mask);
    sigaction(sig, &sa, NULL);
}

static int status_of(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : KILLED_BY + WTERMSIG(status);
}

static pid_t start(int (*body)(int), int argument)
{
    pid_t pid = fork_in_test();

    if (pid != 0)
        return pid;
    alarm(60); /* what hangs dies of another signal */
    _exit(body(argument));
}

static int outcome_of(int (*body)(int), int argument)
{
    return status_of(start(body, argument));
}

static bool is_pending(int sig)
{
    sigset_t set;

    return sigpending(&set) == 0 && sigismember(&set, sig);
}

static bool is_blocked(int sig)
{
    sigset_t set;

    return sigprocmask(SIG_SETMASK, NULL, &set) == 0 && sigismember(&set, sig);
}

/* ---- */

static int catch_and_raise(int sig)
{
    termination_catch();
    raise(sig);
    return termination_signal();
}

static void the_first_signal_sets_the_flag(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(outcome_of(catch_and_raise, kinds[i]), kinds[i]);
}

static int raise_blocked(int sig)
{
    termination_block(&before);
    termination_catch();
    raise(sig);
    if (termination_signal() != 0 || !is_pending(sig))
        return 100;
    termination_unblock(&before);
    return termination_signal();
}

static void a_blocked_signal_waits_and_comes_with_the_unblocking(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(outcome_of(raise_blocked, kinds[i]), kinds[i]);
}

static int raise_blocked_uncaught(int sig)
{
    termination_block(&before);
    raise(sig);
    termination_catch();
    termination_unblock(&before);
    return termination_signal();
}

static void a_signal_that_came_before_the_handler_is_handled(void **state)
{
    (void)state;
    assert_int_equal(outcome_of(raise_blocked_uncaught, SIGINT), SIGINT);
}

static int raise_twice(int kinds_of_both)
{
    told_ms = 12345;
    termination_catch();
    raise(kinds_of_both / 100);
    told_ms += SAME_WISH_MS;
    raise(kinds_of_both % 100);
    return 100;
}

static void a_later_signal_of_any_kind_kills(void **state)
{
    (void)state;
    assert_int_equal(outcome_of(raise_twice, SIGINT * 100 + SIGINT), KILLED_BY + SIGINT);
    assert_int_equal(outcome_of(raise_twice, SIGINT * 100 + SIGTERM), KILLED_BY + SIGTERM);
    assert_int_equal(outcome_of(raise_twice, SIGTERM * 100 + SIGINT), KILLED_BY + SIGINT);
}

/* Many deliveries of one wish, the last one just before it would be another. */
static int raise_often(int kinds_of_both)
{
    told_ms = 0;
    termination_catch();
    for (; told_ms < SAME_WISH_MS; told_ms++)
        raise(told_ms % 2 == 0 ? kinds_of_both / 100 : kinds_of_both % 100);
    if (termination_signal() != kinds_of_both / 100)
        return 101;
    raise(SIGTERM);
    return 100;
}

static void what_comes_within_half_a_second_is_the_same_wish(void **state)
{
    (void)state;
    assert_int_equal(SAME_WISH_MS, 500); /* as the chapter says */
    assert_int_equal(outcome_of(raise_often, SIGINT * 100 + SIGINT), KILLED_BY + SIGTERM);
    assert_int_equal(outcome_of(raise_often, SIGTERM * 100 + SIGTERM), KILLED_BY + SIGTERM);
    assert_int_equal(outcome_of(raise_often, SIGINT * 100 + SIGTERM), KILLED_BY + SIGTERM);
}

static int raise_both_blocked(int pair)
{
    termination_block(&before);
    termination_catch();
    raise(pair / 100);
    raise(pair % 100);
    termination_unblock(&before); /* the kernel delivers the lower number first */
    return 100;
}

static void sighup_neither_insists_nor_counts_as_asked(void **state)
{
    (void)state;
    assert_int_equal(outcome_of(raise_twice, SIGHUP * 100 + SIGTERM), 100);
    assert_int_equal(outcome_of(raise_both_blocked, SIGTERM * 100 + SIGHUP), 100);
    assert_int_equal(outcome_of(raise_both_blocked, SIGINT * 100 + SIGTERM), 100); /* and two kinds that have waited */
    assert_int_equal(outcome_of(raise_twice, SIGHUP * 100 + SIGHUP), 100);
    assert_int_equal(outcome_of(raise_twice, SIGINT * 100 + SIGHUP), 100);
}

/* It waits again after the first signal, as a server that still has requests to answer. If the handler of the second
 * returned, so would ppoll, with the signals blocked again. */
static int wait_twice(int says_so)
{
    told_ms = 0;
    termination_block(&before);
    termination_catch();
    ppoll(NULL, 0, NULL, &before);
    told_ms = SAME_WISH_MS;
    if (write(says_so, "1", 1) != 1)
        return 99;
    ppoll(NULL, 0, NULL, &before);
    return 100;
}

static void a_later_signal_kills_from_inside_the_handler(void **state)
{
    int fd[2];
    char byte;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
    pid = start(wait_twice, fd[1]);
    await_asleep(pid, SYS_ppoll);
    kill(pid, SIGINT);
    assert_int_equal(read(fd[0], &byte, 1), 1);
    await_asleep(pid, SYS_ppoll);
    kill(pid, SIGINT);
    assert_int_equal(status_of(pid), KILLED_BY + SIGINT);
    close(fd[0]);
    close(fd[1]);
}

static int catch_with_one_ignored(int sig)
{
    set_disposition(sig, SIG_IGN);
    termination_catch();
    for (int i = 0; i < 3; i++)
        if (kinds[i] == sig)
            raise(sig);
    return termination_signal();
}

static void an_ignored_signal_stays_ignored(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(outcome_of(catch_with_one_ignored, kinds[i]), 0);
}

static int catch_and_read(int fd)
{
    char byte;

    termination_catch();
    return read(fd, &byte, 1) == -1 && errno == EINTR ? termination_signal() : 100;
}

static void a_blocked_call_is_interrupted(void **state)
{
    int fd[2];
    pid_t pid;

    (void)state;
    assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
    pid = start(catch_and_read, fd[0]);
    await_asleep(pid, SYS_read);
    kill(pid, SIGTERM);
    assert_int_equal(status_of(pid), SIGTERM);
    close(fd[0]);
    close(fd[1]);
}

static int catch_and_quit(int sig)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0});
    termination_block(&before);
    termination_catch();
    raise(sig);
    return 100;
}

static void sigquit_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(outcome_of(catch_and_quit, SIGQUIT), KILLED_BY + SIGQUIT);
}

static int ask_child_for_pending(int unused)
{
    pid_t pid;

    (void)unused;
    termination_block(&before);
    raise(SIGINT);
    pid = fork_in_test();
    if (pid == 0)
        _exit(is_pending(SIGINT) ? 1 : 2);
    return is_pending(SIGINT) ? status_of(pid) : 100;
}

static void a_pending_signal_is_not_handed_on_to_a_child(void **state)
{
    (void)state;
    assert_int_equal(outcome_of(ask_child_for_pending, 0), 2);
}

static int ask_child_for_flag(int unused)
{
    pid_t pid;

    (void)unused;
    termination_catch();
    pid = fork_in_test();
    if (pid == 0) {
        raise(SIGTERM);
        _exit(termination_signal());
    }
    return status_of(pid) == SIGTERM ? termination_signal() : 100;
}

static void the_flag_of_a_child_is_its_own(void **state)
{
    (void)state;
    assert_int_equal(outcome_of(ask_child_for_flag, 0), 0);
}

static int block_and_restore(int unused)
{
    sigset_t term;

    (void)unused;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    termination_block(&before);
    if (!is_blocked(SIGINT) || !is_blocked(SIGTERM) || !is_blocked(SIGHUP) || is_blocked(SIGQUIT))
        return 1;
    termination_unblock(&before);
    return is_blocked(SIGINT) || !is_blocked(SIGTERM) || is_blocked(SIGHUP) ? 2 : 0;
}

static void the_mask_is_restored_as_it_was(void **state)
{
    (void)state;
    assert_int_equal(outcome_of(block_and_restore, 0), 0);
}

static int die_caught_and_blocked(int sig)
{
    termination_block(&before);
    termination_catch();
    die_of(sig);
}

static int die_ignored(int sig)
{
    set_disposition(sig, SIG_IGN);
    die_of(sig);
}

/* Another signal waits as well: it must not come first. */
static int die_with_another_pending(int sig)
{
    termination_block(&before);
    raise(sig == SIGINT ? SIGTERM : SIGINT);
    die_of(sig);
}

static void die_of_kills_whatever_was_blocked_caught_or_ignored(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(outcome_of(die_caught_and_blocked, kinds[i]), KILLED_BY + kinds[i]);
        assert_int_equal(outcome_of(die_ignored, kinds[i]), KILLED_BY + kinds[i]);
        assert_int_equal(outcome_of(die_with_another_pending, kinds[i]), KILLED_BY + kinds[i]);
    }
}

static void whoever_survives_die_of_exits_with_128_plus_the_number(void **state)
{
    (void)state;
    assert_int_equal(outcome_of(die_ignored, SIGURG), 128 + SIGURG); /* its default is to be ignored */
}

static int with_failing_call(int which)
{
    int null = open("/dev/null", O_WRONLY);

    dup2(null, STDERR_FILENO);
    failing_call = which;
    termination_block(&before);
    termination_catch();
    return 0;
}

static void a_failing_call_ends_the_process_with_status_1(void **state)
{
    (void)state;
    assert_int_equal(outcome_of(with_failing_call, 0), 0);
    assert_int_equal(outcome_of(with_failing_call, 1), 1);
    assert_int_equal(outcome_of(with_failing_call, 2), 1);
}

static void the_names_are_those_of_the_signals(void **state)
{
    (void)state;
    assert_string_equal(termination_name(SIGINT), "SIGINT");
    assert_string_equal(termination_name(SIGTERM), "SIGTERM");
    assert_string_equal(termination_name(SIGHUP), "SIGHUP");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_signal_sets_the_flag),
        cmocka_unit_test(a_blocked_signal_waits_and_comes_with_the_unblocking),
        cmocka_unit_test(a_signal_that_came_before_the_handler_is_handled),
        cmocka_unit_test(a_later_signal_of_any_kind_kills),
        cmocka_unit_test(what_comes_within_half_a_second_is_the_same_wish),
        cmocka_unit_test(sighup_neither_insists_nor_counts_as_asked),
        cmocka_unit_test(a_later_signal_kills_from_inside_the_handler),
        cmocka_unit_test(an_ignored_signal_stays_ignored),
        cmocka_unit_test(a_blocked_call_is_interrupted),
        cmocka_unit_test(sigquit_is_left_alone),
        cmocka_unit_test(a_pending_signal_is_not_handed_on_to_a_child),
        cmocka_unit_test(the_flag_of_a_child_is_its_own),
        cmocka_unit_test(the_mask_is_restored_as_it_was),
        cmocka_unit_test(die_of_kills_whatever_was_blocked_caught_or_ignored),
        cmocka_unit_test(whoever_survives_die_of_exits_with_128_plus_the_number),
        cmocka_unit_test(a_failing_call_ends_the_process_with_status_1),
        cmocka_unit_test(the_names_are_those_of_the_signals),
    };

    for (int i = 0; i < 3; i++)
        set_disposition(kinds[i], SIG_DFL); /* whatever started us had made of them */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
