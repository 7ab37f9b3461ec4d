/* WRONG: takes what one read returns for one message.
 *
 * usage: two_as_one [-h]
 * contract: status 1
 */
#define _GNU_SOURCE /* pipe2 */
#include <err.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tick.h"

static const char about[] =
    "Two messages are in the pipe before the first read.";

// § A message is what a read returns
static void receive(int rfd)
{
    char text[64];

    do {
        ssize_t n = read(rfd, text, sizeof text - 1);
        if (n == -1)
            err(1, "read");
        if (n == 0)
            errx(1, "end of file before END");
        text[n] = '\0';
        say("recv: %s", text);
    } while (strcmp(text, "END") != 0);
}

int main(int argc, char *argv[])
{
    int fd[2];

    program_start(argc, argv, about);
    if (pipe2(fd, O_CLOEXEC) == -1)
        err(1, "pipe");
    if (write(fd[1], "fool", 4) == -1 || write(fd[1], "END", 3) == -1)
        err(1, "write");
    close(fd[1]);
    receive(fd[0]);
    return 0;
}
