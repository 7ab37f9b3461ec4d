/* safe_io.c - see safe_io.h. POSIX, except that safe_close relies on Linux. */
#include "safe_io.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

// § One read, one write
ssize_t safe_read(int fd, void *buf, size_t n)
{
    int saved = errno;
    ssize_t got;

    do {
        got = read(fd, buf, n);
    } while (got == -1 && errno == EINTR);
    if (got >= 0)
        errno = saved;
    return got;
}

ssize_t safe_write(int fd, const void *buf, size_t n)
{
    int saved = errno;
    ssize_t put;

    do {
        put = write(fd, buf, n);
    } while (put == -1 && errno == EINTR);
    if (put >= 0)
        errno = saved;
    return put;
}

// § All of it
size_t full_read(int fd, void *buf, size_t n)
{
    char *bytes = buf;
    size_t done = 0;

    while (done < n) {
        ssize_t got = safe_read(fd, bytes + done, n - done);
        if (got == 0)
            errno = 0; /* the end, and not an error */
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    return done;
}

size_t full_write(int fd, const void *buf, size_t n)
{
    const char *bytes = buf;
    size_t done = 0;

    while (done < n) {
        ssize_t put = safe_write(fd, bytes + done, n - done);
        if (put == 0)
            errno = ENOSPC; /* or this loop would never end */
        if (put <= 0)
            break;
        done += (size_t)put;
    }
    return done;
}

// § Closing, once
int safe_close(int fd)
{
    int saved = errno;

    if (close(fd) == -1 && errno != EINTR && errno != EINPROGRESS)
        return -1;
    errno = saved;
    return 0;
}

// § Waiting for a child
pid_t safe_waitpid(pid_t pid, int *status, int options)
{
    int saved = errno;
    pid_t ended;

    do {
        ended = waitpid(pid, status, options);
    } while (ended == -1 && errno == EINTR);
    if (ended >= 0)
        errno = saved;
    return ended;
}
