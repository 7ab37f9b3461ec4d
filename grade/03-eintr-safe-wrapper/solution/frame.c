/* frame.c - see frame.h. The reference solution. */
#include "frame.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

enum { HEADER = 4 };

/* One read, tried again as long as a signal interrupts it. */
static ssize_t read_again(int fd, void *buf, size_t n)
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

/* One write, tried again as long as a signal interrupts it. */
static ssize_t write_again(int fd, const void *buf, size_t n)
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

size_t full_read(int fd, void *buf, size_t n)
{
    unsigned char *bytes = buf;
    size_t done = 0;

    while (done < n) {
        ssize_t got = read_again(fd, bytes + done, n - done);
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
    const unsigned char *bytes = buf;
    size_t done = 0;

    while (done < n) {
        ssize_t put = write_again(fd, bytes + done, n - done);
        if (put == 0)
            errno = ENOSPC; /* or this loop would never end */
        if (put <= 0)
            break;
        done += (size_t)put;
    }
    return done;
}

static void put_length(unsigned char header[HEADER], uint32_t length)
{
    for (int i = HEADER - 1; i >= 0; i--, length >>= 8)
        header[i] = (unsigned char)length;
}

static uint32_t get_length(const unsigned char header[HEADER])
{
    uint32_t length = 0;

    for (int i = 0; i < HEADER; i++)
        length = length << 8 | header[i];
    return length;
}

static int fail(int error)
{
    errno = error;
    return -1;
}

/* A read inside a message came back short: the end there is an error too. */
static int torn(void)
{
    return fail(errno == 0 ? EPROTO : errno);
}

int send_message(int fd, const void *buf, size_t len)
{
    unsigned char header[HEADER];

    if (len > MESSAGE_MAX)
        return fail(EMSGSIZE);
    put_length(header, (uint32_t)len);
    if (full_write(fd, header, HEADER) < HEADER)
        return -1;
    return full_write(fd, buf, len) < len ? -1 : 0;
}

/* Reads a message that has no room to its end, in pieces. Returns -1. */
static int skip_message(int fd, size_t length, size_t *len)
{
    unsigned char piece[4096];

    for (size_t left = length; left > 0;) {
        size_t n = left < sizeof piece ? left : sizeof piece;
        if (full_read(fd, piece, n) < n)
            return torn();
        left -= n;
    }
    *len = length;
    return fail(EMSGSIZE);
}

int recv_message(int fd, void *buf, size_t size, size_t *len)
{
    unsigned char header[HEADER];
    int saved = errno;
    size_t length, got = full_read(fd, header, HEADER);

    if (got == 0 && errno == 0) {
        errno = saved;
        return 0;
    }
    if (got < HEADER)
        return torn();
    length = get_length(header);
    if (length > MESSAGE_MAX)
        return fail(EPROTO);
    if (length > size)
        return skip_message(fd, length, len);
    if (full_read(fd, buf, length) < length)
        return torn();
    *len = length;
    return 1;
}
