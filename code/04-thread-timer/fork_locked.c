/* WRONG: forks while another thread holds a lock that the child needs.
 *
 * fork_locked - the child's copy of the lock is locked, by nobody, forever.
 * (Before that it calls more than POSIX allows the child of a process with
 * threads: say() is not async-signal-safe. glibc and musl let it.)
 *
 * usage: fork_locked [-h]
 * contract: status 1
 */
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include "../01-blocking-pipe/child.h"
#include "../01-blocking-pipe/tick.h"
#include "../02-broken-by-sigalrm/alarm.h"
#include "threads.h"

static const char about[] =
    "Forks while a thread has a lock; the child wants that lock too.";

// § A thread with a lock
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sem_t locked;

static void *hold(void *unused)
{
    pthread_mutex_lock(&lock);
    say("thread: locked");
    sem_post(&locked);
    sleep_until_tick(1);
    pthread_mutex_unlock(&lock);
    say("thread: unlocked");
    return unused;
}

// § Until it has the lock
static pthread_t start_thread(void)
{
    pthread_t thread;

    if (sem_init(&locked, 0, 0) == -1)
        err(1, "sem_init");
    errno = pthread_create(&thread, NULL, hold, NULL);
    if (errno != 0)
        err(1, "pthread_create");
    while (sem_wait(&locked) == -1)
        ; /* EINTR */
    return thread;
}

// § A child that wants it
static int child(pid_t parent)
{
    leave_with_parent(parent);
    say("child: %d thread", thread_count());
    if (pthread_mutex_trylock(&lock) == EBUSY)
        say("child: the lock is taken");
    alarm_every(2 * tick_ms() * 1000); /* nobody catches it: it will kill */
    pthread_mutex_lock(&lock);
    say("child: locked at last");
    return 0;
}

// § A fork at the wrong moment
int main(int argc, char *argv[])
{
    pthread_t thread;
    pid_t parent = getpid(), pid;
    int status;

    program_start(argc, argv, about);
    thread = start_thread();
    pid = fork();
    if (pid == -1)
        err(1, "fork");
    if (pid == 0)
        _exit(child(parent));
    status = child_end(pid, 0);
    pthread_join(thread, NULL);
    return status;
}
