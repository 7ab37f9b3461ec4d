/* shared_flag - what a child does to its copy of a descriptor, and its parent
 * finds on its own.
 *
 * usage: shared_flag [-h]
 *
 * Linux only: /proc/self/fd
 */
#define _GNU_SOURCE /* pipe2 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tick.h"

static const char about[] =
    "A child makes its copy of a descriptor non-blocking. And the parent's?";

// § Whose flag is it?
static const char *mode_of(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags == -1)
        err(1, "fcntl");
    return (flags & O_NONBLOCK) != 0 ? "non-blocking" : "blocking";
}

static void let_a_child_set_it(int fd)
{
    pid_t pid = fork();

    if (pid == -1)
        err(1, "fork");
    if (pid == 0)
        _exit(fcntl(fd, F_SETFL, O_NONBLOCK) == -1);
    if (waitpid(pid, NULL, 0) == -1)
        err(1, "waitpid");
}

// § A copy and a descriptor of its own
int main(int argc, char *argv[])
{
    int fd[2], anew;
    char path[32], byte;

    program_start(argc, argv, about);
    if (pipe2(fd, O_CLOEXEC) == -1)
        err(1, "pipe");
    let_a_child_set_it(fd[0]);
    say("the parent's read end: %s", mode_of(fd[0]));
    if (read(fd[0], &byte, 1) == -1)
        say("read: %s", strerror(errno));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd[0]);
    anew = open(path, O_RDONLY | O_CLOEXEC);
    if (anew == -1)
        err(1, "%s", path);
    say("the same pipe, opened anew: %s", mode_of(anew));
    return 0;
}
