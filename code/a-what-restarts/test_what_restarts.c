/* The table of appendix A: is it what the program measures here, in every run, and does nothing remain of a run?
 *
 * RESTARTS_RUNS in the environment: how many runs must agree (5 if it is not set).
 * It is the kernel that is measured, and so the program never runs under valgrind here. TSan delivers signals itself
 * and has a thread of its own in every process; the tests that this disturbs are skipped. */
#define _GNU_SOURCE /* strsep */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"
#include "child_calls.h"
#include "event_calls.h"
#include "file_calls.h"
#include "library_calls.h"
#include "lock_calls.h"
#include "measure.h"
#include "message_calls.h"
#include "sleep_calls.h"
#include "socket_calls.h"

enum { ROWS = 200, TEXT = 32768 };

struct table {
    char text[TEXT];
    char *row[ROWS]; /* without the lines about the machine */
    int rows;
};

/* Splits table->text. */
static void split(struct table *table)
{
    char *rest = table->text, *line;

    table->rows = 0;
    while ((line = strsep(&rest, "\n")) != NULL)
        if (line[0] != '\0' && strncmp(line, "kernel: ", 8) != 0 && strncmp(line, "library: ", 9) != 0) {
            assert_true(table->rows < ROWS);
            table->row[table->rows++] = line;
        }
}

/* The file lies beside this source. */
static void load(struct table *table, const char *name)
{
    char path[PATH_MAX] = __FILE__, *slash = strrchr(path, '/');
    size_t size;
    FILE *f;

    strcpy(slash == NULL ? path : slash + 1, name);
    f = fopen(path, "r");
    if (f == NULL)
        fail_msg("%s: %s", path, strerror(errno));
    size = fread(table->text, 1, TEXT - 1, f);
    table->text[size] = '\0';
    fclose(f);
    split(table);
}

static void measure_all(struct table *table)
{
    struct program p = {.name = "what_restarts"};

    program_run(&p);
    assert_string_equal(p.err, "");
    assert_int_equal(exit_status(&p), 0);
    assert_true(p.out_size < TEXT);
    strcpy(table->text, p.out);
    split(table);
}

/* Are the rows the same? A call that is "not here" could not be measured, and is no difference. */
static bool same_row(const char *have, const char *want)
{
    const char *gap = strstr(have, "  ");

    if (gap != NULL && strstr(have, "not here") != NULL)
        return strncmp(have, want, (size_t)(gap - have) + 2) == 0;
    return strcmp(have, want) == 0;
}

/* Says which rows differ; returns how many. */
static int differences(const struct table *have, const struct table *want, const char *whose)
{
    int n = 0;

    for (int i = 0; i < have->rows || i < want->rows; i++) {
        const char *is = i < have->rows ? have->row[i] : "(no row)", *was = i < want->rows ? want->row[i] : "(no row)";
        if (!same_row(is, was)) {
            print_error("measured:  %s\n%-9s: %s\n", is, whose, was);
            n++;
        }
    }
    return n;
}

static void the_table_is_what_is_measured_here(void **state)
{
    static struct table now, committed;

    (void)state;
    skip_if_signals_are_deferred();
    load(&committed, "restarts-glibc.txt");
    assert_true(committed.rows > 95);
    measure_all(&now);
    assert_int_equal(differences(&now, &committed, "committed"), 0);
}

static void all_runs_agree(void **state)
{
    static struct table first, now;
    const char *text = getenv("RESTARTS_RUNS");
    int runs = text == NULL ? 5 : atoi(text);

    (void)state;
    skip_if_signals_are_deferred();
    assert_true(runs > 0);
    measure_all(&first);
    for (int i = 1; i < runs; i++) {
        measure_all(&now);
        assert_int_equal(differences(&now, &first, "before"), 0);
    }
}

/* musl's table is not measured here, but by a program that was built with musl. */
static void musl_differs_in_three_calls(void **state)
{
    static const char *const want[] = {
        "sem_timedwait                   EINTR           goes on         goes on",
        "sigtimedwait                    goes on         goes on         goes on",
        "sigwaitinfo                     goes on         goes on         goes on",
    };
    static struct table glibc, musl;
    int n = 0;

    (void)state;
    load(&glibc, "restarts-glibc.txt");
    load(&musl, "restarts-musl.txt");
    assert_int_equal(glibc.rows, musl.rows);
    for (int i = 0; i < musl.rows; i++)
        if (strcmp(glibc.row[i], musl.row[i]) != 0) {
            assert_true(n < 3);
            assert_string_equal(musl.row[i], want[n++]);
        }
    assert_int_equal(n, 3);
}

/* ---- what remains of a run */

struct ids {
    int id[1000];
    int count;
};

/* The queues ("msg") or sets of semaphores ("sem") of System V on this machine. */
static void load_ids(struct ids *ids, const char *kind)
{
    char path[32], line[256];
    FILE *f;

    ids->count = 0;
    snprintf(path, sizeof path, "/proc/sysvipc/%s", kind);
    f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    while (ids->count < 1000 && fscanf(f, "%*d %d%*[^\n]", &ids->id[ids->count]) == 1)
        ids->count++;
    fclose(f);
}

static bool has_id(const struct ids *ids, int id)
{
    for (int i = 0; i < ids->count; i++)
        if (ids->id[i] == id)
            return true;
    return false;
}

/* Another run of the program on this machine may have some at the moment; those go. What is left of a run stays. */
static void await_no_new_id(const struct ids *before, const char *kind)
{
    static struct ids now;
    time_t deadline = time(NULL) + 60;

    do {
        int new = 0;
        load_ids(&now, kind);
        for (int i = 0; i < now.count; i++)
            new += !has_id(before, now.id[i]);
        if (new == 0)
            return;
    } while (time(NULL) < deadline);
    fail_msg("a %s of System V is left", kind);
}

static int alive[2]; /* whoever has the write end is alive */
static bool dies_at_kill;

int __real_kill(pid_t pid, int sig);
int __wrap_kill(pid_t pid, int sig);
int __wrap_kill(pid_t pid, int sig)
{
    return dies_at_kill ? __real_kill(getpid(), SIGKILL) : __real_kill(pid, sig);
}

/* Measures in a process that is killed in the middle: when the three calls are asleep, and it is about to disturb the
 * first of them. Returns when that process and all that it has started have ended. */
static void killed_run(const struct call *call)
{
    const char *answers[WAYS];
    struct pollfd end_of_file = {.events = POLLIN};
    int status;
    pid_t pid;

    assert_int_equal(pipe(alive), 0); /* kept by exec */
    pid = fork_in_test();
    if (pid == 0) {
        alarm(60);
        dies_at_kill = true;
        measure(call, answers);
        _exit(0);
    }
    close(alive[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    end_of_file.fd = alive[0];
    if (poll(&end_of_file, 1, 60000) != 1)
        fail_msg("%s: somebody is left", call->name);
    close(alive[0]);
}

static void nothing_is_left_of_a_killed_run(void **state)
{
    static const struct group *const groups[] = {&file_calls,  &socket_calls, &child_calls,   &lock_calls,
                                                 &event_calls, &sleep_calls,  &message_calls, &library_calls};
    static struct ids queues, semaphores;

    (void)state;
    skip_if_signals_are_deferred();
    load_ids(&queues, "msg");
    load_ids(&semaphores, "sem");
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        for (size_t k = 0; k < groups[i]->count; k++)
            killed_run(&groups[i]->calls[k]);
    await_no_new_id(&queues, "msg");
    await_no_new_id(&semaphores, "sem");
}

/* ---- the ruler itself */

static void *spin(void *unused)
{
    for (volatile int on = 1; on;)
        ;
    return unused;
}

static pid_t start(bool main_sleeps, bool other_spins)
{
    pid_t pid = fork_in_test();

    if (pid == 0) {
        pthread_t thread;
        alarm(60);
        if (other_spins && pthread_create(&thread, NULL, spin, NULL) != 0)
            _exit(1);
        for (;;)
            if (main_sleeps)
                pause();
    }
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_process_is_asleep_when_all_its_threads_are(void **state)
{
    pid_t asleep, awake, half_asleep;

    (void)state;
    skip_if_signals_are_deferred();
    asleep = start(true, false);
    awake = start(false, false);
    half_asleep = start(true, true);
    while (!is_asleep(asleep))
        ;
    while (state_of(half_asleep) != 'S') /* its first thread */
        ;
    for (int i = 0; i < 1000; i++) {
        assert_true(is_asleep(asleep));
        assert_false(is_asleep(awake));
        assert_false(is_asleep(half_asleep));
    }
    end(asleep);
    end(awake);
    end(half_asleep);
    assert_false(is_asleep(asleep)); /* nobody is */
}

static long call_nothing(void)
{
    return 0;
}

static long call_what_no_kernel_has(void)
{
    errno = ENOSYS;
    return -1;
}

static int prepare_in_vain(void)
{
    errno = EMFILE;
    return -1;
}

static void a_call_that_does_not_block_is_named(void **state)
{
    static const struct {
        struct call call;
        const char *answer;
    } cases[] = {{{"nothing", NULL, call_nothing}, "did not block"},
                 {{"unknown", NULL, call_what_no_kernel_has}, "not here"},
                 {{"unprepared", prepare_in_vain, call_nothing}, "Too many open files"}};
    const char *answers[WAYS];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        measure(&cases[i].call, answers);
        for (int way = 0; way < WAYS; way++)
            assert_string_equal(answers[way], cases[i].answer);
    }
}

/* Kills the process that measures from within: whoever waits for it must not wait forever. */
static long call_death(void)
{
    return raise(SIGKILL);
}

static void a_measured_process_that_is_killed_is_reported(void **state)
{
    static const struct call call = {"death", NULL, call_death};
    const char *answers[WAYS];
    char text[128] = "";
    int fd[2], status;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe(fd), 0);
    pid = fork_in_test();
    if (pid == 0) {
        dup2(fd[1], STDERR_FILENO);
        measure(&call, answers);
        _exit(0);
    }
    close(fd[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(read(fd[0], text, sizeof text - 1) > 0);
    assert_non_null(strstr(text, ": death: the child was killed by signal 9 (Killed)\n"));
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    close(fd[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_what_is_measured_here),
        cmocka_unit_test(all_runs_agree),
        cmocka_unit_test(musl_differs_in_three_calls),
        cmocka_unit_test(nothing_is_left_of_a_killed_run),
        cmocka_unit_test(a_process_is_asleep_when_all_its_threads_are),
        cmocka_unit_test(a_call_that_does_not_block_is_named),
        cmocka_unit_test(a_measured_process_that_is_killed_is_reported),
    };

    unsetenv("TESTKIT_RUNNER"); /* valgrind */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
