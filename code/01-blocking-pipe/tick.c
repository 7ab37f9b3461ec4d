/* tick.c - see tick.h. Linux only in one place: leave_with_parent uses
 * prctl(2). */
#define _GNU_SOURCE /* program_invocation_short_name */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
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

static void set_disposition(int sig, void (*disposition)(int))
{
    struct sigaction sa = {.sa_handler = disposition};

    sigemptyset(&sa.sa_mask);
    if (sigaction(sig, &sa, NULL) == -1)
        err(1, "sigaction");
}

static void reset_signals(void)
{
    sigset_t unblock;

    set_disposition(SIGPIPE, SIG_IGN);
    set_disposition(SIGCHLD, SIG_DFL);
    sigemptyset(&unblock);
    sigaddset(&unblock, SIGALRM);
    sigaddset(&unblock, SIGINT);
    sigaddset(&unblock, SIGTERM);
    sigaddset(&unblock, SIGHUP);
    if (sigprocmask(SIG_UNBLOCK, &unblock, NULL) == -1)
        err(1, "sigprocmask");
}

static void print_usage(const char *about)
{
    say("usage: %s [-h]\n\n%s\n\n"
        "environment: TICK_MS, the length of a tick in milliseconds (1 to %d; "
        "default %d)",
        program_invocation_short_name, about, TICK_MS_MAX, TICK_MS_DEFAULT);
    exit(0);
}

static void read_arguments(int argc, char *argv[], const char *about)
{
    if (argc > 1 && strcmp(argv[1], "-h") == 0)
        print_usage(about);
    if (argc > 1)
        errx(2,
             "unexpected argument '%s': this program takes none (-h for help)",
             argv[1]);
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
        errx(2, "TICK_MS is '%s': expected a whole number from 1 to %d", text,
             TICK_MS_MAX);
    ms_per_tick = (int)ms;
}

void program_start(int argc, char *argv[], const char *about)
{
    main_pid = getpid();
    open_missing_descriptors();
    reset_signals();
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
        if (n == -1 && errno != EINTR) {
            warn("stdout");
            _exit(stdout_lost_status());
        }
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
