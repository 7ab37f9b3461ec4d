/* What every program of the book promises, whatever it shows. A program that is not in the table fails the tests.
 *
 * With TESTKIT_ONLY_RIGHT in the environment the wrong programs are left out, and with TESTKIT_DEFERS_SIGNALS those
 * that wait for a handler without making a call (make check-sanitizers). */
#define _GNU_SOURCE /* asprintf */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "testkit.h"

enum { HANGS = -1, FORKS = 1, WRONG = 2, PRINTS = 4, SPINS = 8, ROUNDS = 16 };

static const struct entry {
    const char *folder, *name;
    int status; /* of an undisturbed run; 1000 + N: killed by signal N; HANGS: only a signal ends it */
    int flags;  /* FORKS: has a child for a while; PRINTS: on stdout; SPINS: waits without a call;
                * ROUNDS: after SIGINT, it works on for up to ten ticks */
} all_programs[] = {
    {"01-blocking-pipe", "asleep", 0, FORKS | PRINTS},
    {"01-blocking-pipe", "blocking_pipe", 0, FORKS | PRINTS},
    {"01-blocking-pipe", "capacity", 0, PRINTS},
    {"01-blocking-pipe", "closed_end", 0, FORKS | PRINTS},
    {"01-blocking-pipe", "no_reader", 0, PRINTS},
    {"01-blocking-pipe", "open_end", HANGS, FORKS | WRONG | PRINTS},
    {"01-blocking-pipe", "two_as_one", 1, WRONG | PRINTS},
    {"01-blocking-pipe", "two_messages", 0, PRINTS},
    {"02-broken-by-sigalrm", "broken_by_sigalrm", 1, FORKS | WRONG | PRINTS},
    {"02-broken-by-sigalrm", "deaf_read", HANGS, WRONG | PRINTS},
    {"02-broken-by-sigalrm", "errno_clobbered", 1, WRONG},
    {"02-broken-by-sigalrm", "errno_saved", 0, PRINTS},
    {"02-broken-by-sigalrm", "pending", 0, PRINTS},
    {"02-broken-by-sigalrm", "plain_flag", HANGS, WRONG | PRINTS},
    {"02-broken-by-sigalrm", "poll_interrupted", 1, FORKS | WRONG | PRINTS},
    {"02-broken-by-sigalrm", "poll_retried", 0, FORKS | PRINTS},
    {"02-broken-by-sigalrm", "printf_in_handler", HANGS, WRONG | PRINTS},
    {"02-broken-by-sigalrm", "restarted_read", 0, FORKS | PRINTS},
    {"02-broken-by-sigalrm", "short_write", 0, FORKS | WRONG | PRINTS},
    {"02-broken-by-sigalrm", "sigaction_stays", 0, PRINTS},
    {"02-broken-by-sigalrm", "signal_once", 1000 + SIGALRM, WRONG | PRINTS},
    {"02-broken-by-sigalrm", "volatile_flag", 0, PRINTS | SPINS},
    {"02-broken-by-sigalrm", "whole_write", 0, FORKS | PRINTS},
    {"02-broken-by-sigalrm", "write_in_handler", 0, PRINTS},
    {"03-eintr-safe-wrapper", "outcomes", 0, PRINTS},
    {"03-eintr-safe-wrapper", "resent_whole", 1, FORKS | WRONG | PRINTS},
    {"03-eintr-safe-wrapper", "restarted_recv", 1, FORKS | WRONG | PRINTS},
    {"03-eintr-safe-wrapper", "safe_pipe", 0, FORKS | PRINTS},
    {"03-eintr-safe-wrapper", "shout", 0, 0},
    {"04-thread-timer", "drift", 0, FORKS | PRINTS},
    {"04-thread-timer", "fork_atfork", 0, PRINTS | SPINS},
    {"04-thread-timer", "fork_locked", 1, WRONG | PRINTS},
    {"04-thread-timer", "inherited", 0, PRINTS},
    {"04-thread-timer", "locked_callback", 0, FORKS | WRONG | PRINTS},
    {"04-thread-timer", "missed", 0, PRINTS},
    {"04-thread-timer", "slow_callback", 0, PRINTS},
    {"04-thread-timer", "thread_timer", 0, FORKS | PRINTS},
    {"04-thread-timer", "tick_in_waitpid", 0, PRINTS | SPINS},
    {"04-thread-timer", "which_thread", 0, PRINTS | SPINS},
    {"05-graceful-sigint", "die_of_sigint", HANGS, PRINTS},
    {"05-graceful-sigint", "early_block", 0, PRINTS},
    {"05-graceful-sigint", "exit_130", HANGS, WRONG | PRINTS},
    {"05-graceful-sigint", "five_waits", 0, PRINTS},
    {"05-graceful-sigint", "flag_then_pause", HANGS, WRONG | PRINTS},
    {"05-graceful-sigint", "flag_then_sigsuspend", HANGS, PRINTS},
    {"05-graceful-sigint", "graceful_sigint", HANGS, FORKS | ROUNDS | PRINTS},
    {"05-graceful-sigint", "hidden_by_system", 0, WRONG | PRINTS},
    {"05-graceful-sigint", "late_handler", 0, WRONG | PRINTS},
    {"05-graceful-sigint", "lifeline", 1000 + SIGKILL, PRINTS},
    {"05-graceful-sigint", "pdeathsig_late", 1000 + SIGKILL, WRONG | PRINTS},
    {"05-graceful-sigint", "pdeathsig_thread", 0, WRONG | PRINTS},
    {"05-graceful-sigint", "racy_waits", 0, WRONG | PRINTS},
    {"05-graceful-sigint", "reap_all", 0, PRINTS},
    {"05-graceful-sigint", "reap_once", 0, WRONG | PRINTS},
    {"05-graceful-sigint", "short_sleep", 0, WRONG | PRINTS},
    {"05-graceful-sigint", "two_memories", 0, PRINTS},
    {"05-graceful-sigint", "who_gets_it", 0, PRINTS},
    {"05-graceful-sigint", "whole_sleep", 0, PRINTS},
    {"a-what-restarts", "what_restarts", 0, PRINTS | SPINS},
};
enum { ALL = sizeof all_programs / sizeof all_programs[0] };

static bool wanted(const struct entry *entry)
{
    if (getenv("TESTKIT_DEFERS_SIGNALS") != NULL && (entry->flags & SPINS) != 0)
        return false;
    return getenv("TESTKIT_ONLY_RIGHT") == NULL || (entry->flags & WRONG) == 0;
}

#define FOR_EACH(entry)                                                                                                \
    for (const struct entry *entry = all_programs; entry < all_programs + ALL; entry++)                               \
        if (wanted(entry))

/* A failed assertion should name the program, not only the line. */
#define EXPECT(condition, p)                                                                                           \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            fail_msg("%s: not so: %s\nstatus %d\nstdout: %s\nstderr: %s", (p)->name, #condition, exit_status(p),       \
                     (p)->out, (p)->err);                                                                              \
    } while (0)

static struct program program_of(const struct entry *entry)
{
    struct program p = {.name = entry->name, .folder = entry->folder, .tick_ms = 20};

    return p;
}

/* An undisturbed run; and another with longer ticks, should the machine have stood still for some of the short ones. */
static void run_undisturbed(struct program *p, const struct entry *entry)
{
    program_run(p);
    if (exit_status(p) == entry->status)
        return;
    p->tick_ms *= 20;
    program_run(p);
}

static bool in_table(const char *folder, const char *name)
{
    for (int i = 0; i < ALL; i++)
        if (strcmp(all_programs[i].folder, folder) == 0 && strcmp(all_programs[i].name, name) == 0)
            return true;
    return false;
}

static int programs_in(const char *folder)
{
    DIR *dir = opendir(program_path(folder, ""));
    struct dirent *e;
    struct stat st;
    int n = 0;

    assert_non_null(dir);
    while ((e = readdir(dir)) != NULL) {
        if (strchr(e->d_name, '.') != NULL || strncmp(e->d_name, "test_", 5) == 0 ||
            strncmp(e->d_name, "bench_", 6) == 0)
            continue;
        if (stat(program_path(folder, e->d_name), &st) == -1 || !S_ISREG(st.st_mode) || (st.st_mode & S_IXUSR) == 0)
            continue;
        if (!in_table(folder, e->d_name))
            fail_msg("%s/%s is not in the table of this test", folder, e->d_name);
        n++;
    }
    closedir(dir);
    return n;
}

static void every_program_is_in_the_table(void **state)
{
    int n = 0;
    struct dirent *e;
    DIR *dir = opendir(program_path("..", "code"));

    (void)state;
    assert_non_null(dir);
    while ((e = readdir(dir)) != NULL)
        if (e->d_name[0] == '0' || e->d_name[0] == 'a') /* the chapters */
            n += programs_in(e->d_name);
    closedir(dir);
    assert_int_equal(n, ALL);
}

static void minus_h_prints_usage_on_stdout(void **state)
{
    static const char *const args[] = {"-h", NULL};

    (void)state;
    FOR_EACH(entry) {
        struct program p = program_of(entry);
        char usage[128];
        p.args = args;
        program_run(&p);
        snprintf(usage, sizeof usage, "usage: %s [-h]\n", entry->name);
        EXPECT(strncmp(p.out, usage, strlen(usage)) == 0, &p);
        EXPECT(p.err[0] == '\0' && exit_status(&p) == 0, &p);
    }
}

static void an_unknown_argument_is_named(void **state)
{
    static const char *const bad[] = {"-x", "fool", "--help", "", "-hh"};

    (void)state;
    FOR_EACH(entry)
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct program p = program_of(entry);
        const char *const args[] = {bad[i], NULL};
        char quoted[32];
        p.args = args;
        program_run(&p);
        snprintf(quoted, sizeof quoted, "'%s'", bad[i]);
        EXPECT(count_lines(p.err) == 1 && strstr(p.err, quoted) != NULL, &p);
        EXPECT(p.out[0] == '\0' && exit_status(&p) == 2, &p);
    }
}

static void a_bad_tick_ms_is_named(void **state)
{
    static const char *const bad[] = {"", "0", "-1", "60001", "1.5", "ten", " 5", "5 ", "+5", "0x10", "99999999999999999999"};

    (void)state;
    FOR_EACH(entry)
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct program p = program_of(entry);
        char quoted[64];
        p.tick_text = bad[i];
        program_run(&p);
        snprintf(quoted, sizeof quoted, "TICK_MS is '%s'", bad[i]);
        EXPECT(count_lines(p.err) == 1 && strstr(p.err, quoted) != NULL && strstr(p.err, "1 to 60000") != NULL, &p);
        EXPECT(p.out[0] == '\0' && exit_status(&p) == 2, &p);
    }
}

static void a_full_stdout_is_one_line_and_status_1(void **state)
{
    (void)state;
    FOR_EACH(entry) {
        struct program p = program_of(entry);
        if ((entry->flags & PRINTS) == 0)
            continue;
        p.stdout_path = "/dev/full";
        program_run(&p);
        EXPECT(strstr(p.err, "stdout: No space left on device\n") != NULL, &p);
        EXPECT(count_lines(p.err) == 1 && exit_status(&p) == 1, &p);
    }
}

static void a_stdout_that_nobody_reads_is_one_line_and_status_1(void **state)
{
    (void)state;
    FOR_EACH(entry) {
        struct program p = program_of(entry);
        if ((entry->flags & PRINTS) == 0)
            continue;
        p.stdout_closed_pipe = true;
        program_run(&p);
        EXPECT(strstr(p.err, "stdout: Broken pipe\n") != NULL, &p);
        EXPECT(count_lines(p.err) == 1 && exit_status(&p) == 1, &p);
    }
}

static void closed_descriptors_0_to_2_change_nothing(void **state)
{
    (void)state;
    FOR_EACH(entry)
    for (int below = 1; below <= 3; below++) {
        struct program p = program_of(entry);
        if (entry->status == HANGS)
            continue;
        p.close_below = below;
        p.tick_ms = 10;
        run_undisturbed(&p, entry);
        EXPECT(exit_status(&p) == entry->status, &p);
    }
}

static void inherited_masks_and_dispositions_change_nothing(void **state)
{
    (void)state;
    FOR_EACH(entry) {
        struct program p = program_of(entry);
        if (entry->status == HANGS)
            continue;
        p.block_signals = true;
        run_undisturbed(&p, entry);
        EXPECT(exit_status(&p) == entry->status, &p);
    }
}

/* A tick is a minute here: whoever leaves only at its next tick misses the deadline of the kit. */
static void a_killed_parent_leaves_nobody(void **state)
{
    (void)state;
    FOR_EACH(entry) {
        struct program p = program_of(entry);
        if ((entry->flags & FORKS) == 0)
            continue;
        p.tick_ms = 60000;
        program_launch(&p);
        await_child(p.pid);
        kill(p.pid, SIGKILL);
        program_finish(&p);
        EXPECT(exit_status(&p) == 1000 + SIGKILL, &p);
    }
}

static void a_killed_child_is_reported(void **state)
{
    (void)state;
    FOR_EACH(entry) {
        struct program p = program_of(entry);
        if ((entry->flags & FORKS) == 0)
            continue;
        p.tick_ms = 100;
        program_launch(&p);
        kill(await_child(p.pid), SIGKILL);
        program_finish(&p);
        EXPECT(strstr(p.err, "the child was killed by signal 9 (Killed)\n") != NULL, &p);
        EXPECT(count_lines(p.err) == 1 && exit_status(&p) == 1, &p);
    }
}

static void sigint_from_outside_ends_all(void **state)
{
    (void)state;
    FOR_EACH(entry) {
        struct program p = program_of(entry);
        if ((entry->flags & FORKS) == 0)
            continue;
        p.tick_ms = (entry->flags & ROUNDS) != 0 ? 20 : 60000;
        p.block_signals = true; /* which program_start undoes */
        program_launch(&p);
        await_child(p.pid);
        kill(p.pid, SIGINT);
        program_finish(&p);
        EXPECT(exit_status(&p) == 1000 + SIGINT, &p);
    }
}

/* Runs the program under strace, which makes the first `call` fail with `error`. */
static void run_with_fault(struct program *p, const char *call, const char *error)
{
    char *trace, *inject = NULL;
    const char *wrapper[] = {"strace", "-o", "/dev/null", "-e", NULL, "-e", NULL, NULL};

    if (asprintf(&trace, "trace=%s", call) == -1 || asprintf(&inject, "inject=%s:error=%s:when=1", call, error) == -1)
        fail_msg("asprintf");
    wrapper[4] = trace;
    wrapper[6] = inject;
    p->wrapper = wrapper;
    program_run(p);
    p->wrapper = NULL;
    free(trace);
    free(inject);
}

static void a_call_that_fails_is_named(void **state)
{
    (void)state;
    FOR_EACH(entry) {
        struct program p = program_of(entry);
        if ((entry->flags & FORKS) == 0)
            continue;
        run_with_fault(&p, "fork,vfork,clone,clone3", "EAGAIN");
        EXPECT(strstr(p.err, ": fork: Resource temporarily unavailable\n") != NULL, &p);
        EXPECT(count_lines(p.err) == 1 && exit_status(&p) == 1, &p);
        run_with_fault(&p, "pipe,pipe2", "EMFILE");
        EXPECT(strstr(p.err, ": pipe: Too many open files\n") != NULL, &p);
        EXPECT(count_lines(p.err) == 1 && exit_status(&p) == 1, &p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_program_is_in_the_table),
        cmocka_unit_test(minus_h_prints_usage_on_stdout),
        cmocka_unit_test(an_unknown_argument_is_named),
        cmocka_unit_test(a_bad_tick_ms_is_named),
        cmocka_unit_test(a_full_stdout_is_one_line_and_status_1),
        cmocka_unit_test(a_stdout_that_nobody_reads_is_one_line_and_status_1),
        cmocka_unit_test(closed_descriptors_0_to_2_change_nothing),
        cmocka_unit_test(inherited_masks_and_dispositions_change_nothing),
        cmocka_unit_test(a_killed_parent_leaves_nobody),
        cmocka_unit_test(a_killed_child_is_reported),
        cmocka_unit_test(sigint_from_outside_ends_all),
        cmocka_unit_test(a_call_that_fails_is_named),
    };

    setenv("WAIT_ROUNDS", "100", 1); /* for five_waits and racy_waits: what they measure is not the point here */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
