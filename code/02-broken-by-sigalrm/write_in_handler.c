/* write_in_handler - printf_in_handler put right: a constant, by write(2).
 *
 * usage: write_in_handler [-h]
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "../01-blocking-pipe/tick.h"
#include "alarm.h"

static const char about[] =
    "fprintf in the program, write in its handler, 1000 alarms a second.";

// § A line without a stream
enum { ALARMS = 500 };

static FILE *out;
static int out_fd;
static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
    int saved = errno;

    (void)sig;
    if (write(out_fd, "alarm(14)\n", 10) == 10)
        alarms++;
    errno = saved;
}

int main(int argc, char *argv[])
{
    program_start(argc, argv, about);
    out_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    out = fopen("/dev/null", "w");
    if (out_fd == -1 || out == NULL)
        err(1, "open /dev/null");
    say("printing until the handler has printed %d lines", ALARMS);
    catch_alarm(on_alarm, SA_RESTART);
    alarm_every(1000);
    for (long line = 1; alarms < ALARMS; line++)
        if (fprintf(out, "line %ld\n", line) < 0)
            err(1, "fprintf");
    say("done");
    return 0;
}
