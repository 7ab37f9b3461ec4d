/* message.c - see message.h. */
#include <err.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "message.h"
#include "tick.h"

// § Sending a message
int message_send(int wfd, const char *text)
{
    char record[MESSAGE_SIZE] = {0};
    size_t length = strlen(text);

    if (length >= sizeof record) {
        errno = EMSGSIZE;
        return -1;
    }
    memcpy(record, text, length);
    return write(wfd, record, sizeof record) == -1 ? -1 : 0;
}

int message_send_at(double tick, int wfd, const char *text)
{
    sleep_until_tick(tick);
    return message_send(wfd, text);
}

// § Receiving a message
int message_recv(int rfd, char text[MESSAGE_SIZE])
{
    ssize_t n = read(rfd, text, MESSAGE_SIZE);

    if (n <= 0)
        return (int)n;
    if (n != MESSAGE_SIZE || text[MESSAGE_SIZE - 1] != '\0') {
        errno = EPROTO;
        return -1;
    }
    return 1;
}

// § Every message until end of file
int message_print_all(int rfd)
{
    char text[MESSAGE_SIZE];
    int got;

    while ((got = message_recv(rfd, text)) == 1)
        say("sub process recv: %s", text);
    if (got == -1) {
        warn("read");
        return 1;
    }
    say("sub process: end of file");
    return 0;
}
