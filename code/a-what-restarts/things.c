/* things.c - see things.h. Linux only: /proc/self/fd. */
#define _GNU_SOURCE /* pipe2 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "things.h"

int fd[2];
char buffer[1024];
const struct timespec hour = {.tv_sec = 3600};

// § Nothing to read, no room to write
int empty_pipe(void)
{
    return pipe2(fd, O_CLOEXEC);
}

int full_pipe(void)
{
    return empty_pipe() == -1 ? -1 : fill(fd[1]);
}

int socket_pair(void)
{
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd);
}

int full_socket(void)
{
    return socket_pair() == -1 ? -1 : fill(fd[1]);
}

int fill(int wfd)
{
    int flags = fcntl(wfd, F_GETFL);

    if (flags == -1 || fcntl(wfd, F_SETFL, flags | O_NONBLOCK) == -1)
        return -1;
    while (write(wfd, buffer, sizeof buffer) > 0)
        ;
    return errno != EAGAIN ? -1 : fcntl(wfd, F_SETFL, flags);
}

// § Small helpers
int open_again(int old, int flags)
{
    char path[32];

    snprintf(path, sizeof path, "/proc/self/fd/%d", old);
    return open(path, flags | O_CLOEXEC);
}

struct timespec in_an_hour(clockid_t clock)
{
    struct timespec t = {0};

    clock_gettime(clock, &t);
    t.tv_sec += hour.tv_sec;
    return t;
}

long by_errno(int error)
{
    errno = error;
    return error == 0 ? 0 : -1;
}
