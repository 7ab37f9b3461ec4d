/* What every program of the book promises, whatever it shows. Which programs there are, and what is special in each, is
 * read from programs.list beside their folders: see code/contracts.awk.
 *
 * With FOLDER in the environment, only the programs of that folder are looked at: make has those of several folders
 * tried side by side. With TESTKIT_ONLY_RIGHT the wrong programs are left out, and with TESTKIT_DEFERS_SIGNALS those
 * that wait for a handler without making a call (make check-sanitizers). */
#define _GNU_SOURCE /* asprintf */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "testkit.h"

enum { HANGS = -1, FORKS = 1, WRONG = 2, SILENT = 4, SPINS = 8, ROUNDS = 16, MOST = 1000 };

static struct entry {
    char folder[64], name[64];
    int status; /* of an undisturbed run; 1000 + N: killed by signal N; HANGS: only a signal ends it */
    int flags;  /* FORKS: has a child for a while; SILENT: prints nothing; SPINS: waits without a call;
                 * ROUNDS: after SIGINT, it works on for up to ten ticks */
} all_programs[MOST];
static int all;

/* ---- reading programs.list: FOLDER NAME WORD... */

static int signal_named(const char *name)
{
    for (int sig = 1; sig < NSIG; sig++)
        if (sigabbrev_np(sig) != NULL && strncmp(name, "SIG", 3) == 0 && strcmp(sigabbrev_np(sig), name + 3) == 0)
            return sig;
    return 0;
}

/* False if nobody knows the word. */
static bool read_word(struct entry *entry, const char *word)
{
    static const char *const words[] = {"forks", "wrong", "silent", "spins", "rounds"};

    for (int i = 0; i < 5; i++)
        if (strcmp(word, words[i]) == 0) {
            entry->flags |= 1 << i;
            return true;
        }
    if (strcmp(word, "hangs") == 0)
        entry->status = HANGS;
    else if (strncmp(word, "status=", 7) == 0)
        entry->status = atoi(word + 7);
    else if (strncmp(word, "killed=", 7) == 0)
        entry->status = 1000 + signal_named(word + 7);
    else
        return false;
    return entry->status != 0 && entry->status != 1000;
}

static void read_entry(char *line)
{
    struct entry *entry = &all_programs[all];
    char *word;

    if (all == MOST || sscanf(line, "%63s %63s", entry->folder, entry->name) != 2)
        fail_msg("programs.list: not expected: %s", line);
    strtok(line, " \n");
    strtok(NULL, " \n");
    while ((word = strtok(NULL, " \n")) != NULL)
        if (!read_word(entry, word))
            fail_msg("%s/%s.c: contract: nobody knows '%s'", entry->folder, entry->name, word);
    all++;
}

static int read_list(void **state)
{
    FILE *list = fopen(program_path(".", "programs.list"), "r");
    char line[512];

    (void)state;
    if (list == NULL)
        fail_msg("%s: %s", program_path(".", "programs.list"), strerror(errno));
    while (fgets(line, sizeof line, list) != NULL)
        read_entry(line);
    fclose(list);
    return 0;
}

static bool wanted(const struct entry *entry)
{
    const char *folder = getenv("FOLDER");

    if (folder != NULL && folder[0] != '\0' && strcmp(folder, entry->folder) != 0)
        return false;
    if (getenv("TESTKIT_DEFERS_SIGNALS") != NULL && (entry->flags & SPINS) != 0)
        return false;
    return getenv("TESTKIT_ONLY_RIGHT") == NULL || (entry->flags & WRONG) == 0;
}

#define FOR_EACH(entry)                                                                                                \
    for (const struct entry *entry = all_programs; entry < all_programs + all; entry++)                               \
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

/* An empty list would pass everything. */
static void there_are_programs_of_all_kinds(void **state)
{
    int kinds = 0;

    (void)state;
    for (int i = 0; i < all; i++)
        kinds |= all_programs[i].flags;
    assert_true(all >= 50);
    assert_int_equal(kinds, FORKS | WRONG | SILENT | SPINS | ROUNDS);
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
    static const char *const bad[] = {"",   "0",  "-1", "60001", "1.5", "ten",
                                      " 5", "5 ", "+5", "0x10",  "99999999999999999999"};

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
        if ((entry->flags & SILENT) != 0)
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
        if ((entry->flags & SILENT) != 0)
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
        p.tick_ms = 500; /* longer than it takes to find the child */
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
        cmocka_unit_test(there_are_programs_of_all_kinds),
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
    return cmocka_run_group_tests(tests, read_list, NULL);
}
