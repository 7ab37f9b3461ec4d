/* without_waiting - what a write to a non-blocking pipe does, by its size and
 * by the room that there is.
 *
 * usage: without_waiting [-h]
 *
 * Linux only: a pipe is made of pages
 */
#define _GNU_SOURCE /* pipe2, F_GETPIPE_SZ */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "tick.h"

static const char about[] =
    "How much does a pipe take from a writer that does not wait?";

static char zeros[100000];

// § A pipe with little room
/* A new non-blocking pipe with room for `room` bytes, a multiple of PIPE_BUF.
 */
static void pipe_with_room(int fd[2], int room)
{
    int capacity;

    if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) == -1)
        err(1, "pipe");
    capacity = fcntl(fd[1], F_GETPIPE_SZ);
    for (int used = 0; used < capacity - room; used += PIPE_BUF)
        if (write(fd[1], zeros, PIPE_BUF) == -1)
            err(1, "write");
}

// § What a write says
static const char *outcome(size_t size, int room)
{
    static char text[3][24]; /* for a line of three */
    static int next;
    char *into = text[next++ % 3];
    int fd[2];
    ssize_t n;

    pipe_with_room(fd, room);
    n = write(fd[1], zeros, size);
    if (n == -1 && errno != EAGAIN)
        err(1, "write");
    snprintf(into, sizeof text[0], n == -1 ? "EAGAIN" : "%zd", n);
    close(fd[0]);
    close(fd[1]);
    return into;
}

int main(int argc, char *argv[])
{
    static const size_t sizes[] = {16, PIPE_BUF, PIPE_BUF + 1, sizeof zeros};
    const int one = PIPE_BUF, two = 2 * PIPE_BUF;

    program_start(argc, argv, about);
    say("room for    %8d %8d %8d", 0, one, two);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        say("write %6zu%8s %8s %8s", sizes[i], outcome(sizes[i], 0),
            outcome(sizes[i], one), outcome(sizes[i], two));
    return 0;
}
