/* fork_atfork - fork_locked put right, as to the lock: the fork waits for it.
 * (Its child calls more than POSIX allows the child of a process with threads:
 * say() is not async-signal-safe. glibc and musl let it.)
 *
 * usage: fork_atfork [-h]
 * contract: spins
 */
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include "../01-blocking-pipe/child.h"
#include "../01-blocking-pipe/tick.h"
#include "threads.h"

static const char about[] =
    "Forks while a thread has a lock, and with pthread_atfork(3).";

// § The same thread with a lock
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sem_t locked;

static void *hold(void *unused)
{
    pthread_mutex_lock(&lock);
    say("thread: locked");
    sem_post(&locked);
    sleep_until_tick(1);
    say("thread: unlocking");
    pthread_mutex_unlock(&lock);
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

// § Before and after each fork
static void lock_it(void)
{
    pthread_mutex_lock(&lock);
}

static void unlock_it(void)
{
    pthread_mutex_unlock(&lock);
}

// § The same child
static int child(void)
{
    say("child: %d thread", thread_count());
    if (pthread_mutex_trylock(&lock) == EBUSY)
        return 1;
    say("child: the lock was free");
    pthread_mutex_unlock(&lock);
    return 0;
}

// § A fork that waits
int main(int argc, char *argv[])
{
    pthread_t thread;
    pid_t pid;
    int status;

    program_start(argc, argv, about);
    errno = pthread_atfork(lock_it, unlock_it, unlock_it);
    if (errno != 0)
        err(1, "pthread_atfork");
    thread = start_thread();
    pid = fork();
    if (pid == -1)
        err(1, "fork");
    if (pid == 0)
        _exit(child());
    status = child_end(pid, 0);
    pthread_join(thread, NULL);
    return status;
}
