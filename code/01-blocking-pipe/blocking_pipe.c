/* blocking_pipe - a parent, a child, one pipe, no signal.
 *
 * usage: blocking_pipe [-h]
 * contract: forks
 */
#include <err.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "message.h"
#include "tick.h"

static const char about[] = "A child waits for messages; its parent sends one "
                            "at tick 5 and END at tick 10.";

// § The child
static int child(int rfd)
{
    char text[MESSAGE_SIZE];

    for (;;) {
        int got = message_recv(rfd, text);
        if (got == -1) {
            warn("read");
            return 1;
        }
        if (got == 0) {
            warnx("end of file before END: the parent is gone");
            return 1;
        }
        say("sub process recv: %s", text);
        if (strcmp(text, "END") == 0)
            return 0;
    }
}

// § The parent
static int parent(int wfd, pid_t pid)
{
    int error = 0;

    if (message_send_at(5, wfd, "fool") == -1 ||
        message_send_at(10, wfd, "END") == -1)
        error = errno;
    close(wfd);
    return child_end(pid, error);
}

// § The whole program
int main(int argc, char *argv[])
{
    int wfd;
    pid_t pid;

    program_start(argc, argv, about);
    pid = child_start(child, &wfd);
    return parent(wfd, pid);
}
