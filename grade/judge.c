/* judge.c - see judge.h. Linux only: prctl and getrandom.
 *
 * It sends and receives with send(2) and recv(2): read and write may be
 * wrapped. */
#include "judge.h"

#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    SECONDS = 60,
    SECRET = 32,
    TEXT = 1000,
    LINES_SHOWN = 10,
    SOCKET_FROM = 20 /* below it are the descriptors that programs count on */
};

/* ---- in a test's process */

static int verdict_fd = -1;

static void say(const char *what, const char *text, const char *more)
{
    dprintf(verdict_fd, "%s: %s%s\n", what, text, more);
}

void wrong(const char *format, ...)
{
    char text[TEXT], planted[TEXT] = "";
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (tell_what_was_planted != NULL)
        tell_what_was_planted(planted, sizeof planted);
    say("wrong", text, planted);
    _exit(1);
}

void note(const char *format, ...)
{
    char text[TEXT];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    say("note", text, "");
}

void die_with_parent(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void run_one(const struct test *test, int fd)
{
    char secret[SECRET + 1] = "";
    pid_t self = getpid();

    verdict_fd = fd;
    setvbuf(stdout, NULL, _IONBF, 0); /* nothing printed is lost by _exit */
    recv(fd, secret, SECRET, MSG_WAITALL);
    test->body();
    if (getpid() != self)
        wrong("your code called fork, and came back twice.");
    say("passed", secret, "");
    _exit(0); /* and no function of atexit is called */
}

/* ---- the judge: starting a test's process */

/* What has come through a socket: the first part of it, with a 0 at its end. */
struct text {
    int fd;
    size_t size;
    char bytes[4 * TEXT];
};

/* A test, while it runs and when it is over. */
struct run {
    pid_t pid;
    int status;
    bool in_time;
    char secret[SECRET + 1];
    struct text said, printed; /* by its harness, and on stdout and stderr */
};

/* Whatever has been ignored or blocked by whoever started the judge. */
static void reset_signals(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};

    for (int i = 1; i <= SIGRTMAX; i++)
        sigaction(i, &action, NULL);
    sigprocmask(SIG_SETMASK, &action.sa_mask, NULL); /* it is empty */
}

static void limit_test(void)
{
    struct rlimit none = {0, 0}, stack = {8 << 20, 8 << 20};
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    setrlimit(RLIMIT_CORE, &none);
    setrlimit(RLIMIT_STACK, &stack);
    sigaction(SIGPIPE, &ignore, NULL);
}

static void become_test(const char *program, const char *name, int fd,
                        int printed)
{
    char number[16];

    setpgid(0, 0);
    die_with_parent();
    limit_test();
    for (int i = 3; i < 1024; i++)
        fcntl(i, F_SETFD, i == fd ? 0 : FD_CLOEXEC);
    dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
    dup2(printed, 1);
    dup2(printed, 2);
    snprintf(number, sizeof number, "%d", fd);
    execl(program, program, "-t", name, number, (char *)NULL);
    dprintf(fd, "wrong: cannot start %s: %s\n", program, strerror(errno));
    _exit(1);
}

static void make_secret(char secret[SECRET + 1])
{
    unsigned char bytes[SECRET / 2];

    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        err(1, "getrandom");
    for (size_t i = 0; i < sizeof bytes; i++)
        sprintf(secret + 2 * i, "%02x", bytes[i]);
}

/* A pair of sockets, above the descriptors that programs count on. */
static void make_sockets(int fd[2])
{
    int low[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, low) == -1)
        err(1, "socketpair");
    for (int i = 0; i < 2; i++) {
        fd[i] = fcntl(low[i], F_DUPFD_CLOEXEC, SOCKET_FROM);
        if (fd[i] == -1)
            err(1, "fcntl");
        close(low[i]);
    }
}

static void start(struct run *r, const char *program, const char *name)
{
    int said[2], printed[2];

    make_sockets(said);
    make_sockets(printed);
    make_secret(r->secret);
    r->pid = fork();
    if (r->pid == -1)
        err(1, "fork");
    if (r->pid == 0)
        become_test(program, name, said[1], printed[1]);
    close(said[1]);
    close(printed[1]);
    r->said.fd = said[0];
    r->printed.fd = printed[0];
    send(r->said.fd, r->secret, SECRET, MSG_NOSIGNAL);
}

/* ---- the judge: waiting for its end */

static long long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Collects what has come, and throws away what there is no room for. Returns
 * false at the end. */
static bool collect(struct text *t)
{
    char part[TEXT];
    size_t room = sizeof t->bytes - 1 - t->size;
    ssize_t n = recv(t->fd, part, sizeof part, MSG_DONTWAIT);

    if (n > 0) {
        memcpy(t->bytes + t->size, part, (size_t)n < room ? (size_t)n : room);
        t->size += (size_t)n < room ? (size_t)n : room;
    }
    return n > 0 || (n == -1 && (errno == EAGAIN || errno == EINTR));
}

/* Collects what the test's processes say and print until each of them has
 * ended. Returns false if the time is up before. */
static bool listen_until(struct run *r, long long deadline)
{
    for (;;) {
        struct pollfd p[2] = {{.fd = r->said.fd, .events = POLLIN},
                              {.fd = r->printed.fd, .events = POLLIN}};
        long long left = deadline - now_ms();
        int ready = left > 0 ? poll(p, 2, (int)left) : 0;
        if (ready == 0)
            return false;
        if (ready > 0 && p[1].revents != 0 && !collect(&r->printed))
            r->printed.fd = -1; /* poll leaves it out */
        if (ready > 0 && p[0].revents != 0 && !collect(&r->said))
            return true;
    }
}

/* Ends the processes that a test has left behind. They are children of this
 * one now, since it is a subreaper. */
static void end_the_rest(void)
{
    char path[64], word[16];
    int ended;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    do {
        FILE *children = fopen(path, "re");
        ended = 0;
        while (children != NULL && fscanf(children, "%15s", word) == 1) {
            pid_t pid = (pid_t)strtol(word, NULL, 10);
            kill(pid, SIGKILL);
            ended += waitpid(pid, NULL, 0) == pid;
        }
        if (children != NULL)
            fclose(children);
    } while (ended > 0);
}

static void finish(struct run *r, long long deadline)
{
    int printed = r->printed.fd;

    r->in_time = listen_until(r, deadline);
    if (!r->in_time)
        kill(r->pid, SIGKILL);
    waitpid(r->pid, &r->status, 0);
    kill(-r->pid, SIGKILL);
    end_the_rest();
    for (int i = 0; i < 8 && r->printed.fd != -1; i++)
        collect(&r->printed); /* what came last */
    close(r->said.fd);
    close(printed);
}

/* ---- the judge: the verdict */

/* Copies what comes after `what` in the next line that begins with it, from *at
 * on, and moves *at behind that line. False if there is none. */
static bool said(const char **at, const char *what, char *text, size_t size)
{
    size_t length = strlen(what);

    while (**at != '\0') {
        const char *line = *at;
        int n = (int)strcspn(line, "\n");
        *at += n + (line[n] == '\n');
        if (strncmp(line, what, length) != 0)
            continue;
        snprintf(text, size, "%.*s", n - (int)length, line + length);
        return true;
    }
    return false;
}

/* What is wrong; false if nothing is. */
static bool find_fault(const struct run *r, int seconds, char *text,
                       size_t size)
{
    const char *at = r->said.bytes, *all = r->said.bytes;
    char secret[SECRET + 1] = "";
    int status = r->status;

    if (said(&at, "wrong: ", text, size))
        return true;
    if (!r->in_time)
        snprintf(text, size, "still running after %d seconds: a loop that "
                 "never ends, or a call that waits for ever.", seconds);
    else if (WIFSIGNALED(status))
        snprintf(text, size, "your code crashed: signal %d (%s).",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    else if (!said(&all, "passed: ", secret, sizeof secret) ||
             strcmp(secret, r->secret) != 0 || status != 0)
        snprintf(text, size, "your function ended the whole process (exit "
                 "status %d): a function returns, it does not exit.",
                 WEXITSTATUS(status));
    else
        return false;
    return true;
}

/* The first lines of what a test has printed. No control character in it
 * reaches the terminal. */
static void show_printed(char *text)
{
    char *line = strtok(text, "\n");

    for (int i = 0; line != NULL; i++, line = strtok(NULL, "\n")) {
        for (char *c = line; *c != '\0'; c++)
            *c = isprint((unsigned char)*c) ? *c : '?';
        printf("        it printed: %.100s\n", i < LINES_SHOWN ? line : "...");
        if (i == LINES_SHOWN)
            break;
    }
}

/* Runs a test, and says how it went. */
static bool judge(const char *program, const char *name, int seconds)
{
    struct run r = {.pid = 0};
    const char *at = r.said.bytes;
    char text[2 * TEXT];
    bool failed;

    start(&r, program, name);
    finish(&r, now_ms() + seconds * 1000LL);
    failed = find_fault(&r, seconds, text, sizeof text);
    printf("%s%s\n", failed ? "FAILED  " : "ok      ", name);
    if (failed)
        printf("        %s\n", text);
    while (said(&at, "note: ", text, sizeof text))
        printf("        %s\n", text);
    if (failed)
        show_printed(r.printed.bytes);
    fflush(stdout);
    return !failed;
}

/* The seconds that the next test may take: 0 if there are none left. */
static int seconds_left(int limit, long long deadline)
{
    long long left = (deadline - now_ms() + 999) / 1000;
    int third = (limit + 2) / 3;

    return left <= 0 ? 0 : left < third ? (int)left : third;
}

static int judge_all(const char *program, const struct test *tests, size_t n)
{
    const char *text = getenv("LIMIT"), *first = NULL;
    int asked = text != NULL ? (int)strtol(text, NULL, 10) : 0;
    int limit = asked > 0 ? asked : SECONDS;
    long long deadline = now_ms() + limit * 1000LL;
    size_t passed = 0;

    for (size_t i = 0; i < n; i++) {
        int seconds = seconds_left(limit, deadline);
        if (seconds > 0 && judge(program, tests[i].name, seconds)) {
            passed++;
            continue;
        }
        if (seconds == 0)
            printf("FAILED  %s\n        not run: the %d seconds for all tests "
                   "are over.\n", tests[i].name, limit);
        if (first == NULL)
            first = tests[i].name;
    }
    printf("passed %zu of %zu%s%s\n", passed, n,
           first != NULL ? "; first to look at: " : "",
           first != NULL ? first : "");
    return passed == n ? 0 : 1;
}

/* ---- the program */

static const struct test *find(const struct test *tests, size_t n,
                               const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(tests[i].name, name) == 0)
            return &tests[i];
    errx(2, "there is no test %s (LIST=1 prints their names)", name);
}

/* Descriptors 0 to 2 are open from here on. */
static void prepare_judge(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= 2);
    if (fd > 2)
        close(fd);
    reset_signals();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

int run_tests(const struct test *tests, size_t count, int argc, char **argv)
{
    const char *only = getenv("TEST");

    if (argc == 4 && strcmp(argv[1], "-t") == 0)
        run_one(find(tests, count, argv[2]),
                (int)strtol(argv[3], NULL, 10));
    if (argc > 2 || (argc == 2 && argv[1][0] == '-'))
        errx(2, "usage: [TEST=NAME] [LIST=1] [LIMIT=SECONDS] %s [PROGRAM]",
             argv[0]);
    if (getenv("LIST") != NULL) {
        for (size_t i = 0; i < count; i++)
            puts(tests[i].name);
        return 0;
    }
    prepare_judge();
    if (only != NULL && only[0] != '\0') {
        tests = find(tests, count, only);
        count = 1;
    }
    return judge_all(argc == 2 ? argv[1] : "/proc/self/exe", tests, count);
}
