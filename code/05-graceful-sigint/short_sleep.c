/* WRONG: takes a sleep that a signal has cut short for a whole one.
 *
 * usage: short_sleep [-h]
 */
#include <err.h>
#include <errno.h>
#include <time.h>

#include "../01-blocking-pipe/tick.h"
#include "sigint.h"

static const char about[] =
    "Five rounds of one tick; SIGINT cuts the one short that it meets.";

// § A round is a sleep of one tick
static void work(int round)
{
    struct timespec tick = {.tv_sec = tick_ms() / 1000,
                            .tv_nsec = tick_ms() % 1000 * 1000000L};

    if (nanosleep(&tick, NULL) == -1 && errno != EINTR)
        err(1, "nanosleep");
    say("round %d done", round);
}

// § Five rounds
int main(int argc, char *argv[])
{
    program_start(argc, argv, about);
    catch_sigint(0);
    for (int round = 1; round <= 5; round++)
        work(round);
    return 0;
}
