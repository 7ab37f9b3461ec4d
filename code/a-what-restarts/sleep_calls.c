/* sleep_calls.c - see sleep_calls.h. */
#define _GNU_SOURCE /* usleep, which POSIX.1-2008 no longer has */
#include <unistd.h>

#include "sleep_calls.h"
#include "things.h"

// § Sleeps
static long call_nanosleep(void)
{
    return nanosleep(&hour, NULL);
}

static long call_clock_nanosleep(void)
{
    return by_errno(clock_nanosleep(CLOCK_MONOTONIC, 0, &hour, NULL));
}

static long call_clock_nanosleep_abstime(void)
{
    struct timespec until = in_an_hour(CLOCK_MONOTONIC);

    return by_errno(
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL));
}

static long call_usleep(void)
{
    return usleep((useconds_t)hour.tv_sec * 1000000U);
}

static long call_sleep(void)
{
    return sleep((unsigned)hour.tv_sec);
}

// § Sleeping
static const struct call calls[] = {
    {"nanosleep", NULL, call_nanosleep},
    {"clock_nanosleep (relative)", NULL, call_clock_nanosleep},
    {"clock_nanosleep (ABSTIME)", NULL, call_clock_nanosleep_abstime},
    {"usleep", NULL, call_usleep},
    {"sleep", NULL, call_sleep},
};

const struct group sleep_calls = {"sleeping", calls,
                                  sizeof calls / sizeof calls[0]};
