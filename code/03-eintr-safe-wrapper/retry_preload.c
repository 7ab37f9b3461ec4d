/* retry_preload - a read that retries, put in front of that of the C library
 * by the dynamic linker.
 *
 * usage: LD_PRELOAD=./retry_preload.so PROGRAM
 *
 * Linux only: syscall(2). */
#define _GNU_SOURCE /* syscall */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

ssize_t read(int fd, void *buf, size_t n);

// § Another read
ssize_t read(int fd, void *buf, size_t n)
{
    long got;

    do {
        got = syscall(SYS_read, fd, buf, n);
    } while (got == -1 && errno == EINTR);
    return got;
}
