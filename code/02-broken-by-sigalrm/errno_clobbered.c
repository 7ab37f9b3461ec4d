/* WRONG: the handler changes errno between a failed call and its test.
 *
 * usage: errno_clobbered [-h]
 * contract: silent, status 1
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "../01-blocking-pipe/tick.h"
#include "alarm.h"

static const char about[] = "Opens a file that is not there, again and again; "
                            "a handler interferes with errno.";

// § A handler with a side effect
static int log_fd =
    -1; /* the log could not be opened, and that was to be no problem */

static void on_alarm(int sig)
{
    (void)sig;
    if (write(log_fd, "alarm(14)\n", 10) == -1)
        return; /* no log, no line; but errno is EBADF now */
}

// § A test of errno, far away
int main(int argc, char *argv[])
{
    program_start(argc, argv, about);
    catch_alarm(on_alarm, SA_RESTART);
    alarm_every(100);
    for (;;)
        if (open("/nonexistent", O_RDONLY) == -1 && errno != ENOENT)
            err(1, "open /nonexistent");
}
