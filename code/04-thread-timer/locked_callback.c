/* WRONG: main waits for its child with a lock that the timer's callback needs.
 *
 * locked_callback - a timer that is alive, and rings only when the child has
 * ended.
 *
 * usage: locked_callback [-h]
 * contract: forks
 */
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "../01-blocking-pipe/child.h"
#include "../01-blocking-pipe/tick.h"

static const char about[] =
    "A timer of one tick whose callback needs a lock; main has it.";

// § The timer and its callback
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void callback(void)
{
    pthread_mutex_lock(&lock);
    say("timer: tick");
    pthread_mutex_unlock(&lock);
}

static void *timer(void *unused)
{
    sleep_until_tick(1);
    say("timer: awake at its time");
    callback();
    return unused;
}

// § A child that takes its time
static pid_t parent;

static int child(int unused)
{
    (void)unused;
    leave_with_parent(parent);
    sleep_until_tick(3.5);
    say("child: done");
    return 0;
}

// § Waiting with the lock
static int wait_locked(pid_t pid)
{
    pthread_t thread;
    int status;

    pthread_mutex_lock(&lock);
    errno = pthread_create(&thread, NULL, timer, NULL);
    if (errno != 0)
        err(1, "pthread_create");
    status = child_end(pid, 0);
    say("main: the child has ended");
    pthread_mutex_unlock(&lock);
    pthread_join(thread, NULL);
    return status;
}

// § Parent and child
int main(int argc, char *argv[])
{
    int wfd;

    program_start(argc, argv, about);
    parent = getpid();
    return wait_locked(child_start(child, &wfd));
}
