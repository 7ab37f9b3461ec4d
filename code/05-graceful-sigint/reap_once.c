/* WRONG: one waitpid for each SIGCHLD, although one SIGCHLD stands for many.
 *
 * usage: reap_once [-h]
 */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>

#include "../01-blocking-pipe/tick.h"
#include "crowd.h"

static const char about[] = "A hundred children end; a handler reaps one child "
                            "for each SIGCHLD.";

// § One signal, one child
static volatile sig_atomic_t runs, reaped;

static void on_child(int sig)
{
    int saved = errno;

    (void)sig;
    runs++;
    if (waitpid(-1, NULL, WNOHANG) > 0)
        reaped++;
    errno = saved;
}

// § A hundred children
int main(int argc, char *argv[])
{
    struct sigaction sa = {.sa_handler = on_child, .sa_flags = SA_RESTART};

    program_start(argc, argv, about);
    sigemptyset(&sa.sa_mask);
    if (sigaction(SIGCHLD, &sa, NULL) == -1)
        err(1, "sigaction");
    crowd_end();
    say("%d children have ended, SIGCHLD is blocked", CROWD);
    crowd_unblock();
    say("unblocked: handler runs: %d, reaped: %d", (int)runs, (int)reaped);
    say("zombies left: %d", crowd_zombies());
    return 0;
}
