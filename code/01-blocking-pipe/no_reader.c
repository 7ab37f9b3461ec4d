/* no_reader - writes to a pipe without a reader, with SIGPIPE and without.
 *
 * usage: no_reader [-h]
 */
#define _GNU_SOURCE /* pipe2 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "tick.h"

static const char about[] =
    "What happens to a process that writes to a pipe without a reader?";

// § A writer without a reader
static void write_to_nobody(int wfd, void (*disposition)(int))
{
    struct sigaction sa = {.sa_handler = disposition};

    sigemptyset(&sa.sa_mask);
    if (sigaction(SIGPIPE, &sa, NULL) == -1) {
        warn("sigaction");
        _exit(1);
    }
    if (write(wfd, "x", 1) == -1)
        say("write: %s", strerror(errno));
    _exit(0);
}

// § Two tries
static void try(int wfd, const char *name, void (*disposition)(int))
{
    char ending[64];
    int status;
    pid_t pid = fork();

    if (pid == -1)
        err(1, "fork");
    if (pid == 0)
        write_to_nobody(wfd, disposition);
    if (waitpid(pid, &status, 0) == -1)
        err(1, "waitpid");
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        _exit(1); /* the child has said why */
    say("SIGPIPE %s: the writer %s", name,
        child_ending(status, ending, sizeof ending));
}

int main(int argc, char *argv[])
{
    int fd[2];

    program_start(argc, argv, about);
    if (pipe2(fd, O_CLOEXEC) == -1)
        err(1, "pipe");
    close(fd[0]);
    try(fd[1], "at its default", SIG_DFL);
    try(fd[1], "ignored", SIG_IGN);
    return 0;
}
