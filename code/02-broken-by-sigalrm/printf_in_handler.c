/* WRONG: fprintf in a handler waits for a lock that nobody will release.
 *
 * usage: printf_in_handler [-h]
 * contract: hangs
 */
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "../01-blocking-pipe/tick.h"
#include "alarm.h"

static const char about[] = "fprintf in the program and in its handler, 1000 "
                            "alarms a second, until it deadlocks.";

// § A process that has had a second thread
static void *return_at_once(void *arg)
{
    return arg;
}

static void have_had_a_thread(void)
{
    pthread_t thread;

    errno = pthread_create(&thread, NULL, return_at_once, NULL);
    if (errno == 0)
        errno = pthread_join(thread, NULL);
    if (errno != 0)
        err(1, "thread");
}

// § One stream, used twice at once
static FILE *out;

static void on_alarm(int sig)
{
    fprintf(out, "alarm(%d)\n", sig);
}

int main(int argc, char *argv[])
{
    program_start(argc, argv, about);
    out = fopen("/dev/null", "w");
    if (out == NULL)
        err(1, "open /dev/null");
    have_had_a_thread();
    say("printing; Ctrl-C ends it");
    catch_alarm(on_alarm, 0);
    alarm_every(1000);
    for (long line = 1;; line++)
        fprintf(out, "line %ld\n", line);
}
