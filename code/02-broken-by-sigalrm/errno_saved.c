/* errno_saved - errno_clobbered put right: errno is as it was found.
 *
 * usage: errno_saved [-h]
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "../01-blocking-pipe/tick.h"
#include "alarm.h"

static const char about[] = "Opens a file that is not there during 2000 "
                            "alarms; errno must be right each time.";

// § A handler without a trace
enum { ALARMS = 2000 };

static int log_fd = -1;
static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
    int saved = errno;

    (void)sig;
    if (write(log_fd, "alarm(14)\n", 10) == -1)
        alarms++;
    errno = saved;
}

// § The same test of errno
int main(int argc, char *argv[])
{
    program_start(argc, argv, about);
    catch_alarm(on_alarm, SA_RESTART);
    alarm_every(100);
    while (alarms < ALARMS)
        if (open("/nonexistent", O_RDONLY) == -1 && errno != ENOENT)
            err(1, "open /nonexistent");
    say("%d alarms, errno right each time", ALARMS);
    return 0;
}
