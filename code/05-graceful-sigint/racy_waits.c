/* WRONG: three waits that test a flag first, and so can miss the signal.
 *
 * usage: racy_waits [-h]
 *
 * environment: WAIT_ROUNDS, how often each is tried (default 5000)
 */
#define _GNU_SOURCE /* pipe2 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "../01-blocking-pipe/tick.h"
#include "rounds.h"

static const char about[] = "Waits for SIGINT in three wrong ways, many times "
                            "each: how often is it missed?";

// § Catching SIGINT
static volatile sig_atomic_t interrupted;
static int messages; /* the read end of a pipe */

static void set_flag(int sig)
{
    (void)sig;
    interrupted = 1;
}

static void catch_interrupt(void)
{
    struct sigaction sa = {.sa_handler = set_flag};

    sigemptyset(&sa.sa_mask);
    if (sigaction(SIGINT, &sa, NULL) == -1)
        err(1, "sigaction");
}

// § The flag, then pause
static void by_pause(void)
{
    while (!interrupted)
        pause();
    interrupted = 0;
}

// § The flag, then read or poll
static void by_read(void)
{
    char byte;

    while (!interrupted)
        if (read(messages, &byte, 1) == -1 && errno != EINTR)
            err(1, "read");
    interrupted = 0;
}

static void by_poll(void)
{
    struct pollfd fd = {.fd = messages, .events = POLLIN};

    while (!interrupted)
        if (poll(&fd, 1, -1) == -1 && errno != EINTR)
            err(1, "poll");
    interrupted = 0;
}

// § How often
static void try(const char *name, void (*wait)(void), int rounds)
{
    int hung = rounds_hung(rounds, wait);

    say("%-16s %6d rounds, %3d hung", name, rounds, hung);
}

// § Three tries
int main(int argc, char *argv[])
{
    int fd[2], rounds;

    program_start(argc, argv, about);
    rounds = rounds_wanted();
    if (pipe2(fd, O_CLOEXEC) == -1)
        err(1, "pipe");
    messages = fd[0]; /* nothing is ever written */
    catch_interrupt();
    rounds_prepare();
    try("flag, then pause", by_pause, rounds);
    try("flag, then read", by_read, rounds);
    try("flag, then poll", by_poll, rounds);
    rounds_finish();
    return 0;
}
