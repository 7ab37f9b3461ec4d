/* WRONG: signal() with a strict -std flag: glibc removes the handler at its first delivery, and the second one kills.
 *
 * usage: signal_once [-h]
 */
#include <err.h>
#include <signal.h>

#include "../01-blocking-pipe/tick.h"
#include "alarm.h"

// § Installed with signal
int main(int argc, char *argv[])
{
    program_start(argc, argv, "A handler installed with signal(); an alarm every tick.");
    if (signal(SIGALRM, alarm_line) == SIG_ERR)
        err(1, "signal");
    alarm_every(tick_ms() * 1000);
    sleep_until_tick(3.5);
    say("three alarms, and still here");
    return 0;
}
