/* restarted_read - broken_by_sigalrm mended by one flag, SA_RESTART.
 *
 * usage: restarted_read [-h]
 * contract: forks
 */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "../01-blocking-pipe/child.h"
#include "../01-blocking-pipe/message.h"
#include "../01-blocking-pipe/tick.h"
#include "alarm.h"

static const char about[] =
    "A read that SIGALRM interrupts every tick, and that SA_RESTART restarts.";

// § One flag more
static int child(int rfd)
{
    catch_alarm(alarm_line, SA_RESTART);
    alarm_every(tick_ms() * 1000);
    return message_print_all(rfd);
}

// § Messages between the alarms
int main(int argc, char *argv[])
{
    int wfd, error = 0;
    pid_t pid;

    program_start(argc, argv, about);
    pid = child_start(child, &wfd);
    if (message_send_at(5.5, wfd, "fool") == -1 ||
        message_send_at(10.5, wfd, "END") == -1)
        error = errno;
    close(wfd);
    return child_end(pid, error);
}
