/* WRONG: relies on SA_RESTART in front of poll, which is never restarted.
 *
 * usage: poll_interrupted [-h]
 * contract: forks, status 1
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "../01-blocking-pipe/child.h"
#include "../01-blocking-pipe/message.h"
#include "../01-blocking-pipe/tick.h"
#include "alarm.h"

static const char about[] =
    "A poll that SIGALRM interrupts although its handler has SA_RESTART.";

// § poll under SA_RESTART
static int child(int rfd)
{
    struct pollfd pipe_end = {.fd = rfd, .events = POLLIN};

    catch_alarm(alarm_line, SA_RESTART);
    alarm_every(tick_ms() * 1000);
    if (poll(&pipe_end, 1, -1) == -1) {
        warn("poll");
        return 1;
    }
    return message_print_all(rfd);
}

int main(int argc, char *argv[])
{
    int wfd, error = 0;
    pid_t pid;

    program_start(argc, argv, about);
    pid = child_start(child, &wfd);
    if (message_send_at(5.5, wfd, "fool") == -1)
        error = errno;
    close(wfd);
    return child_end(pid, error);
}
