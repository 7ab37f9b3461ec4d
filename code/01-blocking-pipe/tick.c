/* tick.c - see tick.h. Linux only in one place: leave_with_parent uses
 * prctl(2). */
#define _GNU_SOURCE /* program_invocation_short_name */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "tick.h"

enum { TICK_MS_DEFAULT = 1000, TICK_MS_MAX = 60000 };

static int ms_per_tick = TICK_MS_DEFAULT;
static struct timespec clock_start;
static pid_t main_pid;

/* open(2) takes the lowest free number, so three opens in a row fill the gaps
 * among 0 to 2, if there are any. */
static void open_missing_descriptors(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR);
        if (fd == -1)
            err(1, "open /dev/null");
    } while (fd <= STDERR_FILENO);
    close(fd);
}

/* exec leaves a signal either ignored or at its default. So a handler found
 * here is not inherited: a sanitizer in this process has installed it. The two
 * or three signals that the C library keeps for itself are EINVAL. */
static void stop_ignoring(int sig)
{
    struct sigaction sa;

    if (sigaction(sig, NULL, &sa) == -1 || sa.sa_handler != SIG_IGN)
        return;
    sa.sa_handler = SIG_DFL;
    if (sigaction(sig, &sa, NULL) == -1)
        err(1, "sigaction");
}

/* The mask comes last: a pending signal is delivered there. */
static void reset_signals(const sigset_t *kept)
{
    sigset_t none;

    for (int sig = 1; sig <= SIGRTMAX; sig++)
        if (sigismember(kept, sig) == 0)
            stop_ignoring(sig);
    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) == -1)
        err(1, "sigprocmask");
}

void ordinary_start(const sigset_t *kept)
{
    open_missing_descriptors();
    reset_signals(kept);
}

/* What a shell without job control ignores for a command in the background,
 * and what nohup(1) ignores: somebody wished it for this very program. */
static void start_as_wished(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t kept;

    sigemptyset(&kept);
    sigaddset(&kept, SIGINT);
    sigaddset(&kept, SIGQUIT);
    sigaddset(&kept, SIGHUP);
    sigaddset(&kept, SIGPIPE);
    if (sigaction(SIGPIPE, &ignore, NULL) == -1)
        err(1, "sigaction");
    ordinary_start(&kept);
}

static void print_usage(const char *about)
{
    say("usage: %s [-h]\n\n%s\n\n"
        "environment: TICK_MS, the length of a tick in milliseconds (1 to %d; "
        "default %d)",
        program_invocation_short_name, about, TICK_MS_MAX, TICK_MS_DEFAULT);
    exit(0);
}

/* Puts `text` in quotes, on one line: what a terminal would not print as it is
 * becomes an octal escape, and what is too long ends in dots. */
static const char *quoted(const char *text)
{
    static char line[256];
    size_t used = 1;

    line[0] = '\'';
    for (; *text != '\0' && used < sizeof line - 10; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = c >= ' ' && c < 0x7f && c != '\\';
        used += (size_t)sprintf(line + used, plain ? "%c" : "\\%03o", c);
    }
    strcpy(line + used, *text == '\0' ? "'" : "...'");
    return line;
}

static void read_arguments(int argc, char *argv[], const char *about)
{
    if (argc > 1 && strcmp(argv[1], "-h") == 0)
        print_usage(about);
    if (argc > 1)
        errx(2, "unexpected argument %s: this program takes none (-h for help)",
             quoted(argv[1]));
}

/* strtol(3) would take blanks and signs too; only digits will do. */
static void read_tick_ms(void)
{
    const char *text = getenv("TICK_MS");
    char *end = NULL;
    long ms;

    if (text == NULL)
        return;
    ms = strtol(text, &end, 10);
    if (text[0] == '\0' || strspn(text, "0123456789") != strlen(text) ||
        ms < 1 || ms > TICK_MS_MAX)
        errx(2, "TICK_MS is %s: expected a whole number from 1 to %d",
             quoted(text), TICK_MS_MAX);
    ms_per_tick = (int)ms;
}

void program_start(int argc, char *argv[], const char *about)
{
    main_pid = getpid();
    start_as_wished();
    read_arguments(argc, argv, about);
    read_tick_ms();
    if (clock_gettime(CLOCK_MONOTONIC, &clock_start) == -1)
        err(1, "clock_gettime");
}

int tick_ms(void)
{
    return ms_per_tick;
}

double tick_now(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) == -1)
        err(1, "clock_gettime");
    return ((double)(now.tv_sec - clock_start.tv_sec) * 1e3 +
            (double)(now.tv_nsec - clock_start.tv_nsec) / 1e6) /
           ms_per_tick;
}

void sleep_until_tick(double tick)
{
    struct timespec until = clock_start;
    long long ns = until.tv_nsec + (long long)(tick * ms_per_tick * 1e6);
    int error;

    until.tv_sec += (time_t)(ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    while ((error = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until,
                                    NULL)) == EINTR)
        ;
    if (error != 0) {
        errno = error; /* this call returns it instead */
        err(1, "clock_nanosleep");
    }
}

static int stdout_lost_status(void)
{
    return getpid() == main_pid ? 1 : EXIT_STDOUT_LOST;
}

/* After a failed write to stdout: is there a reason to try again? EAGAIN is
 * one, although nobody here has asked for it. Whoever shares our stdout can
 * make it non-blocking; then we wait for room ourselves. */
static bool stdout_goes_on(void)
{
    struct pollfd room = {.fd = STDOUT_FILENO, .events = POLLOUT};

    if (errno == EAGAIN)
        return poll(&room, 1, -1) != -1 || errno == EINTR;
    return errno == EINTR;
}

/* Of several threads that fail here at once, one speaks; the others wait for
 * the end that it brings. */
static void stdout_lost(void)
{
    static atomic_flag told = ATOMIC_FLAG_INIT;
    int error = errno;

    while (atomic_flag_test_and_set(&told))
        pause();
    errno = error;
    warn("stdout");
    _exit(stdout_lost_status());
}

/* One line, one write(2), and not stdio: a signal that comes in between would
 * make stdio lose what it has buffered. */
void say(const char *format, ...)
{
    char line[1024];
    size_t size, done = 0;
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    size = strlen(line);
    line[size++] = '\n';
    while (done < size) {
        ssize_t n = write(STDOUT_FILENO, line + done, size - done);
        if (n == -1 && !stdout_goes_on())
            stdout_lost();
        if (n > 0)
            done += (size_t)n;
    }
}

/* strerror(3) is not async-signal-safe, so the two likely reasons are spelled
 * out. */
void stdout_lost_from_handler(void)
{
    const char *reason = errno == EPIPE ? ": stdout: Broken pipe\n"
                         : errno == ENOSPC
                             ? ": stdout: No space left on device\n"
                             : ": stdout: write failed\n";
    char line[128];
    size_t name_length = strlen(program_invocation_short_name);

    if (name_length > 64)
        name_length = 64;
    memcpy(line, program_invocation_short_name, name_length);
    memcpy(line + name_length, reason, strlen(reason));
    if (write(STDERR_FILENO, line, name_length + strlen(reason)) == -1)
        _exit(stdout_lost_status()); /* nobody left to tell */
    _exit(stdout_lost_status());
}

void leave_with_parent(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1) {
        warn("prctl");
        _exit(1); /* and not exit, since this is a child */
    }
    if (getppid() != parent) /* it ended before prctl could take effect */
        _exit(1);
}
