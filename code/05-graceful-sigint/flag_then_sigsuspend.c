/* flag_then_sigsuspend - flag_then_pause put right: no signal in between.
 *
 * usage: flag_then_sigsuspend [-h]
 */
#include <err.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "../01-blocking-pipe/tick.h"

static const char about[] = "Waits for SIGINT, and misses none.";

// § The same counter
static volatile sig_atomic_t interrupts;

static void on_interrupt(int sig)
{
    (void)sig;
    interrupts++;
}

// § Blocked before it is caught
static void block_and_catch_interrupt(sigset_t *unblocked)
{
    struct sigaction sa = {.sa_handler = on_interrupt};
    sigset_t interrupt_only;

    sigemptyset(&interrupt_only);
    sigaddset(&interrupt_only, SIGINT);
    if (sigprocmask(SIG_BLOCK, &interrupt_only, unblocked) == -1)
        err(1, "sigprocmask");
    sigemptyset(&sa.sa_mask);
    if (sigaction(SIGINT, &sa, NULL) == -1)
        err(1, "sigaction");
}

// § The flag, then sigsuspend
int main(int argc, char *argv[])
{
    sigset_t unblocked;

    program_start(argc, argv, about);
    block_and_catch_interrupt(&unblocked);
    say("waiting for Ctrl-C");
    while (interrupts == 0) {
        getppid(); /* a signal that comes here stays pending */
        sigsuspend(&unblocked);
    }
    say("awake after %d SIGINT", (int)interrupts);
    return 0;
}
