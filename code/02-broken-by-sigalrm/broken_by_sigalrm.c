/* WRONG: takes a read that a signal interrupted for a read that failed.
 *
 * usage: broken_by_sigalrm [-h]
 * contract: forks, status 1
 */
#include <err.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../01-blocking-pipe/child.h"
#include "../01-blocking-pipe/message.h"
#include "../01-blocking-pipe/tick.h"
#include "alarm.h"

static const char about[] =
    "The blocking pipe of chapter 1, with an alarm in the child every tick.";

// § The child with an alarm
static int child(int rfd)
{
    char text[MESSAGE_SIZE];

    catch_alarm(alarm_line, 0);
    alarm_every(tick_ms() * 1000);
    for (;;) {
        int got = message_recv(rfd, text);
        if (got == -1) {
            warn("read");
            return 1;
        }
        if (got == 0) {
            warnx("end of file before END: the parent is gone");
            return 1;
        }
        say("sub process recv: %s", text);
        if (strcmp(text, "END") == 0)
            return 0;
    }
}

// § The same parent
int main(int argc, char *argv[])
{
    int wfd, error = 0;
    pid_t pid;

    program_start(argc, argv, about);
    pid = child_start(child, &wfd);
    if (message_send_at(5, wfd, "fool") == -1 ||
        message_send_at(10, wfd, "END") == -1)
        error = errno;
    close(wfd);
    return child_end(pid, error);
}
