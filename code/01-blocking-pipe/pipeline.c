/* pipeline - ls /proc/self/fd | wc -l, made as a shell makes it.
 *
 * usage: pipeline [-h]
 * contract: silent
 *
 * What appears is printed by wc. Linux only: /proc/self/fd
 */
#define _GNU_SOURCE /* pipe2 */
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "child.h"
#include "tick.h"

static const char about[] =
    "ls /proc/self/fd | wc -l, with pipe, fork, dup2 and exec.";

// § One program of the pipeline
static void become(char *argv[], int end, int standard)
{
    struct sigaction sa = {.sa_handler = SIG_DFL};

    sigemptyset(&sa.sa_mask);
    if (dup2(end, standard) != -1 && sigaction(SIGPIPE, &sa, NULL) != -1)
        execvp(argv[0], argv); /* comes back only if it fails */
    warn("%s", argv[0]);
    _exit(127);
}

static pid_t start(char *argv[], int end, int standard)
{
    pid_t pid = fork();

    if (pid == -1)
        err(1, "fork");
    if (pid == 0)
        become(argv, end, standard);
    return pid;
}

// § Two programs and a pipe
int main(int argc, char *argv[])
{
    char *ls[] = {"ls", "/proc/self/fd", NULL}, *wc[] = {"wc", "-l", NULL};
    int fd[2], failed;
    pid_t writer, reader;

    program_start(argc, argv, about);
    if (pipe2(fd, O_CLOEXEC) == -1)
        err(1, "pipe");
    writer = start(ls, fd[1], STDOUT_FILENO);
    reader = start(wc, fd[0], STDIN_FILENO);
    close(fd[0]);
    close(fd[1]); /* or wc would wait forever for the end */
    failed = child_end(writer, 0);
    return child_end(reader, 0) | failed;
}
