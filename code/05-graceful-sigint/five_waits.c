/* five_waits - five ways to wait for a signal, and none sleeps through it.
 *
 * usage: five_waits [-h]
 *
 * environment: WAIT_ROUNDS, how often each is tried (default 5000)
 *
 * Linux only: signalfd(2); ppoll(2) is in POSIX since 2024
 */
#define _GNU_SOURCE /* ppoll, pipe2 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "../01-blocking-pipe/tick.h"
#include "rounds.h"

static const char about[] = "Waits for SIGINT in five ways, many times each: "
                            "how often is it missed, what does it cost?";

// § A flag, a mask, a pipe
static volatile sig_atomic_t interrupted;
static sigset_t sigint_only, unblocked; /* unblocked: SIGINT may come */
static int messages;                    /* the read end of a pipe */
static bool got_message;

static void set_flag(int sig)
{
    (void)sig;
    interrupted = 1;
}

// § sigsuspend
static void by_sigsuspend(void)
{
    while (!interrupted)
        sigsuspend(&unblocked); /* never returns anything but EINTR */
    interrupted = 0;
}

// § ppoll
static void by_ppoll(void)
{
    struct pollfd fd = {.fd = messages, .events = POLLIN};

    while (!interrupted && !got_message) {
        int n = ppoll(&fd, 1, NULL, &unblocked);
        if (n == -1 && errno != EINTR)
            err(1, "ppoll");
        got_message = n == 1;
    }
    interrupted = 0;
}

// § The self-pipe
static int self_pipe[2]; /* both ends non-blocking */

static void write_to_self(int sig)
{
    int saved = errno;

    (void)sig;
    if (write(self_pipe[1], "", 1) == -1)
        errno = saved; /* EAGAIN: full of bytes, and one would have done */
}

// § The self-pipe and poll
/* Returns once there is something in the pipe of messages or in `fd`. */
static void poll_with(int fd)
{
    struct pollfd fds[] = {{.fd = messages, .events = POLLIN},
                           {.fd = fd, .events = POLLIN}};

    while (poll(fds, 2, -1) == -1)
        if (errno != EINTR)
            err(1, "poll");
    got_message = fds[0].revents != 0;
}

static void by_self_pipe(void)
{
    char bytes[64];

    poll_with(self_pipe[0]);
    while (read(self_pipe[0], bytes, sizeof bytes) > 0)
        ; /* until it is empty */
}

// § signalfd
static int signal_fd; /* readable while SIGINT is pending */

static void by_signalfd(void)
{
    struct signalfd_siginfo info;

    poll_with(signal_fd);
    if (read(signal_fd, &info, sizeof info) == -1 && errno != EAGAIN)
        err(1, "read from the signalfd");
}

// § sigwaitinfo
static void by_sigwaitinfo(void)
{
    siginfo_t info;

    while (sigwaitinfo(&sigint_only, &info) == -1)
        if (errno != EINTR)
            err(1, "sigwaitinfo");
}

// § Five ways
static const struct way {
    const char *name;
    void (*wait)(void);
    void (*handler)(int);
    bool blocks, sees_messages;
} ways[] = {
    {"sigsuspend", by_sigsuspend, set_flag, true, false},
    {"ppoll", by_ppoll, set_flag, true, true},
    {"self-pipe", by_self_pipe, write_to_self, false, true},
    {"signalfd", by_signalfd, SIG_DFL, true, true},
    {"sigwaitinfo", by_sigwaitinfo, SIG_DFL, true, false},
};
enum { WAYS = sizeof ways / sizeof ways[0] };

// § Handler and mask
static void prepare(const struct way *way)
{
    struct sigaction sa = {.sa_handler = way->handler};

    sigemptyset(&sa.sa_mask);
    if (sigaction(SIGINT, &sa, NULL) == -1)
        err(1, "sigaction");
    errno = pthread_sigmask(way->blocks ? SIG_BLOCK : SIG_UNBLOCK, &sigint_only,
                            NULL);
    if (errno != 0)
        err(1, "pthread_sigmask");
}

// § A message instead of a signal
static void check_message(const struct way *way, int wfd)
{
    char byte;

    if (!way->sees_messages)
        return;
    if (write(wfd, "m", 1) == -1)
        err(1, "write");
    way->wait();
    if (!got_message || read(messages, &byte, 1) != 1)
        errx(1, "%s: no message", way->name);
    got_message = false;
}

// § What they wait for
/* Returns the write end of the pipe of messages. */
static int open_all(void)
{
    int fd[2];

    sigemptyset(&sigint_only);
    sigaddset(&sigint_only, SIGINT);
    if (sigprocmask(SIG_BLOCK, &sigint_only, &unblocked) == -1)
        err(1, "sigprocmask");
    if (pipe2(fd, O_CLOEXEC) == -1 ||
        pipe2(self_pipe, O_CLOEXEC | O_NONBLOCK) == -1)
        err(1, "pipe");
    signal_fd = signalfd(-1, &sigint_only, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signal_fd == -1)
        err(1, "signalfd");
    messages = fd[0];
    return fd[1];
}

// § The comparison
static void try_all(int rounds, int hung[WAYS], double cost[WAYS])
{
    int wfd = open_all();

    rounds_prepare();
    for (int i = 0; i < WAYS; i++) {
        prepare(&ways[i]);
        check_message(&ways[i], wfd);
        hung[i] = rounds_hung(rounds, ways[i].wait);
        cost[i] = rounds_cost(ways[i].wait);
    }
    rounds_finish();
}

// § The table
int main(int argc, char *argv[])
{
    int rounds, hung[WAYS];
    double cost[WAYS], cheapest;

    program_start(argc, argv, about);
    rounds = rounds_wanted();
    try_all(rounds, hung, cost);
    cheapest = cost[0];
    for (int i = 1; i < WAYS; i++)
        cheapest = cost[i] < cheapest ? cost[i] : cheapest;
    say("             rounds  hung  message too   cost");
    for (int i = 0; i < WAYS; i++)
        say("%-12s %6d  %4d  %-11s %6.2f", ways[i].name, rounds, hung[i],
            ways[i].sees_messages ? "yes" : "no", cost[i] / cheapest);
    return 0;
}
