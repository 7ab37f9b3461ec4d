/* thread_timer - safe_pipe without a signal: the timer is a thread, and the
 * read that waits for a message is left alone.
 *
 * usage: thread_timer [-h]
 * contract: forks
 */
#include <err.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../01-blocking-pipe/child.h"
#include "../01-blocking-pipe/tick.h"
#include "../03-eintr-safe-wrapper/conn.h"
#include "timer.h"

static const char about[] =
    "Messages through a pipe while a thread of the reader prints every tick.";

// § What the timer does
/* In the timer's thread. Each say() is one write(2), so that the lines of two
 * threads do not mix. */
static void print_alarm(void *arg, unsigned long expirations)
{
    (void)arg;
    (void)expirations;
    say("sub process alarm");
}

// § Receiving, undisturbed
static int receive_all(conn *c)
{
    char text[64];
    int got;

    while ((got = conn_recv(c, text, sizeof text)) == 1) {
        say("sub process recv: %s", text);
        if (strcmp(text, "END") == 0)
            return 0;
    }
    if (got == -1)
        warn("conn_recv");
    else
        warnx("end of file before END: the parent is gone");
    return 1;
}

// § The child and its timer
static int child(conn *c)
{
    timer *t;
    int status;

    if (timer_start(&t, tick_ms() * 1000LL, print_alarm, NULL) == -1) {
        warn("timer_start");
        return 1;
    }
    status = receive_all(c);
    timer_stop(t); /* its thread has ended: this process may, too */
    return status;
}

// § The parent, as before
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

// § Fork first, threads later
int main(int argc, char *argv[])
{
    conn *reader, *writer;
    pid_t pid;

    program_start(argc, argv, about);
    if (conn_pair(&reader, &writer, false) == -1)
        err(1, "pipe");
    /* While there is one thread: a child gets none of the others, but all
     * their locks, as locked as they are. */
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
