/* graceful_sigint - a parent that finishes its round, and a child that leaves
 * its wait, at one Ctrl-C; a later one ends both at once.
 *
 * usage: graceful_sigint [-h]
 * contract: forks, rounds, hangs
 */
#define _GNU_SOURCE /* ppoll */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../01-blocking-pipe/child.h"
#include "../01-blocking-pipe/tick.h"
#include "../03-eintr-safe-wrapper/safe_io.h"
#include "termination.h"

static const char about[] = "Works in rounds of ten ticks until Ctrl-C, beside "
                            "a child that waits as a server does.";

static sigset_t before; /* the mask, before the signals were blocked */

// § The child waits for whatever comes first
enum { PARENT_LEAVES = 0, PARENT_GONE = -1 }; /* or the number of a signal */

static int wait_for_the_end(int lifeline)
{
    struct pollfd fd = {.fd = lifeline, .events = POLLIN};
    unsigned char told;

    while (termination_signal() == 0) {
        if (ppoll(&fd, 1, NULL, &before) == 1)
            return safe_read(lifeline, &told, 1) == 1 ? told : PARENT_GONE;
        if (errno != EINTR) {
            warn("ppoll");
            _exit(1);
        }
    }
    return termination_signal();
}

// § A lost stdout stops nobody
static bool stdout_lost;

/* Whoever shares the terminal or pipe may have made it non-blocking. */
static bool wait_for_room(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};

    return errno == EAGAIN && (poll(&out, 1, -1) == 1 || errno == EINTR);
}

static void show(const char *text)
{
    size_t size = strlen(text), done = 0;

    while (!stdout_lost && done < size) {
        done += full_write(STDOUT_FILENO, text + done, size - done);
        if (done == size || wait_for_room())
            continue;
        warn("stdout");
        stdout_lost = true; /* and the work goes on, unseen */
    }
}

// § Writing in the background
/* With `stty tostop` a background program that writes to its terminal is
 * stopped; and again at its last words, when somebody has told it to end. */
static void write_in_background(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    if (sigaction(SIGTTOU, &ignore, NULL) == -1)
        err(1, "sigaction");
}

// § The child cleans up
static int child(int lifeline)
{
    char line[64];
    int why;

    termination_catch();
    why = wait_for_the_end(lifeline);
    termination_unblock(&before);
    /* a server would close its sockets here */
    if (why == PARENT_LEAVES)
        return 0;
    if (why == PARENT_GONE) {
        warnx("end of file: the parent is gone");
        return 1;
    }
    snprintf(line, sizeof line, "\nsub process: %s, cleaned up\n",
             termination_name(why));
    show(line);
    die_of(why);
}

// § The last word to the child
static int lifeline_end; /* the end of it that the parent has */

static void tell(int why)
{
    unsigned char byte = (unsigned char)why;

    if (lifeline_end == -1)
        return; /* it has been told */
    if (safe_write(lifeline_end, &byte, 1) == -1 && errno != EPIPE)
        warn("lifeline");
    safe_close(lifeline_end);
    lifeline_end = -1;
}

// § The next tick
/* A tick that comes late is made up for; whole ticks that were missed (Ctrl-Z,
 * fg) are not, or their dots would come in a burst. */
static void await_next_tick(void)
{
    static double next;
    double now = tick_now();

    next++;
    if (now >= next + 1)
        next = (double)(long)now + 1;
    sleep_until_tick(next);
}

// § A round, never cut
static void work_one_round(void)
{
    for (int dots = 0; dots < 10; dots++) {
        await_next_tick();
        show(".");
        if (termination_signal() != 0)
            tell(termination_signal());
    }
    show("\n");
}

// § Is the child still there?
static bool child_has_ended(pid_t pid)
{
    siginfo_t info = {0};

    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == -1)
        err(1, "waitid");
    return info.si_pid == pid;
}

// § The parent joins the child
static int join(pid_t pid, int rounds)
{
    int why, status;
    char ending[64], line[160];

    tell(termination_signal()); /* 0, nobody asked: PARENT_LEAVES */
    if (safe_waitpid(pid, &status, 0) == -1)
        err(1, "waitpid");
    why = termination_signal(); /* somebody may have asked during the wait */
    child_ending(status, ending, sizeof ending);
    if (why == 0 && !stdout_lost)
        warnx("the child %s", ending);
    if (why == 0)
        return 1;
    snprintf(line, sizeof line, "parent: %s, rounds finished: %d; the child %s\n",
             termination_name(why), rounds, ending);
    show(line);
    die_of(why);
}

// § Block, fork, get ready, unblock
int main(int argc, char *argv[])
{
    int rounds = 0;
    pid_t pid;

    program_start(argc, argv, about);
    write_in_background();
    termination_block(&before);
    pid = child_start(child, &lifeline_end);
    termination_catch();
    termination_unblock(&before);
    while (termination_signal() == 0 && !stdout_lost && !child_has_ended(pid)) {
        work_one_round();
        rounds++;
    }
    return join(pid, rounds);
}
