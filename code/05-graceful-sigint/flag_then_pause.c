/* WRONG: tests a flag, then waits: a signal in between is slept through.
 *
 * usage: flag_then_pause [-h]
 * contract: hangs
 */
#include <unistd.h>

#include "../01-blocking-pipe/tick.h"
#include "sigint.h"

static const char about[] =
    "Waits for SIGINT, and misses one that comes at the wrong moment.";

// § The flag, then pause
int main(int argc, char *argv[])
{
    program_start(argc, argv, about);
    catch_sigint(0);
    say("waiting for Ctrl-C");
    while (sigints == 0) {
        getppid(); /* does nothing: a place for strace to put a signal */
        pause();
    }
    say("awake after %d SIGINT", (int)sigints);
    return 0;
}
