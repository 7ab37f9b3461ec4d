/* flag_then_sigsuspend - flag_then_pause put right: no signal in between.
 *
 * usage: flag_then_sigsuspend [-h]
 * contract: hangs
 */
#include <unistd.h>

#include "../01-blocking-pipe/tick.h"
#include "sigint.h"

static const char about[] = "Waits for SIGINT, and misses none.";

// § The flag, then sigsuspend
int main(int argc, char *argv[])
{
    sigset_t before; /* the mask in which SIGINT is not blocked */

    program_start(argc, argv, about);
    block_sigint(&before);
    catch_sigint(0);
    say("waiting for Ctrl-C");
    while (sigints == 0) {
        getppid(); /* a signal that comes here stays pending */
        sigsuspend(&before);
    }
    say("awake after %d SIGINT", (int)sigints);
    return 0;
}
