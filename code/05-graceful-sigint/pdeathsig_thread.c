/* WRONG: a child that is to end with its parent ends with a thread of it.
 *
 * usage: pdeathsig_thread [-h]
 *
 * Linux only: prctl(2)
 */
#define _GNU_SOURCE /* pipe2 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../01-blocking-pipe/child.h"
#include "../01-blocking-pipe/tick.h"
#include "../03-eintr-safe-wrapper/safe_io.h"

static const char about[] = "A thread forks a child that asks to be killed "
                            "with its parent, and the thread ends.";

// § A child tied to its parent
static int ready[2]; /* closed by the child once it is tied */

static void tied_child(pid_t parent)
{
    leave_with_parent(parent); /* prctl(PR_SET_PDEATHSIG, SIGKILL) */
    close(ready[1]);
    for (;;)
        pause();
}

// § A thread that forks, and ends
static pid_t child;

static void *fork_child(void *unused)
{
    char byte;
    pid_t parent = getpid();

    (void)unused;
    child = fork();
    if (child == -1)
        err(1, "fork");
    if (child == 0)
        tied_child(parent);
    close(ready[1]);
    safe_read(ready[0], &byte, 1); /* until end of file */
    return NULL;
}

// § The process lives on
int main(int argc, char *argv[])
{
    pthread_t thread;
    char ending[64];
    int status;

    program_start(argc, argv, about);
    say("parent: starting a thread that forks a child");
    if (pipe2(ready, O_CLOEXEC) == -1)
        err(1, "pipe");
    errno = pthread_create(&thread, NULL, fork_child, NULL);
    if (errno != 0)
        err(1, "pthread_create");
    pthread_join(thread, NULL);
    say("parent: the thread has ended, I am still here");
    if (waitpid(child, &status, 0) == -1)
        err(1, "waitpid");
    say("parent: the child %s", child_ending(status, ending, sizeof ending));
    return 0;
}
