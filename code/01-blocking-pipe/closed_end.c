/* closed_end - open_end put right: each process closes what it does not use.
 *
 * usage: closed_end [-h]
 * contract: forks
 */
#include <errno.h>
#include <unistd.h>

#include "child.h"
#include "message.h"
#include "tick.h"

static const char about[] = "A parent sends one message and closes its end; "
                            "its child sees end of file.";

// § A child with one end
int main(int argc, char *argv[])
{
    int wfd, error = 0;
    pid_t pid;

    program_start(argc, argv, about);
    pid = child_start(message_print_all, &wfd);
    if (message_send_at(1, wfd, "fool") == -1)
        error = errno;
    close(wfd);
    return child_end(pid, error);
}
