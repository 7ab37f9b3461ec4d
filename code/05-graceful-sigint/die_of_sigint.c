/* die_of_sigint - exit_130 put right: ends as if it had not caught SIGINT.
 *
 * usage: die_of_sigint [-h]
 * contract: hangs
 */
#include <err.h>
#include <stddef.h>

#include "../01-blocking-pipe/tick.h"
#include "sigint.h"

static const char about[] = "Waits for SIGINT, cleans up, and dies of it.";

// § The default action, again
static void die_of_sigint(void)
{
    struct sigaction sa = {.sa_handler = SIG_DFL};
    sigset_t sigint_only;

    sigemptyset(&sa.sa_mask);
    sigemptyset(&sigint_only);
    sigaddset(&sigint_only, SIGINT);
    if (sigaction(SIGINT, &sa, NULL) == -1)
        err(1, "sigaction");
    if (sigprocmask(SIG_UNBLOCK, &sigint_only, NULL) == -1)
        err(1, "sigprocmask");
    raise(SIGINT);
    errx(1, "still alive after SIGINT");
}

// § Wait, clean up, die
int main(int argc, char *argv[])
{
    sigset_t before;

    program_start(argc, argv, about);
    catch_sigint(0);
    block_sigint(&before);
    say("READY");
    while (sigints == 0)
        sigsuspend(&before);
    /* whatever has to be cleaned up would be cleaned up here */
    die_of_sigint();
}
