/* WRONG: after an interruption it receives from the beginning: length first.
 *
 * usage: restarted_recv [-h]
 * contract: forks, status 1
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../01-blocking-pipe/child.h"
#include "../01-blocking-pipe/tick.h"
#include "../02-broken-by-sigalrm/alarm.h"

static const char about[] =
    "A receiver that forgets what it had read before it was interrupted.";

// § Receive, or try again
/* One try: 4 bytes of length, and the text. Returns as read does. */
static ssize_t recv_once(int rfd, char *text, size_t size)
{
    unsigned char head[4];
    unsigned length;
    ssize_t n = read(rfd, head, 4);

    if (n != 4)
        return n == -1 ? -1 : 0;
    length = head[0] * 0x1000000U + head[1] * 0x10000U + head[2] * 0x100U +
             head[3];
    say("sub process: a message of %u bytes", length);
    if (length >= size)
        return 0;
    n = read(rfd, text, length);
    if (n >= 0)
        text[n] = '\0';
    return n;
}

static int receive(int rfd)
{
    char text[64];
    ssize_t n;

    catch_alarm(alarm_line, 0);
    alarm_every(tick_ms() * 1000);
    do {
        n = recv_once(rfd, text, sizeof text);
    } while (n == -1 && errno == EINTR); /* once more, from the top */
    alarm_every(0);
    if (n <= 0)
        return 1;
    say("sub process recv: %s", text);
    return 0;
}

// § A message in two parts
static int send_at(double tick, int wfd, const void *bytes, size_t size)
{
    sleep_until_tick(tick);
    return write(wfd, bytes, size) == -1 ? errno : 0;
}

int main(int argc, char *argv[])
{
    int wfd, error;
    pid_t pid;

    program_start(argc, argv, about);
    pid = child_start(receive, &wfd);
    error = send_at(0.5, wfd, "\x00\x00\x00\x04", 4);
    if (error == 0)
        error = send_at(5.5, wfd, "fool", 4);
    close(wfd);
    return child_end(pid, error);
}
