/* The whole programs of chapter 4: the timer beats while a read waits undisturbed, and everybody leaves at the end. */
#define _GNU_SOURCE /* strsep, syscall */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"

static const char alarm_line[] = "sub process alarm\n";
static const char all_lines[] = "sub process alarm\nsub process recv: fool\nsub process alarm\nsub process recv: END\n";

static long long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* On a slow machine one call tells of two beats, and a message can be a beat late: a row is as good as one. */
static void without_repeated_alarms(char *out)
{
    char twice[2 * sizeof alarm_line], *at;

    strcat(strcpy(twice, alarm_line), alarm_line);
    while ((at = strstr(out, twice)) != NULL)
        memmove(at, at + strlen(alarm_line), strlen(at + strlen(alarm_line)) + 1);
}

static void remove_all(char *text, const char *line)
{
    char *at;

    while ((at = strstr(text, line)) != NULL)
        memmove(at, at + strlen(line), strlen(at + strlen(line)) + 1);
}

/* For runs in which somebody may be so late that no alarm comes before a message, or one after the last. */
static void assert_all_messages(struct program *p)
{
    remove_all(p->out, alarm_line);
    assert_string_equal(p->out, "sub process recv: fool\nsub process recv: END\n");
    assert_string_equal(p->err, "");
    assert_int_equal(exit_status(p), 0);
}

/* A machine that stands still for five ticks shows another order: then again, with longer ticks. */
static void messages_and_alarms_come_in_order(void **state)
{
    (void)state;
    for (int tick_ms = 50;; tick_ms *= 4) {
        struct program p = {.name = "thread_timer", .tick_ms = tick_ms};
        program_run(&p);
        assert_string_equal(p.err, "");
        assert_int_equal(exit_status(&p), 0);
        without_repeated_alarms(p.out);
        if (tick_ms < 800 && strcmp(p.out, all_lines) != 0)
            continue;
        assert_string_equal(p.out, all_lines);
        return;
    }
}

static void nothing_is_early(void **state)
{
    struct program p = {.name = "thread_timer", .tick_ms = 20};
    long long start = now_ms();

    (void)state;
    program_launch(&p);
    await_line(&p, "recv: fool\n");
    assert_true(now_ms() - start >= 110);
    assert_true(count_of(alarm_line, p.out) <= (now_ms() - start) / 20);
    await_line(&p, "recv: END\n");
    assert_true(now_ms() - start >= 210);
    assert_true(count_of(alarm_line, p.out) <= (now_ms() - start) / 20);
    program_finish(&p);
    assert_all_messages(&p);
}

// § One read
/* How often a thread has gone to sleep by itself, as to wait for bytes. */
static long sleeps_of(pid_t tid)
{
    char path[64], line[256];
    long n = -1;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/status", (int)tid);
    f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "voluntary_ctxt_switches:", 24) == 0)
            n = strtol(line + 24, NULL, 10);
    fclose(f);
    return n;
}

static void await_state(pid_t pid, char letter)
{
    long long deadline = now_ms() + 60000;

    while (state_of(pid) != letter && now_ms() < deadline)
        ;
    assert_int_equal(state_of(pid), letter);
}

/* The parent is stopped, so that no message comes; the read has to outlast ten beats of the timer. */
static void ten_beats_do_not_wake_the_read(void **state)
{
    struct program p = {.name = "thread_timer", .tick_ms = 50};
    char ten[10 * sizeof alarm_line] = "";
    size_t seen;
    long sleeps;
    pid_t child;

    (void)state;
    for (int i = 0; i < 10; i++)
        strcat(ten, alarm_line);
    program_launch(&p);
    await_line(&p, alarm_line);
    child = await_child(p.pid);
    kill(p.pid, SIGSTOP);
    await_state(p.pid, 'T');
    await_asleep(child, SYS_read);
    sleeps = sleeps_of(child);
    seen = p.out_size;
    await_line(&p, ten);
    assert_true(p.out_size > seen);
    await_asleep(child, SYS_read);
    assert_int_equal(sleeps_of(child), sleeps); /* it has not been awake in between */
    assert_true(sleeps > 0);
    kill(p.pid, SIGCONT);
    program_finish(&p);
    assert_all_messages(&p);
}

// § What strace sees
enum { TRACE = 1 << 20 };

/* Runs the program under strace, and reads what that wrote. Returns the pid of the parent; the rest is the child. */
static int run_traced(struct program *p, const char *const *options, char trace[TRACE])
{
    char log[] = "/tmp/test_thread_timer.XXXXXX";
    const char *wrapper[16] = {"strace", "-f", "-qq", "-o", log};
    FILE *f = fdopen(mkstemp(log), "r");

    assert_non_null(f);
    for (int i = 0; options != NULL && options[i] != NULL; i++)
        wrapper[5 + i] = options[i];
    p->wrapper = wrapper;
    program_run(p);
    p->wrapper = NULL;
    trace[fread(trace, 1, TRACE - 1, f)] = '\0';
    fclose(f);
    unlink(log);
    assert_true(strlen(trace) > 0);
    return atoi(trace);
}

/* Takes one line off the trace. */
static char *next_line(char **trace)
{
    return strsep(trace, "\n");
}

static void no_call_of_the_child_is_interrupted(void **state)
{
    static char trace[TRACE];
    struct program p = {.name = "thread_timer", .tick_ms = 20};
    int parent = run_traced(&p, NULL, trace), of_child = 0, fools = 0;
    char *rest = trace, *line;

    (void)state;
    assert_all_messages(&p);
    while ((line = next_line(&rest)) != NULL) {
        if (atoi(line) == parent || line[0] == '\0')
            continue;
        of_child++;
        fools += strstr(line, "read") != NULL && strstr(line, "\"fool\"") != NULL;
        if (strstr(line, "EINTR") != NULL || strstr(line, "ERESTART") != NULL || strstr(line, "--- SIG") != NULL)
            fail_msg("interrupted: %s", line);
    }
    assert_true(of_child > 0);
    assert_int_equal(fools, 1); /* so we have read the right lines */
}

/* SIGRT_1 is the C library's, for setuid(2); the others, if they are there at all, are a sanitizer's. */
static bool is_of_others(const char *line)
{
    static const char *const signals[] = {"SIGRT_1", "SIGSEGV", "SIGBUS", "SIGFPE"};

    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        if (strstr(line, signals[i]) != NULL)
            return true;
    return false;
}

static void no_signal_is_asked_for_and_none_is_caught(void **state)
{
    static const char *const timers[] = {"setitimer(", "timer_create(", "timer_settime(", "alarm(", "signalfd"};
    static char trace[TRACE];
    struct program p = {.name = "thread_timer", .tick_ms = 20};
    char *rest = trace, *line, *handler;
    int dispositions = 0;

    (void)state;
    run_traced(&p, NULL, trace);
    assert_all_messages(&p);
    assert_int_equal(count_of("SIGALRM", trace), count_of("(SIGALRM, NULL, ", trace)); /* program_start asks for it */
    for (size_t i = 0; i < sizeof timers / sizeof timers[0]; i++)
        assert_int_equal(count_of(timers[i], trace), 0);
    while ((line = next_line(&rest)) != NULL) {
        if (strstr(line, "rt_sigaction(SIG") == NULL)
            continue;
        dispositions++;
        handler = strstr(line, "sa_handler=");
        if (handler != NULL && strncmp(handler + 11, "SIG_", 4) != 0 && !is_of_others(line))
            fail_msg("a handler: %s", line);
    }
    assert_true(dispositions >= 2); /* those of program_start */
}

/* The most alarms that were printed by another thread while a read of the child was on its way. */
static int alarms_during_a_read(char *trace, int parent)
{
    int reader = 0, alarms = 0, most = 0;
    char *line;

    while ((line = next_line(&trace)) != NULL) {
        int tid = atoi(line);
        if (strstr(line, " read(") != NULL && strstr(line, "<unfinished") != NULL && tid != parent) {
            reader = tid;
            alarms = 0;
        } else if (strstr(line, "\"sub process alarm") != NULL && tid != reader) {
            alarms += reader != 0;
        } else if (tid == reader && strstr(line, "<... read resumed>") != NULL) {
            most = alarms > most ? alarms : most;
            reader = 0;
        }
    }
    return most;
}

/* Again with longer ticks, should the machine stand still. */
static void the_timer_prints_while_the_read_waits(void **state)
{
    static const char *const options[] = {"-e", "trace=read,write", NULL};
    static char trace[TRACE];
    int most = 0;

    (void)state;
    for (int tick_ms = 20; most == 0 && tick_ms <= 500; tick_ms *= 5) {
        struct program p = {.name = "thread_timer", .tick_ms = tick_ms};
        int parent = run_traced(&p, options, trace);
        assert_all_messages(&p);
        most = alarms_during_a_read(trace, parent);
    }
    print_message("%d alarms during one read\n", most);
    assert_true(most > 0);
}

static void the_thread_ends_before_the_process(void **state)
{
    static char trace[TRACE];
    struct program p = {.name = "thread_timer", .tick_ms = 20};
    char *thread_end, *process_end;

    (void)state;
    run_traced(&p, NULL, trace);
    assert_all_messages(&p);
    thread_end = strstr(trace, " exit(0");
    process_end = strstr(trace, " exit_group(0"); /* of the child: the parent waits for it */
    assert_non_null(thread_end);
    assert_non_null(process_end);
    assert_true(thread_end < process_end);
    assert_int_equal(count_of(" exit(0", trace), 1);
    assert_int_equal(count_of(" exit_group(0", trace), 2);
}

static void a_thread_that_cannot_be_had_is_named(void **state)
{
    static const char *const options[] = {"-e", "trace=clone3", "-e", "inject=clone3:error=EAGAIN", NULL};
    static char trace[TRACE];
    struct program p = {.name = "thread_timer", .tick_ms = 50};

    (void)state;
    run_traced(&p, options, trace);
    if (count_of("(INJECTED)", trace) == 0)
        fail_msg("no fault injected: %s", trace);
    assert_string_equal(p.out, "");
    assert_string_equal(p.err, "thread_timer: timer_start: Resource temporarily unavailable\n"
                               "thread_timer: cannot send: Broken pipe; the child exited with status 1\n");
    assert_int_equal(exit_status(&p), 1);
}

// § Signals from outside
/* Whether it says as well that a message could not be sent depends on how far the parent has come. Before it, valgrind
 * may have its own say. */
static void assert_last_error(const struct program *p, const char *text)
{
    size_t size = strlen(p->err);

    assert_true(size >= strlen(text));
    assert_string_equal(p->err + size - strlen(text), text);
    assert_int_equal(exit_status(p), 1);
}

/* The child is signaled by a descriptor, since its number may belong to another process when it has ended. */
static int open_process(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);

    if (fd == -1)
        fail_msg("pidfd_open: %s", strerror(errno));
    return fd;
}

static bool send_to(int pidfd, int sig)
{
    return syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) == 0;
}

/* Signals that by default do nothing, and stop and continue, as fast as possible while the child lives. */
static void signals_without_a_handler_change_nothing(void **state)
{
    static const int signals[] = {SIGCHLD, SIGWINCH, SIGURG, SIGCONT, SIGSTOP, SIGCONT};
    struct program p = {.name = "thread_timer", .tick_ms = 20};
    long long deadline = now_ms() + 60000;
    long sent = 0;
    int child;

    (void)state;
    program_launch(&p);
    child = open_process(await_child(p.pid));
    while (send_to(child, signals[sent % 6]) && now_ms() < deadline) /* until it has ended, and its parent knows */
        sent++;
    send_to(child, SIGCONT);
    program_finish(&p);
    close(child);
    print_message("%ld signals from outside\n", sent);
    assert_true(sent >= 100);
    assert_all_messages(&p);
}

/* It is none of this program's business, and so does what it does to everybody. */
static void a_sigalrm_from_outside_kills_the_child(void **state)
{
    struct program p = {.name = "thread_timer", .tick_ms = 100};
    int child;

    (void)state;
    program_launch(&p);
    child = open_process(await_child(p.pid));
    await_line(&p, alarm_line);
    assert_true(send_to(child, SIGALRM));
    program_finish(&p);
    close(child);
    assert_last_error(&p, "the child was killed by signal 14 (Alarm clock)\n");
}

// § One of the two dies
/* Kills the parent when the child has printed `moment`. False if END was sent nevertheless: we came too late. */
static bool child_leaves(const char *moment, int tick_ms)
{
    struct program p = {.name = "thread_timer", .tick_ms = tick_ms};

    program_launch(&p);
    await_child(p.pid);
    await_line(&p, moment);
    kill(p.pid, SIGKILL);
    program_finish(&p); /* the child as well, and its thread */
    assert_int_equal(exit_status(&p), 1000 + SIGKILL);
    if (strstr(p.out, "END") != NULL)
        return false;
    assert_string_equal(p.err, "thread_timer: end of file before END: the parent is gone\n");
    return true;
}

static void the_child_of_a_killed_parent_leaves(void **state)
{
    static const char *const moments[] = {"", alarm_line, "recv: fool\n"};

    (void)state;
    for (int i = 0; i < 3; i++) {
        int tick_ms = 50;
        while (!child_leaves(moments[i], tick_ms) && tick_ms <= 800)
            tick_ms *= 4;
        assert_true(tick_ms <= 800);
    }
}

static void the_parent_of_a_killed_child_says_so(void **state)
{
    static const char *const moments[] = {alarm_line, "recv: fool\n"}; /* before the first message, and the second */

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct program p = {.name = "thread_timer", .tick_ms = 100};
        int child;
        program_launch(&p);
        child = open_process(await_child(p.pid));
        await_line(&p, moments[i]);
        assert_true(send_to(child, SIGKILL));
        program_finish(&p);
        close(child);
        assert_last_error(&p, "the child was killed by signal 9 (Killed)\n");
    }
}

// § The slow callback
/* Runs it, and returns how many calls there were. How late a call is, and so how many there are, is the machine's
 * affair; the sums are not. */
static unsigned long run_slow_callback(int tick_ms, unsigned long *missed)
{
    struct program p = {.name = "slow_callback", .tick_ms = tick_ms};
    double tick;
    unsigned long calls = 0, sum = 0, expirations;
    char *rest = p.out, *line;

    program_run(&p);
    assert_string_equal(p.err, "");
    assert_int_equal(exit_status(&p), 0);
    while ((line = next_line(&rest)) != NULL && sscanf(line, "tick %lf: expirations %lu", &tick, &expirations) == 2) {
        calls++;
        sum += expirations;
        assert_true(tick >= (double)sum); /* never early */
        assert_true(calls != 2 || (tick >= 3.5 && expirations >= 3 - (sum - expirations)));
    }
    assert_non_null(line);
    assert_int_equal(strtoul(line, &line, 10), calls);
    assert_memory_equal(line, " calls, ", 8);
    assert_int_equal(strtoul(line + 8, &line, 10), sum);
    assert_string_equal(line, " expirations");
    *missed = sum - calls;
    return calls;
}

/* Stopped at tick 5.5, a machine that is two ticks late has not come to the second call: then again, with longer
 * ticks. */
static void a_slow_callback_gets_one_call_for_the_ticks_it_missed(void **state)
{
    unsigned long missed = 0;
    int tick_ms = 50;

    (void)state;
    while (run_slow_callback(tick_ms, &missed) < 2 && tick_ms < 2000)
        tick_ms *= 2;
    assert_true(missed >= 1);
}

// § A thread for the signals
/* Asks it to leave by this signal when the timer has ticked and both others sleep. */
static void leaves_on(int sig, const char *last)
{
    struct program p = {.name = "signal_thread", .tick_ms = 100, .terminal = true};

    program_launch(&p);
    await_line(&p, "tick\r\n");
    assert_int_equal(write(p.out_fd, "fool\n", 5), 5);
    await_line(&p, "read: fool\r\n");
    kill(p.pid, sig);
    program_finish(&p);
    assert_string_equal(strstr(p.out, "stopped"), last);
    assert_int_equal(exit_status(&p), 0);
}

static void the_signal_thread_has_both_others_end(void **state)
{
    (void)state;
    leaves_on(SIGINT, "stopped by signal 2 (Interrupt)\r\n");
    leaves_on(SIGTERM, "stopped by signal 15 (Terminated)\r\n");
}

/* The end of file comes at once, and a tick takes a minute. */
static void the_signal_thread_hears_of_the_end_of_file_as_of_a_signal(void **state)
{
    const char *wrapper[] = {"sh", "-c", "exec \"$0\" </dev/null", NULL};
    struct program p = {.name = "signal_thread", .tick_ms = 60000, .wrapper = wrapper};

    (void)state;
    program_run(&p);
    assert_string_equal(p.out, "stopped by signal 15 (Terminated)\n");
    assert_int_equal(exit_status(&p), 0);
}

/* As in the background of a script. The SIGINT that is ignored comes first. */
static void the_signal_thread_does_not_wait_for_a_sigint_that_is_ignored(void **state)
{
    struct program p = {.name = "signal_thread", .tick_ms = 100, .terminal = true, .ignored_signal = SIGINT};

    (void)state;
    program_launch(&p);
    await_line(&p, "tick\r\n");
    kill(p.pid, SIGINT);
    kill(p.pid, SIGTERM);
    program_finish(&p);
    assert_non_null(strstr(p.out, "stopped by signal 15"));
    assert_int_equal(exit_status(&p), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_and_alarms_come_in_order),
        cmocka_unit_test(nothing_is_early),
        cmocka_unit_test(ten_beats_do_not_wake_the_read),
        cmocka_unit_test(no_call_of_the_child_is_interrupted),
        cmocka_unit_test(no_signal_is_asked_for_and_none_is_caught),
        cmocka_unit_test(the_timer_prints_while_the_read_waits),
        cmocka_unit_test(the_thread_ends_before_the_process),
        cmocka_unit_test(a_thread_that_cannot_be_had_is_named),
        cmocka_unit_test(signals_without_a_handler_change_nothing),
        cmocka_unit_test(a_sigalrm_from_outside_kills_the_child),
        cmocka_unit_test(the_child_of_a_killed_parent_leaves),
        cmocka_unit_test(the_parent_of_a_killed_child_says_so),
        cmocka_unit_test(a_slow_callback_gets_one_call_for_the_ticks_it_missed),
        cmocka_unit_test(the_signal_thread_has_both_others_end),
        cmocka_unit_test(the_signal_thread_hears_of_the_end_of_file_as_of_a_signal),
        cmocka_unit_test(the_signal_thread_does_not_wait_for_a_sigint_that_is_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
