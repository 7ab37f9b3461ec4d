/* WRONG: exits with status 130 after Ctrl-C, instead of dying of SIGINT.
 *
 * usage: exit_130 [-h]
 * contract: hangs
 */
#include "../01-blocking-pipe/tick.h"
#include "sigint.h"

static const char about[] = "Waits for SIGINT and exits with status 130.";

// § 128 + SIGINT, as the shell would say
int main(int argc, char *argv[])
{
    sigset_t before;

    program_start(argc, argv, about);
    catch_sigint(0);
    block_sigint(&before);
    say("READY");
    while (sigints == 0)
        sigsuspend(&before);
    return 130;
}
