/* WRONG: signal(), which under strict POSIX flags is good for one delivery.
 *
 * usage: signal_once [-h]
 * contract: killed by SIGALRM
 */
#include <err.h>
#include <signal.h>

#include "../01-blocking-pipe/tick.h"
#include "alarm.h"

static const char about[] =
    "A handler installed with signal(); an alarm every tick.";

// § Installed with signal
int main(int argc, char *argv[])
{
    program_start(argc, argv, about);
    if (signal(SIGALRM, alarm_line) == SIG_ERR)
        err(1, "signal");
    alarm_every(tick_ms() * 1000);
    sleep_until_tick(3.5);
    alarm_every(0);
    say("three alarms, and still here");
    return 0;
}
