/* WRONG: tests a flag, then waits: a signal in between is slept through.
 *
 * usage: flag_then_pause [-h]
 */
#include <err.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "../01-blocking-pipe/tick.h"

static const char about[] =
    "Waits for SIGINT, and misses one that comes at the wrong moment.";

// § Counting interrupts
static volatile sig_atomic_t interrupts;

static void on_interrupt(int sig)
{
    (void)sig;
    interrupts++;
}

static void catch_interrupt(void)
{
    struct sigaction sa = {.sa_handler = on_interrupt};

    sigemptyset(&sa.sa_mask);
    if (sigaction(SIGINT, &sa, NULL) == -1)
        err(1, "sigaction");
}

// § The flag, then pause
int main(int argc, char *argv[])
{
    program_start(argc, argv, about);
    catch_interrupt();
    say("waiting for Ctrl-C");
    while (interrupts == 0) {
        getppid(); /* does nothing: a place for strace to put a signal */
        pause();
    }
    say("awake after %d SIGINT", (int)interrupts);
    return 0;
}
