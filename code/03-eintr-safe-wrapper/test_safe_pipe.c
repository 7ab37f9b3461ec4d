/* The whole program of chapter 3: its messages arrive, in order and on time, whatever signals come from outside. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"

static const char alarm_text[] = "alarm(14)\n";

static long long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Takes the last line, which is to be "N alarms", off the output. Returns N. */
static int take_count(char *out)
{
    size_t size = strlen(out);
    char *line, *end;
    int count;

    if (size == 0 || out[size - 1] != '\n')
        fail_msg("the last line is not whole: %s", out);
    out[size - 1] = '\0';
    line = strrchr(out, '\n') == NULL ? out : strrchr(out, '\n') + 1;
    count = (int)strtol(line, &end, 10);
    if (end == line || strcmp(end, " alarms") != 0)
        fail_msg("the last line is not a count of alarms: %s", line);
    *line = '\0';
    return count;
}

/* An alarm that rings late, on a slow machine, can ring twice: a row of them is as good as one. */
static void without_repeated_alarms(char *out)
{
    char *to = out;
    bool after_alarm = false;

    for (const char *from = out; *from != '\0';) {
        bool is_alarm = strncmp(from, alarm_text, strlen(alarm_text)) == 0;
        size_t size = strcspn(from, "\n") + 1;
        if (!(is_alarm && after_alarm)) {
            memmove(to, from, size);
            to += size;
        }
        after_alarm = is_alarm;
        from += size;
    }
    *to = '\0';
}

static const char all_lines[] = "alarm(14)\nsub process recv: fool\nalarm(14)\nsub process recv: END\n";

/* Nobody but its own timer rings: it has counted exactly the alarms it has printed. */
static void assert_all_lines(struct program *p)
{
    int count = take_count(p->out);

    assert_int_equal(count_of(alarm_text, p->out), count);
    without_repeated_alarms(p->out);
    assert_string_equal(p->out, all_lines);
    assert_string_equal(p->err, "");
    assert_int_equal(exit_status(p), 0);
}

static void all_messages_arrive_in_order(void **state)
{
    struct program p = {.name = "safe_pipe", .tick_ms = 50};

    (void)state;
    program_run(&p);
    assert_all_lines(&p);
}

static void messages_are_never_early(void **state)
{
    struct program p = {.name = "safe_pipe", .tick_ms = 40};
    long long start = now_ms();

    (void)state;
    program_launch(&p);
    await_line(&p, "recv: fool\n");
    assert_true(now_ms() - start >= 220); /* 5.5 ticks */
    await_line(&p, "recv: END\n");
    assert_true(now_ms() - start >= 420); /* 10.5 ticks */
    program_finish(&p);
    assert_all_lines(&p);
}

static void its_reads_are_really_interrupted(void **state)
{
    char log[] = "/tmp/test_safe_pipe.XXXXXX", seen[TESTKIT_TEXT] = "";
    const char *wrapper[] = {"strace", "-f", "-qq", "-o", log, "-e", "trace=read", NULL};
    struct program p = {.name = "safe_pipe", .tick_ms = 100, .wrapper = wrapper};
    FILE *f = fdopen(mkstemp(log), "r");

    (void)state;
    assert_non_null(f);
    program_run(&p);
    seen[fread(seen, 1, sizeof seen - 1, f)] = '\0';
    fclose(f);
    unlink(log);
    if (count_of("ERESTARTSYS", seen) == 0)
        fail_msg("no interrupted read in what strace saw: %s", seen);
    take_count(p.out);
    without_repeated_alarms(p.out);
    assert_string_equal(p.out, all_lines);
    assert_int_equal(exit_status(&p), 0);
}

/* ---- signals from outside */

/* As fast as the child answers, until shortly before the first message: each signal wakes it from its read. */
static void every_read_may_be_interrupted(void **state)
{
    struct program p = {.name = "safe_pipe", .tick_ms = 100};
    long long until = now_ms() + 5 * p.tick_ms;
    pid_t child;
    int hits = 0, count;

    (void)state;
    program_launch(&p);
    child = await_child(p.pid);
    await_line(&p, alarm_text); /* its handler is there */
    do {
        await_asleep(child, SYS_read);
        kill(child, SIGALRM);
        hits++;
    } while (hits < 1000 && now_ms() < until);
    program_finish(&p);
    count = take_count(p.out);
    print_message("%d signals from outside, %d alarms in all\n", hits, count);
    assert_true(count > hits);
    assert_int_equal(count_of(alarm_text, p.out), count);
    without_repeated_alarms(p.out);
    assert_string_equal(p.out, all_lines);
    assert_string_equal(p.err, "");
    assert_int_equal(exit_status(&p), 0);
}

/* What comes out of the program in a storm: millions of lines would be possible, so they are looked at as they come. */
struct stream {
    int fd, size;
    char line[64];
    long alarms, alarms_before_end, other, count;
    char lines[256]; /* all but the alarms */
    size_t lines_size;
};

static void take_line(struct stream *s)
{
    if (strcmp(s->line, alarm_text) == 0) {
        s->alarms++;
        return;
    }
    s->other++;
    if (strcmp(s->line, "sub process recv: END\n") == 0)
        s->alarms_before_end = s->alarms;
    if (s->other == 3)
        s->count = strtol(s->line, NULL, 10);
    if (s->lines_size + (size_t)s->size >= sizeof s->lines)
        fail_msg("too much in the output: %s%s", s->lines, s->line);
    memcpy(s->lines + s->lines_size, s->line, (size_t)s->size);
    s->lines_size += (size_t)s->size;
}

/* Reads slowly: 8 bytes, less than one line. Returns false at the end. */
static bool take_a_little(struct stream *s)
{
    char bytes[8];
    ssize_t n = read(s->fd, bytes, sizeof bytes);

    for (ssize_t i = 0; i < n; i++) {
        s->line[s->size++] = bytes[i];
        if (s->size == sizeof s->line - 1)
            fail_msg("no line of this program: %.60s", s->line);
        if (bytes[i] != '\n')
            continue;
        s->line[s->size] = '\0';
        take_line(s);
        s->size = 0;
    }
    return n > 0;
}

/* Waits until the program has opened the FIFO and written something: then its dispositions are those it wants. */
static void await_first_byte(struct stream *s)
{
    struct pollfd p = {.fd = s->fd, .events = POLLIN};

    if (poll(&p, 1, 60000) != 1)
        fail_msg("the program prints nothing");
    assert_int_equal(fcntl(s->fd, F_SETFL, 0), 0); /* from now on an end is an end */
}

/* Signals as fast as possible while the output is read slowly, until END is there, or far behind its time: the last
 * bytes are read when it is quiet again. Returns the number of signals. */
static long storm(struct stream *s, pid_t target, long long until)
{
    struct pollfd p = {.fd = s->fd, .events = POLLIN};
    long signals = 0;

    while (s->other < 2 && now_ms() < until) {
        for (int i = 0; i < 10; i++, signals++)
            kill(target, SIGALRM);
        if (poll(&p, 1, 0) == 1 && !take_a_little(s))
            break;
    }
    while (take_a_little(s))
        ;
    return signals;
}

enum target { THE_CHILD, THE_PARENT, THE_GROUP };

static pid_t pid_of(enum target target, pid_t parent)
{
    if (target == THE_CHILD)
        return await_child(parent);
    return target == THE_PARENT ? parent : -parent;
}

static void survives_a_storm_at(enum target target)
{
    static const char *const setsid[] = {"setsid", NULL}; /* a process group of its own */
    char folder[] = "/tmp/test_safe_pipe.XXXXXX", fifo[64], last[32];
    struct program p = {.name = "safe_pipe", .tick_ms = 20, .stdout_path = fifo,
                        .wrapper = target == THE_GROUP ? setsid : NULL};
    struct stream s = {.fd = -1};
    long signals;

    assert_non_null(mkdtemp(folder));
    snprintf(fifo, sizeof fifo, "%s/out", folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    s.fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    program_launch(&p);
    await_first_byte(&s);
    signals = storm(&s, pid_of(target, p.pid), now_ms() + 40 * p.tick_ms);
    program_finish(&p);
    close(s.fd);
    unlink(fifo);
    rmdir(folder);

    print_message("%ld signals from outside, %ld alarms printed, %ld counted\n", signals, s.alarms, s.count);
    assert_string_equal(p.err, "");
    assert_int_equal(exit_status(&p), 0);
    snprintf(last, sizeof last, "%ld alarms\n", s.count);
    assert_memory_equal(s.lines, "sub process recv: fool\nsub process recv: END\n", 45);
    assert_string_equal(s.lines + 45, last);
    assert_int_equal(s.size, 0); /* no torn line at the end */
    assert_true(signals >= 100);
    assert_true(s.alarms_before_end <= s.count && s.count <= s.alarms); /* some may ring behind the counting */
    assert_true(s.count > 0);
}

static void no_message_is_lost_in_a_storm_at_the_child(void **state)
{
    (void)state;
    survives_a_storm_at(THE_CHILD);
}

static void no_message_is_lost_in_a_storm_at_the_parent(void **state)
{
    (void)state;
    survives_a_storm_at(THE_PARENT);
}

static void no_message_is_lost_in_a_storm_at_both(void **state)
{
    (void)state;
    survives_a_storm_at(THE_GROUP);
}

/* ---- one of the two dies */

static void the_child_of_a_killed_parent_sees_the_end(void **state)
{
    struct program p = {.name = "safe_pipe", .tick_ms = 50};
    int count;

    (void)state;
    program_launch(&p);
    await_line(&p, "recv: fool\n");
    kill(p.pid, SIGKILL);
    program_finish(&p); /* the child as well */
    count = take_count(p.out);
    assert_int_equal(count_of(alarm_text, p.out), count);
    without_repeated_alarms(p.out);
    assert_int_equal(strncmp(p.out, all_lines, strlen("alarm(14)\nsub process recv: fool\n")), 0);
    assert_null(strstr(p.out, "END"));
    assert_string_equal(p.err, "safe_pipe: end of file before END: the parent is gone\n");
    assert_int_equal(exit_status(&p), 1000 + SIGKILL);
}

static void the_parent_of_a_killed_child_says_so(void **state)
{
    static const char *const moments[] = {alarm_text, "recv: fool\n"}; /* before the first message, and the second */

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct program p = {.name = "safe_pipe", .tick_ms = 50};
        program_launch(&p);
        await_line(&p, moments[i]);
        kill(await_child(p.pid), SIGKILL);
        program_finish(&p);
        assert_string_equal(p.err, "safe_pipe: cannot send: Broken pipe; the child was killed by signal 9 (Killed)\n");
        assert_int_equal(exit_status(&p), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_messages_arrive_in_order),
        cmocka_unit_test(messages_are_never_early),
        cmocka_unit_test(its_reads_are_really_interrupted),
        cmocka_unit_test(every_read_may_be_interrupted),
        cmocka_unit_test(no_message_is_lost_in_a_storm_at_the_child),
        cmocka_unit_test(no_message_is_lost_in_a_storm_at_the_parent),
        cmocka_unit_test(no_message_is_lost_in_a_storm_at_both),
        cmocka_unit_test(the_child_of_a_killed_parent_sees_the_end),
        cmocka_unit_test(the_parent_of_a_killed_child_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
