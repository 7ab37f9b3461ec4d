/* sigaction_stays - signal_once put right: sigaction says what it means.
 *
 * usage: sigaction_stays [-h]
 */
#include "../01-blocking-pipe/tick.h"
#include "alarm.h"

static const char about[] =
    "A handler installed with sigaction(); an alarm every tick.";

// § Installed with sigaction
int main(int argc, char *argv[])
{
    program_start(argc, argv, about);
    catch_alarm(alarm_line, 0);
    alarm_every(tick_ms() * 1000);
    sleep_until_tick(3.5);
    alarm_every(0);
    say("three alarms, and still here");
    return 0;
}
