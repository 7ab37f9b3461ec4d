/* slow_callback - a callback that takes longer than a period: what becomes of
 * the ticks it misses.
 *
 * usage: slow_callback [-h]
 */
#include <err.h>

#include "../01-blocking-pipe/tick.h"
#include "timer.h"

static const char about[] =
    "Calls a function every tick that takes 2.5 ticks the first time.";

// § Slow, the first time
/* Only the timer's thread uses it while the timer runs: no lock. */
struct count {
    unsigned long calls, expirations;
};

static void count_call(void *arg, unsigned long expirations)
{
    struct count *count = arg;

    count->calls++;
    count->expirations += expirations;
    say("tick %g: expirations %lu", (int)(tick_now() * 2) / 2.0, expirations);
    if (count->calls == 1)
        sleep_until_tick(3.5);
}

// § Calls and expirations
int main(int argc, char *argv[])
{
    struct count count = {0};
    timer *t;

    program_start(argc, argv, about);
    if (timer_start(&t, tick_ms() * 1000LL, count_call, &count) == -1)
        err(1, "timer_start");
    sleep_until_tick(5.5);
    timer_stop(t); /* and now count is this thread's again */
    say("%lu calls, %lu expirations", count.calls, count.expirations);
    return 0;
}
