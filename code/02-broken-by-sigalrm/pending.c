/* pending - a signal that is blocked waits, and three of a kind are one.
 *
 * usage: pending [-h]
 */
#include <err.h>
#include <signal.h>
#include <stddef.h>

#include "../01-blocking-pipe/tick.h"
#include "alarm.h"

static const char about[] =
    "Sends itself a blocked SIGALRM three times, then unblocks it.";

// § Is it pending?
static const char *alarm_is_pending(void)
{
    sigset_t set;

    if (sigpending(&set) == -1)
        err(1, "sigpending");
    return sigismember(&set, SIGALRM) ? "yes" : "no";
}

// § Sent, pending, delivered
int main(int argc, char *argv[])
{
    sigset_t alarm_only;

    program_start(argc, argv, about);
    catch_alarm(alarm_line, 0);
    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    if (sigprocmask(SIG_BLOCK, &alarm_only, NULL) == -1)
        err(1, "sigprocmask");
    say("blocked; pending: %s", alarm_is_pending());
    for (int i = 0; i < 3; i++)
        if (raise(SIGALRM) != 0)
            err(1, "raise");
    say("sent three times; pending: %s", alarm_is_pending());
    if (sigprocmask(SIG_UNBLOCK, &alarm_only, NULL) == -1)
        err(1, "sigprocmask");
    say("unblocked; pending: %s", alarm_is_pending());
    return 0;
}
