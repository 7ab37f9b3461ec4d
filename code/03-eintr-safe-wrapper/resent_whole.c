/* WRONG: sends a message again from its beginning when a write was cut short.
 *
 * usage: resent_whole [-h]
 * contract: forks, status 1
 */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "../01-blocking-pipe/child.h"
#include "../01-blocking-pipe/tick.h"
#include "../02-broken-by-sigalrm/alarm.h"
#include "conn.h"

static const char about[] =
    "A message that is sent anew after each interruption, and what arrives.";

enum { SIZE = 100000 };

// § Once more, from the top
/* The message: a length of 4 bytes, and then SIZE letters. */
static char message[4 + SIZE];
static int go[2]; /* a byte through it: the reader may begin */

static int send_stubbornly(int wfd)
{
    for (;;) {
        ssize_t n = write(wfd, message, sizeof message);
        if (n == sizeof message)
            return 0;
        if (n == -1 && errno != EINTR)
            return -1;
        say("write returned %zd of %zu: once more", n, sizeof message);
        alarm_every(0);
        if (write(go[1], "g", 1) == -1) /* only now somebody reads */
            return -1;
    }
}

// § What the other side makes of it
static int receive(int rfd)
{
    static char text[SIZE];
    size_t len, good = 0;
    char byte;
    conn *c;
    int got = 0;

    close(go[1]);
    if (read(go[0], &byte, 1) != 1 || conn_adopt(&c, rfd, true, false) == -1)
        return 1;
    while ((got = conn_recv_bytes(c, text, sizeof text, &len)) == 1) {
        while (good < len && text[good] == 'a')
            good++;
        say("sub process recv: %zu bytes, good up to byte %zu", len, good);
    }
    if (got == -1)
        say("sub process: the next message has %zu bytes: %s", len,
            strerror(errno));
    while (read(rfd, text, sizeof text) > 0)
        ; /* let the writer come to its end */
    return got == 0 ? 0 : 1;
}

// § Message and reader
int main(int argc, char *argv[])
{
    int wfd, error = 0;
    pid_t pid;

    program_start(argc, argv, about);
    memcpy(message, "\x00\x01\x86\xa0", 4); /* 100000, big-endian */
    memset(message + 4, 'a', SIZE);
    if (pipe(go) == -1)
        err(1, "pipe");
    pid = child_start(receive, &wfd);
    close(go[0]);
    catch_alarm(alarm_line, 0);
    alarm_every(tick_ms() * 1000);
    if (send_stubbornly(wfd) == -1)
        error = errno;
    close(wfd);
    return child_end(pid, error);
}
