/* A stranger at the other end: CPython's multiprocessing.connection, in both directions, quiet and in a storm.
 *
 * STORM_US and STORM_LARGEST in the environment: as for test_storm. To be run in the repository's root, where
 * this file's folder has python_peer.py. */
#define _GNU_SOURCE /* pipe2 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"
#include "conn.h"
#include "safe_io.h"

enum { MESSAGES = 200, BLOCK = 65521, LARGEST = 16 << 20, PATIENCE_MS = 60000 };

/* ---- the messages: as in python_peer.py */

static const size_t sizes[] = {0, 1, 4091, 4092, 4093, 16383, 16384, 16385, 65535, 65536, 65537};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

struct messages {
    unsigned char block[BLOCK];
    size_t size[MESSAGES];
};

static int number_from(const char *variable, int otherwise)
{
    const char *text = getenv(variable);

    return text == NULL ? otherwise : atoi(text);
}

static unsigned int next_number(unsigned int *x)
{
    *x = (*x * 1103515245U + 12345U) & 0x7fffffffU;
    return *x >> 8;
}

static void make_messages(struct messages *m, unsigned int seed)
{
    unsigned int x = seed;

    for (int i = 0; i < BLOCK; i++)
        m->block[i] = (unsigned char)(next_number(&x) & 0xff);
    for (int i = 0; i < MESSAGES; i++) {
        size_t chosen = next_number(&x) % SIZES, any_size = next_number(&x) % 70000;
        if (i < SIZES)
            m->size[i] = sizes[i];
        else if (i >= MESSAGES - 3)
            m->size[i] = i == MESSAGES - 1 ? (size_t)number_from("STORM_LARGEST", LARGEST) : 1 << 20;
        else
            m->size[i] = i % 2 != 0 ? sizes[chosen] : any_size;
    }
}

static void fill(unsigned char *to, const struct messages *m, int number)
{
    size_t done = 0, start = (size_t)number * 7919 % BLOCK;

    while (done < m->size[number]) {
        size_t part = BLOCK - start < m->size[number] - done ? BLOCK - start : m->size[number] - done;
        memcpy(to + done, m->block + start, part);
        done += part;
        start = 0;
    }
}

/* ---- our side: a process that never asserts */

struct report {
    char wrong[160];
    long alarms, received;
};

static struct report mine;
static struct messages messages;
static unsigned char bytes[LARGEST], expected[LARGEST];
static volatile sig_atomic_t alarms;

static void count_alarm(int sig)
{
    (void)sig;
    alarms++;
}

static void set_timer(int period_us)
{
    struct timeval period = {.tv_sec = period_us / 1000000, .tv_usec = period_us % 1000000};
    struct itimerval timer = {.it_value = period, .it_interval = period};

    if (setitimer(ITIMER_REAL, &timer, NULL) == -1)
        _exit(100);
}

static bool send_all(conn *c)
{
    make_messages(&messages, 1);
    for (int i = 0; i < MESSAGES; i++) {
        fill(bytes, &messages, i);
        if (conn_send_bytes(c, bytes, messages.size[i]) == -1) {
            snprintf(mine.wrong, sizeof mine.wrong, "sending message %d: %s", i, strerror(errno));
            return false;
        }
    }
    return true;
}

static void receive_all(conn *c)
{
    size_t got = 0;

    make_messages(&messages, 2);
    for (int i = 0; i < MESSAGES; i++) {
        int result = conn_recv_bytes(c, bytes, sizeof bytes, &got);
        fill(expected, &messages, i);
        if (result != 1 || got != messages.size[i] || memcmp(bytes, expected, got) != 0) {
            snprintf(mine.wrong, sizeof mine.wrong, "receiving message %d of %zu bytes: result %d, %zu bytes, %s", i,
                     messages.size[i], result, got, result == -1 ? strerror(errno) : "not what was sent");
            return;
        }
        mine.received++;
    }
    if (conn_recv_bytes(c, bytes, sizeof bytes, &got) != 0)
        snprintf(mine.wrong, sizeof mine.wrong, "no end after the last message");
}

/* The end of the writer, of a pipe of its own, is what the other side waits for after the last message. */
static void our_side(int rfd, int wfd, int period_us, int flags)
{
    struct sigaction sa = {.sa_handler = count_alarm, .sa_flags = flags};
    conn *reader, *writer;

    sigemptyset(&sa.sa_mask);
    if (sigaction(SIGALRM, &sa, NULL) == -1)
        _exit(100);
    set_timer(period_us);
    if (conn_adopt(&writer, wfd, wfd == rfd, true) == -1 ||
        (wfd != rfd && conn_adopt(&reader, rfd, true, false) == -1)) {
        snprintf(mine.wrong, sizeof mine.wrong, "conn_adopt: %s", strerror(errno));
        return;
    }
    if (wfd == rfd)
        reader = writer;
    if (!send_all(writer))
        return;
    if (wfd != rfd)
        conn_close(writer);
    receive_all(reader);
    conn_close(reader);
}

/* ---- the two processes */

struct peers {
    bool socket;
    int period_us, flags;
};

static const char *script(void)
{
    static char path[4096];

    snprintf(path, sizeof path, "%s", __FILE__);
    snprintf(strrchr(path, '/') + 1, 32, "python_peer.py");
    if (access(path, R_OK) == -1)
        fail_msg("no %s from here: run this test in the repository's root", path);
    return path;
}

static pid_t start_ours(const struct peers *p, int rfd, int wfd, int period_us, const int report[2])
{
    pid_t pid = fork_in_test();

    if (pid != 0)
        return pid;
    our_side(rfd, wfd, period_us, p->flags);
    set_timer(0);
    mine.alarms = alarms;
    _exit(full_write(report[1], &mine, sizeof mine) == sizeof mine && mine.wrong[0] == '\0' ? 0 : 1);
}

static pid_t start_python(int rfd, int wfd, int period_us, const int report[2], const char *path)
{
    char arguments[6][16];
    int numbers[6] = {rfd, wfd, period_us, MESSAGES, number_from("STORM_LARGEST", LARGEST), report[1]};
    pid_t pid = fork_in_test();

    if (pid != 0)
        return pid;
    for (int i = 0; i < 6; i++)
        snprintf(arguments[i], sizeof arguments[i], "%d", numbers[i]);
    fcntl(rfd, F_SETFD, 0);
    fcntl(wfd, F_SETFD, 0);
    fcntl(report[1], F_SETFD, 0);
    execlp("python3", "python3", "-I", path, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
           arguments[5], (char *)NULL);
    _exit(127);
}

/* The pipes, or the socket pair: ours[0] and ours[1] to read and to write, theirs[0] and theirs[1] likewise. */
static void make_channels(bool socket, int ours[2], int theirs[2])
{
    int there[2], back[2];

    if (socket) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, there), 0);
        ours[0] = ours[1] = there[0];
        theirs[0] = theirs[1] = there[1];
        return;
    }
    assert_int_equal(pipe2(there, O_CLOEXEC), 0);
    assert_int_equal(pipe2(back, O_CLOEXEC), 0);
    ours[0] = back[0];
    ours[1] = there[1];
    theirs[0] = there[0];
    theirs[1] = back[1];
}

static void close_both(const int fd[2])
{
    close(fd[0]);
    if (fd[1] != fd[0])
        close(fd[1]);
}

static bool stuck; /* one test has waited in vain; the others would as well */

/* Waits for the end of both reports, which is the end of both processes; kills them after a long time. */
static void await_reports(const pid_t pid[2], int ours, int theirs)
{
    int fds[2] = {ours, theirs};

    for (int i = 0; i < 2; i++) {
        struct pollfd p = {.fd = fds[i], .events = POLLIN};
        if (poll(&p, 1, PATIENCE_MS) == 1)
            continue;
        stuck = true;
        kill(pid[0], SIGKILL);
        kill(pid[1], SIGKILL);
        print_error("%s: nothing happens any more; both processes killed\n", i == 0 ? "our side" : "python3");
    }
}

static void talks_to_python(void **state)
{
    const struct peers *p = *state;
    const char *path = script();
    int shortest = number_from("STORM_US", 0);
    int period_us = p->period_us == 0 || p->period_us > shortest ? p->period_us : shortest;
    int ours[2], theirs[2], our_report[2], their_report[2], status[2];
    char their_alarms[32] = "";
    struct report r = {.wrong = "no report"};
    pid_t pid[2];

    if (stuck)
        fail_msg("not tried: a process was stuck in a test before");
    make_channels(p->socket, ours, theirs);
    assert_int_equal(pipe2(our_report, O_CLOEXEC), 0);
    assert_int_equal(pipe2(their_report, O_CLOEXEC), 0);
    pid[1] = start_python(theirs[0], theirs[1], period_us, their_report, path);
    close_both(theirs);
    pid[0] = start_ours(p, ours[0], ours[1], period_us, our_report);
    close_both(ours);
    close(our_report[1]);
    close(their_report[1]);
    await_reports(pid, our_report[0], their_report[0]);
    full_read(our_report[0], &r, sizeof r);
    full_read(their_report[0], their_alarms, sizeof their_alarms - 1);
    close(our_report[0]);
    close(their_report[0]);
    assert_int_equal(safe_waitpid(pid[0], &status[0], 0), pid[0]);
    assert_int_equal(safe_waitpid(pid[1], &status[1], 0), pid[1]);

    if (WIFEXITED(status[1]) && WEXITSTATUS(status[1]) == 127)
        fail_msg("there is no python3 on PATH: `make deps` installs it");
    if (status[0] != 0 || status[1] != 0)
        fail_msg("our side: %s, status %#x; python3: status %#x (its message is on stderr)", r.wrong,
                 (unsigned)status[0], (unsigned)status[1]);
    assert_int_equal(r.received, MESSAGES);
    print_message("%d messages each way; %ld alarms here, %s in Python\n", MESSAGES, r.alarms, their_alarms);
    assert_true((r.alarms > 0) == (period_us > 0));
    assert_true((atoi(their_alarms) > 0) == (period_us > 0));
}

/* What Python's Connection makes of these bytes and the end behind them: printf(1) writes them. */
static void expect_of_python(const char *wire, const char *said)
{
    char command[512], line[64] = "";
    FILE *python;

    snprintf(command, sizeof command,
             "printf '%s' | python3 -I -c '\n"
             "import os\n"
             "from multiprocessing.connection import Connection\n"
             "try: print(Connection(os.dup(0), writable=False).recv_bytes())\n"
             "except EOFError: print(\"the end\")\n"
             "except OSError as error: print(error)'", wire);
    python = popen(command, "r");
    assert_non_null(python);
    if (fgets(line, sizeof line, python) == NULL)
        line[0] = '\0';
    assert_int_equal(pclose(python), 0);
    assert_string_equal(line, said);
}

static void python_takes_a_negative_length_for_0_and_an_end_behind_a_length_for_a_good_one(void **state)
{
    (void)state;
    expect_of_python("\\000\\000\\000\\004fool", "b'fool'\n");
    expect_of_python("", "the end\n");
    expect_of_python("\\377\\377\\377\\376", "b''\n"); /* -2 */
    expect_of_python("\\000\\000\\000\\004", "the end\n"); /* four bytes are to follow */
    expect_of_python("\\000\\000\\000\\004fo", "got end of file during message\n");
}

#define PEERS(what, is_socket, how, period, flag) \
    { \
        .name = "talks_to_python_" what how, .test_func = talks_to_python, \
        .initial_state = &(struct peers){.socket = is_socket, .period_us = period, .flags = flag} \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        PEERS("through_pipes", false, "", 0, 0),
        PEERS("through_pipes", false, "_in_a_storm", 1000, 0),
        PEERS("through_pipes", false, "_in_a_storm_SA_RESTART", 1000, SA_RESTART),
        PEERS("through_a_socketpair", true, "", 0, 0),
        PEERS("through_a_socketpair", true, "_in_a_storm", 1000, 0),
        PEERS("through_a_socketpair", true, "_in_a_storm_SA_RESTART", 1000, SA_RESTART),
        cmocka_unit_test(python_takes_a_negative_length_for_0_and_an_end_behind_a_length_for_a_good_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
