/* inherited - what a child gets from its parent, and what not.
 *
 * usage: inherited [-h]
 *
 * Linux only: timerfd, /proc.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "../01-blocking-pipe/child.h"
#include "../01-blocking-pipe/tick.h"
#include "../02-broken-by-sigalrm/alarm.h"
#include "threads.h"

static const char about[] =
    "Forks with timers, signals and a thread; what has the child?";

// § A timer that sends signals, and one that is a file
static int timer_fd;

static void start_timers(void)
{
    struct itimerspec often = {.it_value = {.tv_nsec = 1000000},
                               .it_interval = {.tv_nsec = 1000000}};

    catch_alarm(alarm_line, 0);
    alarm_every(60 * 1000000);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (timer_fd == -1 || timerfd_settime(timer_fd, 0, &often, NULL) == -1)
        err(1, "timerfd");
}

// § A pending signal
static void leave_pending(int sig)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, sig);
    if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
        err(1, "sigprocmask");
    if (kill(getpid(), sig) == -1)
        err(1, "kill");
}

// § A thread
static void *sleep_on(void *unused)
{
    for (;;)
        pause();
    return unused;
}

static void start_thread(void)
{
    pthread_t thread;

    errno = pthread_create(&thread, NULL, sleep_on, NULL);
    if (errno != 0)
        err(1, "pthread_create");
}

// § What a process has
struct holdings {
    bool alarm_timer, timerfd, handler, blocked, pending;
    int threads;
};

// § Asking for it
static void look(struct holdings *has)
{
    struct itimerval timer;
    struct sigaction sa;
    sigset_t blocked, pending;
    uint64_t ticks;

    getitimer(ITIMER_REAL, &timer);
    sigaction(SIGALRM, NULL, &sa);
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    sigpending(&pending);
    has->alarm_timer = timer.it_value.tv_sec > 0;
    has->timerfd = read(timer_fd, &ticks, sizeof ticks) == sizeof ticks;
    has->handler = sa.sa_handler == alarm_line;
    has->blocked = sigismember(&blocked, SIGUSR1) == 1;
    has->pending = sigismember(&pending, SIGUSR1) == 1;
    has->threads = thread_count();
}

// § Side by side
static void say_row(const char *what, bool parent, bool child)
{
    say("%-24s %-8s %s", what, parent ? "yes" : "no", child ? "yes" : "no");
}

static void say_table(const struct holdings *parent,
                      const struct holdings *child)
{
    say("%-24s parent   child", "");
    say_row("handler for SIGALRM", parent->handler, child->handler);
    say_row("SIGUSR1 blocked", parent->blocked, child->blocked);
    say_row("SIGUSR1 pending", parent->pending, child->pending);
    say_row("setitimer is running", parent->alarm_timer, child->alarm_timer);
    say_row("timerfd is running", parent->timerfd, child->timerfd);
    say("%-24s %-8d %d", "threads", parent->threads, child->threads);
}

// § One memory for both
int main(int argc, char *argv[])
{
    struct holdings *has;
    pid_t pid;

    program_start(argc, argv, about);
    has = mmap(NULL, 2 * sizeof *has, PROT_READ | PROT_WRITE,
               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (has == MAP_FAILED)
        err(1, "mmap");
    start_timers();
    leave_pending(SIGUSR1);
    start_thread();
    pid = fork();
    if (pid == -1)
        err(1, "fork");
    if (pid == 0) {
        look(&has[1]);
        _exit(0);
    }
    look(&has[0]);
    if (child_end(pid, 0) != 0)
        return 1;
    say_table(&has[0], &has[1]);
    return 0;
}
