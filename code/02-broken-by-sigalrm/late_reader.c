/* late_reader.c - see late_reader.h. */
#define _GNU_SOURCE /* pipe2 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../01-blocking-pipe/child.h"
#include "../01-blocking-pipe/tick.h"
#include "late_reader.h"

// § A reader that is late
static int go[2]; /* a byte through it is the word to begin */

static int read_late(int rfd)
{
    static char buffer[4096];
    char byte;
    long bytes = 0;
    ssize_t n;

    close(go[1]);
    if (read(go[0], &byte, 1) != 1)
        return 1; /* no word, and none will come: the parent is gone */
    while ((n = read(rfd, buffer, sizeof buffer)) > 0)
        bytes += n;
    if (n == -1) {
        warn("read");
        return 1;
    }
    say("sub process recv: %ld bytes", bytes);
    return 0;
}

pid_t late_reader_start(int *wfd)
{
    pid_t pid;

    if (pipe2(go, O_CLOEXEC) == -1)
        err(1, "pipe");
    pid = child_start(read_late, wfd);
    close(go[0]);
    return pid;
}

void late_reader_go(void)
{
    if (write(go[1], "g", 1) == -1 && errno != EPIPE)
        err(1, "write");
}
