/* two_messages - two_as_one put right: a message is a record of one size.
 *
 * usage: two_messages [-h]
 */
#define _GNU_SOURCE /* pipe2 */
#include <err.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "message.h"
#include "tick.h"

static const char about[] = "Two messages are in the pipe before the first "
                            "read, as records of 16 bytes.";

// § A message is a record
static void receive(int rfd)
{
    char text[MESSAGE_SIZE];

    do {
        int got = message_recv(rfd, text);
        if (got == -1)
            err(1, "read");
        if (got == 0)
            errx(1, "end of file before END");
        say("recv: %s", text);
    } while (strcmp(text, "END") != 0);
}

int main(int argc, char *argv[])
{
    int fd[2];

    program_start(argc, argv, about);
    if (pipe2(fd, O_CLOEXEC) == -1)
        err(1, "pipe");
    if (message_send(fd[1], "fool") == -1 || message_send(fd[1], "END") == -1)
        err(1, "write");
    close(fd[1]);
    receive(fd[0]);
    return 0;
}
