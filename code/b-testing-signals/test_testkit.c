/* What testkit.h promises about starts and ends. */
#define _GNU_SOURCE /* pipe2 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "testkit.h"

/* ---- how a program starts */

static const char *const status_file[] = {"/proc/self/status", NULL};

static unsigned long long bit(int sig)
{
    return 1ULL << (sig - 1);
}

/* Without the two that glibc keeps for itself: what make 4.3 starts has them ignored, with glibc 2.36. */
static unsigned long long signals_in(const struct program *p, const char *name)
{
    const char *at = strstr(p->out, name);

    if (at == NULL)
        fail_msg("no %s in: %s", name, p->out);
    return strtoull(at + strlen(name), NULL, 16) & ~bit(32) & ~bit(33);
}

/* All but SIGCHLD, without which a child that ends would leave no status. */
static void set_all(void (*disposition)(int), int how)
{
    sigset_t all;

    for (int sig = 1; sig <= SIGRTMAX; sig++) /* those that cannot be set are EINVAL */
        if (sig != SIGCHLD)
            sigaction(sig, &(struct sigaction){.sa_handler = disposition}, NULL);
    sigfillset(&all);
    sigprocmask(how, &all, NULL);
}

/* All that can be ignored or blocked: the C library keeps some of the real-time signals for itself. */
static unsigned long long all_signals(void)
{
    unsigned long long all = 0;

    for (int sig = 1; sig <= SIGRTMAX; sig++)
        if (sig < 32 || sig >= SIGRTMIN)
            all |= bit(sig);
    return all & ~bit(SIGKILL) & ~bit(SIGSTOP);
}

static void a_program_starts_with_no_signal_ignored_or_blocked_whatever_the_test_did(void **state)
{
    struct program p = {.name = "/bin/cat", .args = status_file};

    (void)state;
    set_all(SIG_IGN, SIG_BLOCK);
    program_launch(&p);
    set_all(SIG_DFL, SIG_UNBLOCK);
    program_finish(&p);
    assert_true(signals_in(&p, "SigBlk:\t") == 0);
    assert_true(signals_in(&p, "SigIgn:\t") == 0);
}

static void block_signals_blocks_all_and_ignores_all_but_sigint(void **state)
{
    struct program p = {.name = "/bin/cat", .args = status_file, .block_signals = true};

    (void)state;
    program_run(&p);
    assert_true(signals_in(&p, "SigBlk:\t") == all_signals());
    assert_true(signals_in(&p, "SigIgn:\t") == (all_signals() & ~bit(SIGINT)));
}

static void ignored_signal_ignores_one(void **state)
{
    struct program p = {.name = "/bin/cat", .args = status_file, .ignored_signal = SIGHUP};

    (void)state;
    program_run(&p);
    assert_true(signals_in(&p, "SigIgn:\t") == bit(SIGHUP));
}

/* ---- the end of a family: "alive" is a pipe of which each member has the write end */

static int alive[2];

/* A child that leaves, a grandchild in a session of its own, and one of that which is stopped. They hear of nothing. */
static void start_a_family(void)
{
    pid_t pid;
    char byte;

    assert_int_equal(pipe2(alive, O_CLOEXEC), 0);
    pid = fork_in_test();
    if (pid == 0) {
        set_all(SIG_IGN, SIG_BLOCK);
        if (fork() != 0)
            _exit(0);
        setsid();
        if (fork() == 0) {
            if (write(alive[1], "R", 1) == 1)
                raise(SIGSTOP);
        }
        for (;;)
            pause();
    }
    assert_int_equal(read(alive[0], &byte, 1), 1);
    close(alive[1]);
}

static void expect_nobody(void)
{
    char byte;

    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    assert_int_equal(read(alive[0], &byte, 1), 0);
    close(alive[0]);
}

static void kill_family_ends_all_descendants_in_any_session(void **state)
{
    start_a_family();
    kill_family(state);
    expect_nobody();
}

static void fails_and_leaves_a_family(void **state)
{
    (void)state;
    start_a_family();
    fail();
}

static void the_next_test_finds_nobody(void **state)
{
    (void)state;
    expect_nobody();
}

static void what_a_failed_test_leaves_is_gone_before_the_next(void **state)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fails_and_leaves_a_family),
        cmocka_unit_test(the_next_test_finds_nobody),
    };
    int status;
    pid_t pid = fork_in_test();

    (void)state;
    if (pid == 0) {
        dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
        dup2(STDOUT_FILENO, STDERR_FILENO);
        unsetenv("CMOCKA_XML_FILE"); /* that is for our verdict */
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        _exit(cmocka_run_group_tests(tests, NULL, NULL));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 1); /* the first failed, and only that */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_starts_with_no_signal_ignored_or_blocked_whatever_the_test_did),
        cmocka_unit_test(block_signals_blocks_all_and_ignores_all_but_sigint),
        cmocka_unit_test(ignored_signal_ignores_one),
        cmocka_unit_test(kill_family_ends_all_descendants_in_any_session),
        cmocka_unit_test(what_a_failed_test_leaves_is_gone_before_the_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
