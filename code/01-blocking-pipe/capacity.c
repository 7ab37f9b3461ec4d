/* capacity - how much a pipe takes while nobody reads.
 *
 * usage: capacity [-h]
 *
 * Linux only: F_GETPIPE_SZ
 */
#define _GNU_SOURCE /* pipe2, F_GETPIPE_SZ */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "tick.h"

static const char about[] =
    "How many bytes does a pipe take before a writer has to wait?";

// § Until it is full
/* Writes pieces of `size` bytes into a new pipe until it takes no more. Returns
 * how many bytes it took. */
static long fill(size_t size)
{
    static char zeros[PIPE_BUF];
    int fd[2];
    long bytes = 0;
    ssize_t n;

    if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) == -1)
        err(1, "pipe");
    while ((n = write(fd[1], zeros, size)) > 0)
        bytes += n;
    if (n == -1 && errno != EAGAIN)
        err(1, "write");
    close(fd[0]);
    close(fd[1]);
    return bytes;
}

// § What the system says
int main(int argc, char *argv[])
{
    static const size_t sizes[] = {1, 16, 3000, PIPE_BUF};
    int fd[2], capacity;

    program_start(argc, argv, about);
    if (pipe2(fd, O_CLOEXEC) == -1)
        err(1, "pipe");
    capacity = fcntl(fd[1], F_GETPIPE_SZ);
    if (capacity == -1)
        err(1, "fcntl");
    say("PIPE_BUF %d, F_GETPIPE_SZ %d", PIPE_BUF, capacity);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        say("in writes of %zu: %ld bytes", sizes[i], fill(sizes[i]));
    return 0;
}
