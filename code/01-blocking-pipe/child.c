/* child.c - see child.h. */
#define _GNU_SOURCE /* pipe2 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "tick.h"

// § One pipe, two processes
pid_t child_start(int (*body)(int rfd), int *wfd)
{
    int fd[2];
    pid_t pid;

    if (pipe2(fd, O_CLOEXEC) == -1)
        err(1, "pipe");
    pid = fork();
    if (pid == -1)
        err(1, "fork");
    if (pid == 0) {
        close(fd[1]); /* or this child would wait for its own end of file */
        _exit(body(fd[0]));
    }
    close(fd[0]); /* or writing after the child's death would not fail */
    *wfd = fd[1];
    return pid;
}

// § How the child ended
char *child_ending(int status, char *text, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(text, size, "was killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(text, size, "exited with status %d", WEXITSTATUS(status));
    return text;
}

// § Waiting for the child
int child_end(pid_t pid, int send_error)
{
    char ending[64];
    int status;

    if (waitpid(pid, &status, 0) == -1)
        err(1, "waitpid");
    if (status == 0 && send_error == 0)
        return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_STDOUT_LOST)
        return 1; /* the child has said it */
    child_ending(status, ending, sizeof ending);
    if (send_error != 0)
        warnx("cannot send: %s; the child %s", strerror(send_error), ending);
    else
        warnx("the child %s", ending);
    return 1;
}
