/* termination.c - see termination.h. */
#include <err.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include "termination.h"

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
enum { SIGNALS = sizeof signals / sizeof signals[0] };

static void fail(const char *call)
{
    warn("%s", call);
    _exit(1); /* and not exit, since this may be a child */
}

// § Not now
static void termination_set(sigset_t *set)
{
    sigemptyset(set);
    for (int i = 0; i < SIGNALS; i++)
        sigaddset(set, signals[i]);
}

void termination_block(sigset_t *before)
{
    sigset_t set;

    termination_set(&set);
    if (sigprocmask(SIG_BLOCK, &set, before) == -1)
        fail("sigprocmask");
}

void termination_unblock(const sigset_t *before)
{
    if (sigprocmask(SIG_SETMASK, before, NULL) == -1)
        fail("sigprocmask");
}

// § To die of a signal
void die_of(int sig)
{
    struct sigaction sa = {.sa_handler = SIG_DFL};
    sigset_t only;

    sigemptyset(&sa.sa_mask);
    sigaction(sig, &sa, NULL);
    sigemptyset(&only);
    sigaddset(&only, sig);
    raise(sig); /* if it is blocked, and in its handler it is, it waits */
    sigprocmask(SIG_UNBLOCK, &only, NULL);
    _exit(128 + sig);
}

// § The first asks, the second insists
static volatile sig_atomic_t first;
static long long asked = -1; /* when, in ms; only the handler looks at it */

static long long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now); /* async-signal-safe */
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void on_termination(int sig)
{
    if (first == 0)
        first = sig;
    if (sig == SIGHUP)
        return;
    if (asked == -1)
        asked = now_ms();
    else if (now_ms() - asked >= SAME_WISH_MS)
        die_of(sig);
}

int termination_signal(void)
{
    return first;
}

const char *termination_name(int sig)
{
    return sig == SIGINT ? "SIGINT" : sig == SIGTERM ? "SIGTERM" : "SIGHUP";
}

// § Catching what is not ignored
void termination_catch(void)
{
    struct sigaction sa = {.sa_handler = on_termination}, now;

    termination_set(&sa.sa_mask); /* nor does one interrupt it */
    for (int i = 0; i < SIGNALS; i++) {
        if (sigaction(signals[i], NULL, &now) == -1)
            fail("sigaction");
        if (now.sa_handler == SIG_IGN)
            continue;
        if (sigaction(signals[i], &sa, NULL) == -1)
            fail("sigaction");
    }
}
