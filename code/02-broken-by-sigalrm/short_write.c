/* WRONG: assumes that write writes everything, because SA_RESTART is set.
 *
 * usage: short_write [-h]
 * contract: forks
 */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "../01-blocking-pipe/child.h"
#include "../01-blocking-pipe/tick.h"
#include "alarm.h"
#include "late_reader.h"

static const char about[] = "A write of 100000 bytes that SIGALRM cuts short "
                            "although its handler has SA_RESTART.";

// § One write of 100,000 bytes
int main(int argc, char *argv[])
{
    static char data[100000];
    int wfd, error = 0;
    ssize_t n;
    pid_t pid;

    program_start(argc, argv, about);
    pid = late_reader_start(&wfd);
    catch_alarm(alarm_line, SA_RESTART);
    alarm_every(tick_ms() * 1000);
    n = write(wfd, data, sizeof data);
    if (n == -1)
        error = errno;
    else
        say("write returned %zd of %zu", n, sizeof data);
    alarm_every(0);
    late_reader_go();
    close(wfd);
    return child_end(pid, error);
}
