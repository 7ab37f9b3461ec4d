/* safe_pipe - broken_by_sigalrm with connections: no message is lost, whatever
 * signals come.
 *
 * usage: safe_pipe [-h]
 * contract: forks
 */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "../01-blocking-pipe/child.h"
#include "../01-blocking-pipe/tick.h"
#include "../02-broken-by-sigalrm/alarm.h"
#include "conn.h"

static const char about[] =
    "Messages through a pipe while SIGALRM interrupts the reader every tick.";

// § Counting alarms
static volatile sig_atomic_t alarms;

static void count_alarm(int sig)
{
    alarms++;
    alarm_line(sig);
}

static void ignore_alarm(void)
{
    struct sigaction sa = {.sa_handler = SIG_IGN};

    sigemptyset(&sa.sa_mask);
    if (sigaction(SIGALRM, &sa, NULL) == -1)
        warn("sigaction");
}

// § The child, safe
static int child(conn *c)
{
    char text[64];
    int got;

    catch_alarm(count_alarm, 0);
    alarm_every(tick_ms() * 1000);
    while ((got = conn_recv(c, text, sizeof text)) == 1) {
        say("sub process recv: %s", text);
        if (strcmp(text, "END") == 0)
            break;
    }
    alarm_every(0);
    ignore_alarm(); /* from outside, some may still come */
    if (got == -1)
        warn("conn_recv");
    if (got == 0)
        warnx("end of file before END: the parent is gone");
    say("%d alarms", (int)alarms);
    return got == 1 ? 0 : 1;
}

// § The parent, safe
static int send_at(double tick, conn *c, const char *text)
{
    sleep_until_tick(tick);
    return conn_send(c, text);
}

static int parent(conn *c, pid_t pid)
{
    int error = 0;

    if (send_at(5.5, c, "fool") == -1 || send_at(10.5, c, "END") == -1)
        error = errno;
    conn_close(c);
    return child_end(pid, error);
}

// § A pipe of connections
int main(int argc, char *argv[])
{
    conn *reader, *writer;
    pid_t pid;

    program_start(argc, argv, about);
    ignore_alarm(); /* for the parent, and for the child until it is ready */
    if (conn_pair(&reader, &writer, false) == -1)
        err(1, "pipe");
    pid = fork();
    if (pid == -1)
        err(1, "fork");
    if (pid == 0) {
        conn_close(writer);
        _exit(child(reader));
    }
    conn_close(reader);
    return parent(writer, pid);
}
