/* WRONG: waits for a flag to end a read that SA_RESTART never lets go of.
 *
 * usage: deaf_read [-h]
 * contract: hangs
 */
#define _GNU_SOURCE /* pipe2 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "../01-blocking-pipe/tick.h"
#include "alarm.h"

static const char about[] =
    "A read that should give up after one tick, and does not.";

// § A time limit that nobody hears
static volatile sig_atomic_t time_is_up;

static void on_alarm(int sig)
{
    time_is_up = 1;
    alarm_line(sig);
}

int main(int argc, char *argv[])
{
    int fd[2];
    char byte;

    program_start(argc, argv, about);
    if (pipe2(fd, O_CLOEXEC) == -1)
        err(1, "pipe");
    catch_alarm(on_alarm, SA_RESTART);
    alarm_every(tick_ms() * 1000);
    do {
        if (read(fd[0], &byte, 1) == -1 && errno != EINTR)
            err(1, "read");
    } while (!time_is_up);
    say("nothing came within a tick: giving up");
    return 0;
}
