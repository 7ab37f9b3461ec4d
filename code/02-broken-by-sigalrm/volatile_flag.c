/* volatile_flag - plain_flag put right: volatile sig_atomic_t.
 *
 * usage: volatile_flag [-h]
 * contract: spins
 */
#include <signal.h>

#include "../01-blocking-pipe/tick.h"
#include "alarm.h"

static const char about[] =
    "Waits for a flag that a handler sets, and sees it.";

// § A volatile sig_atomic_t
static volatile sig_atomic_t rang;

static void on_alarm(int sig)
{
    rang = 1;
    alarm_line(sig);
}

int main(int argc, char *argv[])
{
    program_start(argc, argv, about);
    catch_alarm(on_alarm, 0);
    alarm_every(tick_ms() * 1000);
    while (!rang)
        ;
    alarm_every(0);
    say("the flag is set");
    return 0;
}
