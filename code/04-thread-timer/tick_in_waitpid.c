/* tick_in_waitpid - a thread goes on while another one is blocked. (Its child
 * calls more than POSIX allows the child of a process with threads: say() is
 * not async-signal-safe. glibc and musl let it.)
 *
 * usage: tick_in_waitpid [-h]
 * contract: spins
 */
#define _GNU_SOURCE /* pipe2 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "../01-blocking-pipe/child.h"
#include "../01-blocking-pipe/message.h"
#include "../01-blocking-pipe/tick.h"
#include "threads.h"

static const char about[] =
    "Main sleeps in waitpid until the child ends; its other thread ticks.";

// § A thread that ticks
static int fd[2];

static void *tick(void *unused)
{
    for (int i = 1; i <= 3; i++) {
        sleep_until_tick(i);
        say("tick");
    }
    close(fd[1]); /* the child has waited for this end of file */
    return unused;
}

// § A child without it
static int child(void)
{
    say("child: %d thread", thread_count());
    close(fd[1]);
    return message_print_all(fd[0]);
}

// § Main, asleep
int main(int argc, char *argv[])
{
    pthread_t ticker;
    pid_t pid;
    int status;

    program_start(argc, argv, about);
    if (pipe2(fd, O_CLOEXEC) == -1)
        err(1, "pipe");
    errno = pthread_create(&ticker, NULL, tick, NULL);
    if (errno != 0)
        err(1, "pthread_create");
    say("parent: %d threads", thread_count());
    pid = fork();
    if (pid == -1)
        err(1, "fork");
    if (pid == 0)
        _exit(child());
    close(fd[0]);
    status = child_end(pid, 0);
    say("waitpid has returned");
    pthread_join(ticker, NULL);
    return status;
}
