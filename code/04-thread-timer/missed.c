/* missed - what becomes of ticks that nobody takes.
 *
 * usage: missed [-h]
 *
 * Linux only: timerfd.
 */
#include <err.h>
#include <signal.h>
#include <stdint.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "../01-blocking-pipe/tick.h"
#include "../02-broken-by-sigalrm/alarm.h"

static const char about[] =
    "Three timers ring five times each, and only then does anybody look.";

// § Two signals, counted
static volatile sig_atomic_t alarms, usr1s;

static void count(int sig)
{
    if (sig == SIGALRM)
        alarms++;
    else
        usr1s++;
}

// § Both blocked
static sigset_t block_both(void)
{
    struct sigaction sa = {.sa_handler = count};
    sigset_t both, old;

    sigemptyset(&sa.sa_mask);
    if (sigaction(SIGALRM, &sa, NULL) == -1 ||
        sigaction(SIGUSR1, &sa, NULL) == -1)
        err(1, "sigaction");
    sigemptyset(&both);
    sigaddset(&both, SIGALRM);
    sigaddset(&both, SIGUSR1);
    if (sigprocmask(SIG_BLOCK, &both, &old) == -1)
        err(1, "sigprocmask");
    return old;
}

// § Three timers
static timer_t posix_timer;
static int timer_fd;

static void make_timers(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
                             .sigev_signo = SIGUSR1};

    if (timer_create(CLOCK_MONOTONIC, &event, &posix_timer) == -1)
        err(1, "timer_create");
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (timer_fd == -1)
        err(1, "timerfd_create");
}

// § All at the same beat
static void start_timers(void)
{
    struct timespec tick = {.tv_sec = tick_ms() / 1000,
                            .tv_nsec = tick_ms() % 1000 * 1000000L};
    struct itimerspec every = {.it_value = tick, .it_interval = tick};

    alarm_every(tick_ms() * 1000); /* setitimer */
    if (timer_settime(posix_timer, 0, &every, NULL) == -1)
        err(1, "timer_settime");
    if (timerfd_settime(timer_fd, 0, &every, NULL) == -1)
        err(1, "timerfd_settime");
}

// § Five and a half ticks later
static uint64_t look(const sigset_t *unblocked)
{
    sigset_t blocked;
    uint64_t ticks;

    alarms = usr1s = 0;
    if (read(timer_fd, &ticks, sizeof ticks) == -1)
        err(1, "read");
    if (sigprocmask(SIG_SETMASK, unblocked, &blocked) == -1 ||
        sigprocmask(SIG_SETMASK, &blocked, NULL) == -1)
        err(1, "sigprocmask");
    return ticks;
}

// § The count
int main(int argc, char *argv[])
{
    uint64_t ticks;
    sigset_t unblocked;
    double start;

    program_start(argc, argv, about);
    unblocked = block_both();
    make_timers();
    do {
        start = tick_now();
        start_timers();
        sleep_until_tick(start + 5.5);
        ticks = look(&unblocked);
    } while (tick_now() >= start + 6); /* woken too late: once more */
    say("setitimer:    %d signal", (int)alarms);
    say("timer_create: %d signal, and timer_getoverrun says %d", (int)usr1s,
        timer_getoverrun(posix_timer));
    say("timerfd:      %d ticks in one read", (int)ticks);
    return 0;
}
