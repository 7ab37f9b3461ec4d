/* WRONG: the child keeps a write end open, and so never sees end of file.
 *
 * usage: open_end [-h]
 * contract: forks, hangs
 */
#define _GNU_SOURCE /* pipe2 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "child.h"
#include "message.h"
#include "tick.h"

static const char about[] = "A parent sends one message and closes its end; "
                            "its child never learns of it.";

// § A child with both ends
int main(int argc, char *argv[])
{
    int fd[2], error = 0;
    pid_t parent = getpid(), pid;

    program_start(argc, argv, about);
    if (pipe2(fd, O_CLOEXEC) == -1)
        err(1, "pipe");
    pid = fork();
    if (pid == -1)
        err(1, "fork");
    if (pid == 0) {
        leave_with_parent(
            parent); /* or killing the parent would leave this child behind */
        _exit(message_print_all(fd[0]));
    }
    close(fd[0]);
    if (message_send_at(1, fd[1], "fool") == -1)
        error = errno;
    close(fd[1]);
    return child_end(pid, error);
}
