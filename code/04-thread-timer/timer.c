/* timer.c - see timer.h. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "timer.h"

// § What a timer is
struct timer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake; /* signaled by timer_stop, and by nobody else */
    bool stopping;       /* with the lock held */
    long long deadline;  /* of the next call, in ns of CLOCK_MONOTONIC */
    long long period;    /* in ns */
    void (*callback)(void *arg, unsigned long expirations);
    void *arg;
};

// § The clock
enum { NS_PER_US = 1000, NS_PER_S = 1000000000 };

static long long now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail for this clock */
    return (long long)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static struct timespec timespec_of(long long ns)
{
    struct timespec t = {.tv_sec = (time_t)(ns / NS_PER_S),
                         .tv_nsec = (long)(ns % NS_PER_S)};

    return t;
}

// § Waiting for the deadline
/* Returns true at the deadline, false if the timer is to stop. What decides is
 * the state of things, not what woke us: a condition variable may wake its
 * waiter for no reason at all. The wait gives the lock back. */
static bool wait_for_deadline(timer *t)
{
    struct timespec until = timespec_of(t->deadline);

    while (!t->stopping && now() < t->deadline)
        pthread_cond_timedwait(&t->wake, &t->lock, &until);
    return !t->stopping;
}

// § The next deadline
/* Moves the deadline to the next one on the grid that is not past. Returns how
 * many it has moved over: 1, unless we are a period late or more. */
static unsigned long count_expirations(timer *t)
{
    long long passed = (now() - t->deadline) / t->period + 1;

    t->deadline += passed * t->period;
    return (unsigned long)passed;
}

// § The thread
static void *run(void *arg)
{
    timer *t = arg;

    pthread_mutex_lock(&t->lock);
    while (wait_for_deadline(t)) {
        unsigned long expirations = count_expirations(t);
        pthread_mutex_unlock(&t->lock); /* a callback can take its time */
        t->callback(t->arg, expirations);
        pthread_mutex_lock(&t->lock);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

// § A thread without signals
/* A thread inherits the mask of the one that creates it. If it blocked the
 * signals itself, as its first act, one could come before that. */
static int create_without_signals(pthread_t *thread, void *(*body)(void *),
                                  void *arg)
{
    sigset_t all, old;
    int error;

    sigfillset(&all);
    error = pthread_sigmask(SIG_SETMASK, &all, &old);
    if (error != 0)
        return error;
    error = pthread_create(thread, NULL, body, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return error;
}

// § A condition variable that waits on CLOCK_MONOTONIC
/* By default it would be CLOCK_REALTIME, which can be set back. */
static int cond_init_monotonic(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    int error = pthread_condattr_init(&attr);

    if (error != 0)
        return error;
    error = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    if (error == 0)
        error = pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
    return error;
}

// § Lock and condition variable
static int timer_init(timer *t)
{
    int error = pthread_mutex_init(&t->lock, NULL);

    if (error != 0)
        return error;
    error = cond_init_monotonic(&t->wake);
    if (error != 0)
        pthread_mutex_destroy(&t->lock);
    return error;
}

static void timer_destroy(timer *t)
{
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->lock);
}

// § Making it, or nothing
static int timer_launch(timer **out, timer *t)
{
    int error = timer_init(t);

    if (error != 0)
        return error;
    pthread_mutex_lock(&t->lock); /* the thread begins when all is set */
    error = create_without_signals(&t->thread, run, t);
    if (error == 0)
        *out = t;
    pthread_mutex_unlock(&t->lock);
    if (error != 0)
        timer_destroy(t);
    return error;
}

// § Starting
int timer_start(timer **out, long long period_us,
                void (*callback)(void *arg, unsigned long expirations),
                void *arg)
{
    int saved = errno, error;
    timer *t;

    if (period_us < 1 || period_us > TIMER_PERIOD_MAX_US) {
        errno = EINVAL;
        return -1;
    }
    t = malloc(sizeof *t);
    if (t == NULL)
        return -1;
    *t = (timer){.period = period_us * NS_PER_US,
                 .callback = callback,
                 .arg = arg};
    t->deadline = now() + t->period;
    error = timer_launch(out, t);
    if (error != 0)
        free(t);
    errno = error != 0 ? error : saved;
    return error != 0 ? -1 : 0;
}

// § Stopping
int timer_stop(timer *t)
{
    int saved = errno;

    if (t == NULL)
        return 0;
    if (pthread_equal(pthread_self(), t->thread)) {
        errno = EDEADLK;
        return -1;
    }
    pthread_mutex_lock(&t->lock);
    t->stopping = true;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    timer_destroy(t);
    free(t);
    errno = saved;
    return 0;
}
