/* lock_calls.c - see lock_calls.h. Linux only: futexes, memfd_create, locks of
 * open files. */
#define _GNU_SOURCE /* memfd_create, F_OFD_SETLKW */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lock_calls.h"
#include "things.h"

// § A file that is locked
static int open_twice(void) /* a file in memory, without a name */
{
    fd[0] = memfd_create("locked", MFD_CLOEXEC);
    return fd[0] == -1 || (fd[1] = open_again(fd[0], O_RDWR)) == -1 ? -1 : 0;
}

static int flocked(void)
{
    return open_twice() == -1 ? -1 : flock(fd[0], LOCK_EX);
}

static int locked(void) /* for fd[0], and so for nobody else */
{
    struct flock whole = {.l_type = F_WRLCK};

    return open_twice() == -1 ? -1 : fcntl(fd[0], F_OFD_SETLK, &whole);
}

// § Locking it
static long call_flock(void)
{
    return flock(fd[1], LOCK_EX);
}

static long call_setlkw(void)
{
    struct flock whole = {.l_type = F_WRLCK};

    return fcntl(fd[1], F_SETLKW, &whole);
}

static long call_ofd_setlkw(void)
{
    struct flock whole = {.l_type = F_WRLCK};

    return fcntl(fd[1], F_OFD_SETLKW, &whole);
}

// § Futexes
/* From linux/futex.h, which not every C library has. */
enum { FUTEX_WAIT = 0, FUTEX_LOCK_PI = 6, FUTEX_WAIT_BITSET = 9 };

static uint32_t word;

static long futex(int operation, const struct timespec *limit)
{
    uint32_t any_bit = UINT32_MAX;

    return syscall(SYS_futex, &word, operation, word, limit, NULL, any_bit);
}

// § Waiting for a futex
static long call_futex(void)
{
    return futex(FUTEX_WAIT, NULL);
}

static long call_futex_limit(void)
{
    return futex(FUTEX_WAIT, &hour);
}

static long call_futex_bitset(void)
{
    return futex(FUTEX_WAIT_BITSET, NULL);
}

static long call_futex_bitset_limit(void)
{
    struct timespec limit = in_an_hour(CLOCK_MONOTONIC);

    return futex(FUTEX_WAIT_BITSET, &limit);
}

static long call_futex_pi(void)
{
    word = (uint32_t)getppid(); /* as if the parent had the lock */
    return futex(FUTEX_LOCK_PI, NULL);
}

// § Semaphores
static sem_t semaphore;

static int new_semaphore(void)
{
    return sem_init(&semaphore, 0, 0);
}

static long call_sem_wait(void)
{
    return sem_wait(&semaphore);
}

static long call_sem_timedwait(void)
{
    struct timespec limit = in_an_hour(CLOCK_REALTIME);

    return sem_timedwait(&semaphore, &limit);
}

// § Mutexes
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;

static int locked_mutex(void) /* by the thread that will wait for itself */
{
    return (int)by_errno(pthread_mutex_lock(&mutex));
}

static long call_mutex_lock(void)
{
    return by_errno(pthread_mutex_lock(&mutex));
}

static long call_mutex_timedlock(void)
{
    struct timespec limit = in_an_hour(CLOCK_REALTIME);

    return by_errno(pthread_mutex_timedlock(&mutex, &limit));
}

// § Conditions
static long call_cond_wait(void)
{
    return by_errno(pthread_cond_wait(&condition, &mutex));
}

static long call_cond_timedwait(void)
{
    struct timespec limit = in_an_hour(CLOCK_REALTIME);

    return by_errno(pthread_cond_timedwait(&condition, &mutex, &limit));
}

// § Other locks of threads
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;

static int read_locked(void)
{
    return (int)by_errno(pthread_rwlock_rdlock(&rwlock));
}

static long call_wrlock(void)
{
    return by_errno(pthread_rwlock_wrlock(&rwlock));
}

static int barrier_for_two(void)
{
    return (int)by_errno(pthread_barrier_init(&barrier, NULL, 2));
}

static long call_barrier_wait(void)
{
    return by_errno(pthread_barrier_wait(&barrier));
}

// § Another thread
static pthread_t thread;

static void *idle(void *unused)
{
    for (;;)
        pause();
    return unused;
}

static int idle_thread(void) /* with all signals blocked: they are for us */
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread, NULL, idle, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return (int)by_errno(error);
}

static long call_join(void)
{
    return by_errno(pthread_join(thread, NULL));
}

// § Locks and threads
static const struct call calls[] = {
    {"flock", flocked, call_flock},
    {"fcntl (F_SETLKW)", locked, call_setlkw},
    {"fcntl (F_OFD_SETLKW)", locked, call_ofd_setlkw},
    {"futex (WAIT)", NULL, call_futex},
    {"futex (WAIT with limit)", NULL, call_futex_limit},
    {"futex (WAIT_BITSET)", NULL, call_futex_bitset},
    {"futex (WAIT_BITSET with limit)", NULL, call_futex_bitset_limit},
    {"futex (LOCK_PI)", NULL, call_futex_pi},
    {"sem_wait", new_semaphore, call_sem_wait},
    {"sem_timedwait", new_semaphore, call_sem_timedwait},
    {"pthread_mutex_lock", locked_mutex, call_mutex_lock},
    {"pthread_mutex_timedlock", locked_mutex, call_mutex_timedlock},
    {"pthread_cond_wait", locked_mutex, call_cond_wait},
    {"pthread_cond_timedwait", locked_mutex, call_cond_timedwait},
    {"pthread_rwlock_wrlock", read_locked, call_wrlock},
    {"pthread_barrier_wait", barrier_for_two, call_barrier_wait},
    {"pthread_join", idle_thread, call_join},
};

const struct group lock_calls = {"locks and threads", calls,
                                 sizeof calls / sizeof calls[0]};
