/* asleep - what waiting costs: one child blocks in read, another keeps asking.
 *
 * usage: asleep [-h]
 * contract: forks
 *
 * Linux only: reads /proc
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "tick.h"

static const char about[] = "Two children wait for a byte, one asleep and one "
                            "awake; what does that cost?";

// § One child waits, one asks
static int wait_for_a_byte(int rfd)
{
    char byte;

    return read(rfd, &byte, 1) == -1;
}

static int ask_for_a_byte(int rfd)
{
    char byte;
    int flags = fcntl(rfd, F_GETFL);

    if (flags == -1 || fcntl(rfd, F_SETFL, flags | O_NONBLOCK) == -1)
        return 1;
    while (read(rfd, &byte, 1) == -1)
        if (errno != EAGAIN)
            return 1;
    return 0;
}

// § State and CPU time of a process
/* The state letter of a process: the field behind its name, in parentheses, in
 * /proc/PID/stat. */
static char state_of(pid_t pid)
{
    char path[64], line[512], *name_end;
    FILE *stat;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    stat = fopen(path, "r");
    if (stat == NULL || fgets(line, sizeof line, stat) == NULL)
        err(1, "%s", path);
    fclose(stat);
    name_end = strrchr(line, ')');
    if (name_end == NULL || strlen(name_end) < 3)
        errx(1, "%s: no state in it", path);
    return name_end[2];
}

static double cpu_seconds(pid_t pid)
{
    clockid_t clock;
    struct timespec used;

    errno = clock_getcpuclockid(pid, &clock); /* it returns the error */
    if (errno != 0)
        err(1, "clock_getcpuclockid");
    if (clock_gettime(clock, &used) == -1)
        err(1, "clock_gettime");
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

// § The comparison
int main(int argc, char *argv[])
{
    int wait_fd, ask_fd;
    pid_t waits, asks;
    double waits_before, asks_before;

    program_start(argc, argv, about);
    waits = child_start(wait_for_a_byte, &wait_fd);
    asks = child_start(ask_for_a_byte, &ask_fd); /* it inherits wait_fd */
    sleep_until_tick(1);
    while (state_of(waits) == 'R') /* a slow machine: it is not in read yet */
        sleep_until_tick(tick_now() + 0.1);
    waits_before = cpu_seconds(waits);
    asks_before = cpu_seconds(asks);
    sleep_until_tick(tick_now() + 2);
    say("blocking read:    state %c, CPU time used: %s", state_of(waits),
        cpu_seconds(waits) > waits_before ? "some" : "none");
    say("asking in a loop: state %c, CPU time used: %s", state_of(asks),
        cpu_seconds(asks) > asks_before ? "some" : "none");
    close(wait_fd);
    close(ask_fd);
    return child_end(waits, 0) | child_end(asks, 0);
}
