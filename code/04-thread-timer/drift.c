/* drift - five ways to do something every 10 ms, and how late they become.
 *
 * usage: drift [-h]
 * contract: forks
 */
#define _GNU_SOURCE /* pipe2 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "../01-blocking-pipe/child.h"
#include "../01-blocking-pipe/tick.h"
#include "../02-broken-by-sigalrm/alarm.h"
#include "timer.h"

static const char about[] =
    "Ticks every 10 ms, made in five ways, each with 0.3 ms of work.";

// § Ten milliseconds
enum { MS = 1000000, SECOND = 1000 * MS }; /* in nanoseconds */
enum { PERIOD = 10 * MS, WORK = 3 * MS / 10, TICKS = 240 };

static const struct timespec period = {.tv_nsec = PERIOD};

static int64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

// § A call that fails
/* Every way runs in a child: _exit, and not exit. */
static void check(int result, const char *call)
{
    if (result == -1) {
        warn("%s", call);
        _exit(1);
    }
}

// § A tick, and how late it is
static int64_t start, ticks, lateness[TICKS];

static void tick(int64_t expirations)
{
    int64_t began = now();

    for (; expirations > 0 && ticks < TICKS; expirations--) {
        int64_t due = start + (ticks + 1) * PERIOD;
        lateness[ticks++] = began - due;
    }
    while (now() < began + WORK)
        ;
}

// § Sleep and work
static void sleep_loop(void)
{
    while (ticks < TICKS) {
        check(nanosleep(&period, NULL), "nanosleep");
        tick(1);
    }
}

// § Armed anew when it rings
static void await_alarm(void)
{
    sigset_t none;

    sigemptyset(&none);
    sigsuspend(&none); /* SIGALRM is blocked at all other times */
}

static void one_shots(void)
{
    struct itimerval once = {.it_value = {.tv_usec = PERIOD / 1000}};

    check(setitimer(ITIMER_REAL, &once, NULL), "setitimer");
    while (ticks < TICKS) {
        await_alarm();
        check(setitimer(ITIMER_REAL, &once, NULL), "setitimer");
        tick(1);
    }
}

// § Sleep until a deadline
static void deadlines(void)
{
    while (ticks < TICKS) {
        int64_t due = start + (ticks + 1) * PERIOD;
        struct timespec until = {.tv_sec = (time_t)(due / SECOND),
                                 .tv_nsec = (long)(due % SECOND)};
        errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        check(errno == 0 ? 0 : -1, "clock_nanosleep");
        tick(1);
    }
}

// § The timer of this chapter
static sem_t done;

static void on_timer(void *unused, unsigned long expirations)
{
    (void)unused;
    tick((int64_t)expirations);
    if (ticks == TICKS)
        sem_post(&done);
}

static void thread_timer(void)
{
    timer *t;

    check(sem_init(&done, 0, 0), "sem_init");
    check(timer_start(&t, PERIOD, on_timer, NULL), "timer_start");
    check(timer_stop(t), "timer_stop"); /* for nothing: a first call is slow */
    start = now();
    check(timer_start(&t, PERIOD / 1000, on_timer, NULL), "timer_start");
    check(sem_wait(&done), "sem_wait");
    check(timer_stop(t), "timer_stop");
}

// § An interval of the kernel's
static void interval(void)
{
    alarm_every(PERIOD / 1000);
    while (ticks < TICKS) {
        await_alarm();
        tick((now() - start) / PERIOD - ticks); /* signals may have merged */
    }
}

// § Drift without noise
static double in_ms(int64_t ns)
{
    return (double)ns / 1e6;
}

/* Noise of the machine makes ticks later, never earlier: so the least late of
 * the 40 that follow tells how late all of them are. */
static double drift_after(int count)
{
    int64_t least = lateness[count];

    for (int i = 1; i < 40; i++)
        if (lateness[count + i] < least)
            least = lateness[count + i];
    return in_ms(least);
}

// § What the parent gets
enum { WAYS = 5 };

struct result {
    int way;
    double drift[3]; /* in milliseconds, after 50, 100 and 200 ticks */
};

// § Five ways
static const struct way {
    const char *name;
    void (*run)(void);
} ways[WAYS] = {
    {"nanosleep in a loop", sleep_loop},
    {"one-shot timer, armed when it rings", one_shots},
    {"clock_nanosleep to a deadline", deadlines},
    {"timer_start of this chapter", thread_timer},
    {"setitimer with an interval", interval},
};

// § No alarm but in sigsuspend
static void nothing(int sig)
{
    (void)sig; /* sigsuspend returns, and that is all */
}

static void block_alarm(void)
{
    sigset_t alarm_only;

    catch_alarm(nothing, 0);
    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    check(sigprocmask(SIG_BLOCK, &alarm_only, NULL), "sigprocmask");
}

// § One child for each way
/* The children begin one after the other, so that their ticks do not coincide
 * and their work does not hold up that of others. */
static int child(int way, int wfd)
{
    struct timespec turn = {.tv_nsec = way * PERIOD / WAYS};
    struct result r = {.way = way};

    block_alarm();
    check(nanosleep(&turn, NULL), "nanosleep");
    start = now();
    ways[way].run();
    for (int i = 0; i < 3; i++)
        r.drift[i] = drift_after(50 << i);
    return write(wfd, &r, sizeof r) == sizeof r ? 0 : 1;
}

// § The table
static void say_table(int rfd)
{
    struct result all[WAYS] = {{0}}, r;

    while (read(rfd, &r, sizeof r) == sizeof r)
        all[r.way] = r;
    say("%-36s %26s", "drift in ms after", "50 ticks      100      200");
    for (int i = 0; i < WAYS; i++)
        if (all[i].drift[2] > 0)
            say("%-36s %8.2f %8.2f %8.2f", ways[i].name, all[i].drift[0],
                all[i].drift[1], all[i].drift[2]);
}

// § All at the same time
int main(int argc, char *argv[])
{
    pid_t pid[WAYS];
    int fd[2], status = 0;

    program_start(argc, argv, about);
    if (pipe2(fd, O_CLOEXEC) == -1)
        err(1, "pipe");
    for (int i = 0; i < WAYS; i++) {
        pid[i] = fork();
        if (pid[i] == -1)
            err(1, "fork");
        if (pid[i] == 0)
            _exit(child(i, fd[1]));
    }
    close(fd[1]);
    say_table(fd[0]);
    for (int i = 0; i < WAYS; i++)
        status |= child_end(pid[i], 0);
    return status;
}
