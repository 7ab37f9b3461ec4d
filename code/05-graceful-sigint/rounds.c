/* rounds.c - see rounds.h. */
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rounds.h"

static timer_t timer;
static pthread_t main_thread, watchdog;
static atomic_int current_round; /* counted from 1; 0: no round */
static atomic_bool barked, over;

static void *watch(void *unused);

int rounds_wanted(void)
{
    const char *text = getenv("WAIT_ROUNDS");
    long rounds;

    if (text == NULL)
        return 5000;
    rounds = strtol(text, NULL, 10);
    if (strspn(text, "0123456789") != strlen(text) || rounds < 1 ||
        rounds > 10000000)
        errx(2,
             "WAIT_ROUNDS is '%s': expected a whole number from 1 to 10000000",
             text);
    return (int)rounds;
}

static void wake(int sig)
{
    (void)sig;
}

/* With every signal blocked in it, so that SIGINT goes to the main thread. */
static void start_watchdog(void)
{
    struct sigaction sa = {.sa_handler = wake};
    sigset_t all, old;

    main_thread = pthread_self();
    sigemptyset(&sa.sa_mask);
    if (sigaction(SIGALRM, &sa, NULL) == -1)
        err(1, "sigaction");
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    errno = pthread_create(&watchdog, NULL, watch, NULL);
    if (errno != 0)
        err(1, "pthread_create");
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void rounds_prepare(void)
{
    struct sigevent sigint = {.sigev_notify = SIGEV_SIGNAL,
                              .sigev_signo = SIGINT};

    if (timer_create(CLOCK_MONOTONIC, &sigint, &timer) == -1)
        err(1, "timer_create");
    start_watchdog();
}

void rounds_finish(void)
{
    over = true;
    pthread_join(watchdog, NULL);
    if (timer_delete(timer) == -1)
        err(1, "timer_delete");
}

static double now_ns(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) == -1)
        err(1, "clock_gettime");
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

double rounds_cost(void (*wait)(void))
{
    const int averages = 100, rounds = 100;
    double lowest = 1e18;

    for (int i = 0; i < averages; i++) {
        double start = now_ns(), average;
        for (int j = 0; j < rounds; j++) {
            if (kill(getpid(), SIGINT) == -1)
                err(1, "kill");
            wait();
        }
        average = (now_ns() - start) / rounds;
        lowest = average < lowest ? average : lowest;
    }
    return lowest;
}

/* The state letter stands behind the name, in parentheses. */
static bool main_is_asleep(void)
{
    char line[512] = "", *name_end = NULL;
    FILE *stat = fopen("/proc/self/stat", "r");

    if (stat == NULL)
        err(1, "/proc/self/stat");
    if (fgets(line, sizeof line, stat) != NULL)
        name_end = strrchr(line, ')');
    fclose(stat);
    return name_end != NULL && strncmp(name_end, ") S", 3) == 0;
}

/* Once the timer has fired, it has no time left; before, at least 1 ns. */
static bool sigint_was_sent(void)
{
    struct itimerspec left;

    if (timer_gettime(timer, &left) == -1)
        err(1, "timer_gettime");
    return left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0;
}

// § A signal, soon
static void sigint_soon(void)
{
    static unsigned seed = 1;
    struct itimerspec soon = {0};

    seed = seed * 1103515245 + 12345;
    soon.it_value.tv_nsec = 1000 + (long)(seed >> 16) % 12000;
    if (timer_settime(timer, 0, &soon, NULL) == -1)
        err(1, "timer_settime");
}

// § Many rounds
int rounds_hung(int rounds, void (*wait)(void))
{
    int hung = 0;

    for (int i = 1; i <= rounds; i++) {
        barked = false;
        current_round = i;
        sigint_soon();
        wait();
        hung += barked;
    }
    current_round = 0;
    return hung;
}

// § A watchdog
/* Found asleep three times in one round, each time after SIGINT was sent:
 * nobody else will wake it. A thread that waits for a processor is not asleep.
 */
static void *watch(void *unused)
{
    const struct timespec ms2 = {.tv_nsec = 2000000};
    int seen = 0, times = 0;

    (void)unused;
    for (; !over; clock_nanosleep(CLOCK_MONOTONIC, 0, &ms2, NULL)) {
        int now = current_round;
        times = now == seen ? times : 0;
        seen = now;
        if (now == 0 || !sigint_was_sent() || !main_is_asleep() || ++times < 3)
            continue;
        times = 0;
        barked = true;
        pthread_kill(main_thread, SIGALRM);
    }
    return NULL;
}
