/* signal_thread - main waits for signals and has two other threads end: one
 * reads, one is a timer.
 *
 * usage: signal_thread [-h]
 */
#define _GNU_SOURCE /* pipe2 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "../01-blocking-pipe/tick.h"
#include "timer.h"

static const char about[] =
    "Copies lines and prints every tick, until the end of file, SIGINT or "
    "SIGTERM.";

// § The thread that reads
static int stop[2]; /* a pipe: closing its write end is the wish */

static void *copy_input(void *unused)
{
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = stop[0]}};
    char text[512];
    ssize_t n = 1;

    while (n > 0 && poll(fds, 2, -1) > 0 && fds[1].revents == 0) {
        n = read(STDIN_FILENO, text, sizeof text - 1);
        text[n > 0 ? n : 0] = '\0';
        text[strcspn(text, "\n")] = '\0'; /* a terminal gives lines */
        if (n > 0)
            say("read: %s", text);
    }
    if (fds[1].revents == 0)
        kill(getpid(), SIGTERM); /* the end of file is a wish, too */
    return unused;
}

// § The timer
static void print_tick(void *unused, unsigned long expirations)
{
    (void)unused;
    (void)expirations;
    say("tick");
}

// § The signals that are waited for
/* An ignored signal that is blocked would be kept, and sigwait would get it. */
static sigset_t block_signals(void)
{
    struct sigaction sa;
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    if (sigaction(SIGINT, NULL, &sa) == 0 && sa.sa_handler != SIG_IGN)
        sigaddset(&set, SIGINT);
    errno = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (errno != 0)
        err(1, "pthread_sigmask");
    return set;
}

// § Three threads
int main(int argc, char *argv[])
{
    pthread_t reader;
    sigset_t signals;
    timer *t;
    int sig;

    program_start(argc, argv, about);
    signals = block_signals(); /* and so in all threads made from now on */
    if (pipe2(stop, O_CLOEXEC) == -1)
        err(1, "pipe");
    errno = pthread_create(&reader, NULL, copy_input, NULL);
    if (errno != 0)
        err(1, "pthread_create");
    if (timer_start(&t, tick_ms() * 1000LL, print_tick, NULL) == -1)
        err(1, "timer_start");
    errno = sigwait(&signals, &sig);
    if (errno != 0)
        err(1, "sigwait");
    timer_stop(t);
    close(stop[1]);
    pthread_join(reader, NULL);
    say("stopped by signal %d (%s)", sig, strsignal(sig));
    return 0;
}
