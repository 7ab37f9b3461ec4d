/* sigint.c - see sigint.h. */
#include <err.h>
#include <stddef.h>
#include <unistd.h>

#include "sigint.h"

// § A handler that counts
volatile sig_atomic_t sigints;

static void on_sigint(int sig)
{
    (void)sig;
    sigints++;
}

// § Catching SIGINT
void catch_sigint(int flags)
{
    struct sigaction sa = {.sa_handler = on_sigint, .sa_flags = flags};

    sigemptyset(&sa.sa_mask);
    if (sigaction(SIGINT, &sa, NULL) == -1) {
        warn("sigaction");
        _exit(1); /* and not exit, since this may be a child */
    }
}

// § Not now
void block_sigint(sigset_t *before)
{
    sigset_t sigint_only;

    sigemptyset(&sigint_only);
    sigaddset(&sigint_only, SIGINT);
    if (sigprocmask(SIG_BLOCK, &sigint_only, before) == -1) {
        warn("sigprocmask");
        _exit(1);
    }
}

void restore_mask(const sigset_t *mask)
{
    if (sigprocmask(SIG_SETMASK, mask, NULL) == -1) {
        warn("sigprocmask");
        _exit(1);
    }
}
