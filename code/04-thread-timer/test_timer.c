/* What timer.h says, one sentence a test. Some run in real time, and assert what no slow machine can break: order,
 * lower bounds, and sums. Others run in a time of their own: the clock and the wait of the timer are wrapped, so that a
 * million beats, each late by a known amount, take no time and have one right answer. */
#define _GNU_SOURCE /* mallinfo2, gettid, pthread_getattr_np */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"
#include "timer.h"

enum { MARK = 4242, HOUR_US_OVER_1000 = 3600000 }; /* MARK: an errno that nobody sets */
static const long long hour = HOUR_US_OVER_1000 * 1000LL;

// § The wraps: a time of our own, waits that end for no reason, calls that fail
int __real_clock_gettime(clockid_t clock, struct timespec *t);
int __real_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock, const struct timespec *until);
int __real_pthread_condattr_setclock(pthread_condattr_t *attr, clockid_t clock);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*body)(void *), void *arg);
int __real_pthread_mutex_init(pthread_mutex_t *lock, const pthread_mutexattr_t *attr);
int __real_pthread_mutex_destroy(pthread_mutex_t *lock);
int __real_pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr);
int __real_pthread_cond_destroy(pthread_cond_t *cond);
int __real_pthread_condattr_init(pthread_condattr_t *attr);
int __real_pthread_condattr_destroy(pthread_condattr_t *attr);
int __real_pthread_sigmask(int how, const sigset_t *set, sigset_t *old);
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void __real_free(void *p);

/* Set before timer_start, and read after timer_stop: in between they belong to the timer's thread. */
static struct {
    bool on;
    long long ns;          /* the time */
    long long first, last; /* the deadlines of the first and the last wait */
    long long period;      /* in ns */
    long waits, end;       /* after `end` waits time stands still, and a wait ends by timer_stop only */
    long off_grid;         /* waits for a deadline that is not `first` + k periods */
    long long (*lateness)(long wait);
    sem_t over;
} ours;

static struct {
    atomic_int per_wait, left; /* how often the wait for a deadline ends too early, and how often it still will */
    atomic_long injected, waits;
} spurious;

static long long now(void)
{
    struct timespec t;

    __real_clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *t)
{
    if (!ours.on)
        return __real_clock_gettime(clock, t);
    t->tv_sec = ours.ns / 1000000000;
    t->tv_nsec = ours.ns % 1000000000;
    return 0;
}

/* A wait in our time is over at once: it is then the deadline, or a little later. */
static int wait_in_our_time(pthread_cond_t *cond, pthread_mutex_t *lock, long long deadline)
{
    if (ours.waits == 0)
        ours.first = deadline;
    ours.last = deadline;
    if ((deadline - ours.first) % ours.period != 0)
        ours.off_grid++;
    if (ours.waits++ == ours.end) {
        sem_post(&ours.over);
        return pthread_cond_wait(cond, lock);
    }
    ours.ns = deadline + ours.lateness(ours.waits);
    return ETIMEDOUT;
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock, const struct timespec *until)
{
    if (ours.on)
        return wait_in_our_time(cond, lock, until->tv_sec * 1000000000LL + until->tv_nsec);
    spurious.waits++;
    if (spurious.left > 0) {
        spurious.injected++;
        return --spurious.left % 2 == 0 ? 0 : ETIMEDOUT; /* either may come too early */
    }
    spurious.left = (int)spurious.per_wait;
    return __real_pthread_cond_timedwait(cond, lock, until);
}

/* The call that is to fail, and with what; and what is still there of all that was made. */
static const char *failing;
static int failing_with, failed;
static atomic_int locks, conds, attrs, blocks;
static clockid_t cond_clock;

static bool fails(const char *call)
{
    if (failing == NULL || strcmp(call, failing) != 0)
        return false;
    failed++;
    return true;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*body)(void *), void *arg)
{
    return fails("pthread_create") ? failing_with : __real_pthread_create(thread, attr, body, arg);
}

int __wrap_pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
    return fails("pthread_sigmask") ? failing_with : __real_pthread_sigmask(how, set, old);
}

int __wrap_pthread_condattr_setclock(pthread_condattr_t *attr, clockid_t clock)
{
    cond_clock = clock;
    return fails("pthread_condattr_setclock") ? failing_with : __real_pthread_condattr_setclock(attr, clock);
}

int __wrap_pthread_mutex_init(pthread_mutex_t *lock, const pthread_mutexattr_t *attr)
{
    if (fails("pthread_mutex_init"))
        return failing_with;
    locks++;
    return __real_pthread_mutex_init(lock, attr);
}

int __wrap_pthread_mutex_destroy(pthread_mutex_t *lock)
{
    locks--;
    return __real_pthread_mutex_destroy(lock);
}

int __wrap_pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr)
{
    if (fails("pthread_cond_init"))
        return failing_with;
    conds++;
    return __real_pthread_cond_init(cond, attr);
}

int __wrap_pthread_cond_destroy(pthread_cond_t *cond)
{
    conds--;
    return __real_pthread_cond_destroy(cond);
}

int __wrap_pthread_condattr_init(pthread_condattr_t *attr)
{
    if (fails("pthread_condattr_init"))
        return failing_with;
    attrs++;
    return __real_pthread_condattr_init(attr);
}

int __wrap_pthread_condattr_destroy(pthread_condattr_t *attr)
{
    attrs--;
    return __real_pthread_condattr_destroy(attr);
}

void *__wrap_malloc(size_t size)
{
    if (fails("malloc")) {
        errno = failing_with;
        return NULL;
    }
    blocks++;
    return __real_malloc(size);
}

/* A compiler may make one call of malloc and memset. */
void *__wrap_calloc(size_t count, size_t size)
{
    if (fails("malloc")) {
        errno = failing_with;
        return NULL;
    }
    blocks++;
    return __real_calloc(count, size);
}

void __wrap_free(void *p)
{
    if (p != NULL)
        blocks--;
    __real_free(p);
}

// § Helpers
static void await(sem_t *sem)
{
    while (sem_wait(sem) == -1)
        assert_int_equal(errno, EINTR);
}

/* A number of /proc/self/status. */
static int status_number(const char *key)
{
    char line[256];
    int n = -1;
    FILE *f = fopen("/proc/self/status", "r");

    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, key, strlen(key)) == 0)
            n = (int)strtol(line + strlen(key), NULL, 10);
    if (f != NULL)
        fclose(f);
    return n;
}

#ifdef __SANITIZE_THREAD__
enum { THREADS_AT_REST = 2 }; /* TSan has one of its own, from the first pthread_create on */
#else
enum { THREADS_AT_REST = 1 };
#endif

/* A thread that has been joined may be on its last steps in the kernel still. */
static void await_threads(int n)
{
    long long deadline = now() + 60000000000LL;

    while (status_number("Threads:") != n && now() < deadline)
        sched_yield();
    assert_int_equal(status_number("Threads:"), n);
}

static int open_descriptors(void)
{
    int n = 0;
    DIR *dir = opendir("/proc/self/fd");

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

/* What a callback saw: written by the timer's thread, read after timer_stop. */
enum { CALLS = 4000 };
struct log {
    long long period_us, before, after; /* timer_start was called, and had returned */
    unsigned long wanted, sum;          /* the sum of expirations at which `enough` is posted, and so far */
    int calls;
    struct {
        long long begun, done;
        unsigned long expirations;
    } at[CALLS];
    pid_t tid;
    sem_t enough;
    timer *timer;
};

static void log_call(void *arg, unsigned long expirations)
{
    struct log *log = arg;
    int i = log->calls;

    if (i == CALLS)
        return;
    log->at[i].begun = now();
    if (i == 0)
        log->tid = gettid();
    log->at[i].expirations = expirations;
    log->sum += expirations;
    log->calls++;
    if (log->sum >= log->wanted && log->sum - expirations < log->wanted)
        sem_post(&log->enough);
    log->at[i].done = now();
}

static void start_log(struct log *log, long long period_us, unsigned long wanted)
{
    memset(log, 0, sizeof *log);
    sem_init(&log->enough, 0, 0);
    log->period_us = period_us;
    log->wanted = wanted;
    log->before = now();
    assert_int_equal(timer_start(&log->timer, period_us, log_call, log), 0);
    log->after = now();
}

static void stop_log(struct log *log)
{
    assert_int_equal(timer_stop(log->timer), 0);
    sem_destroy(&log->enough);
}

/* With d expirations told, it was at least d periods after the start: no call is early. And what had passed when a
 * callback ended has been told when the next one began: nothing is lost, and the beat does not drift. The start lies
 * between `before` and `after`. */
static void assert_on_the_grid(const struct log *log)
{
    long long period = log->period_us * 1000, told = 0;

    assert_true(log->calls > 0);
    for (int i = 0; i < log->calls; i++) {
        assert_true(log->at[i].expirations >= 1);
        told += (long long)log->at[i].expirations;
        assert_true(log->at[i].begun - log->before >= told * period);
        if (i > 0)
            assert_true(told >= (log->at[i - 1].done - log->after) / period);
    }
}

// § Real time
static void a_thousand_beats_are_never_early_and_do_not_drift(void **state)
{
    static struct log log;

    (void)state;
    start_log(&log, 1000, 1000);
    await(&log.enough);
    stop_log(&log);
    assert_on_the_grid(&log);
    assert_true(log.sum >= 1000);
    print_message("%d calls for %lu periods\n", log.calls, log.sum);
}

/* A condition variable on the wrong clock would make it spin: each of its waits would be over at once. */
static void the_thread_sleeps_between_two_calls(void **state)
{
    static struct log log;

    (void)state;
    spurious.waits = 0;
    start_log(&log, 5000, 20);
    await(&log.enough);
    stop_log(&log);
    assert_int_equal(cond_clock, CLOCK_MONOTONIC);
    assert_true(spurious.waits >= 1 && spurious.waits <= 2 * log.calls + 2); /* none for a call that is due already */
}

static void a_wait_that_ends_for_no_reason_causes_no_call(void **state)
{
    static struct log log;

    (void)state;
    spurious.injected = 0;
    spurious.per_wait = spurious.left = 51;
    start_log(&log, 2000, 50);
    await(&log.enough);
    stop_log(&log);
    assert_on_the_grid(&log);
    print_message("%ld waits ended too early, in %d calls\n", (long)spurious.injected, log.calls);
    assert_true(spurious.injected >= 51);
    spurious.per_wait = spurious.left = 0;
}

static void two_timers_beat_each_for_itself(void **state)
{
    static struct log one, other;

    (void)state;
    start_log(&one, 1000, 100);
    start_log(&other, 3000, 10);
    await(&one.enough);
    await(&other.enough);
    stop_log(&one);
    stop_log(&other);
    assert_on_the_grid(&one);
    assert_on_the_grid(&other);
    assert_int_not_equal(one.tid, other.tid);
}

// § Our time
enum { PERIOD_US = 1236, PERIOD = PERIOD_US * 1000 };
static const long long epoch = 123456789012345678; /* some four years after boot */

static void start_our_time(long waits, long long (*lateness)(long wait))
{
    memset(&ours, 0, sizeof ours);
    sem_init(&ours.over, 0, 0);
    ours.ns = epoch;
    ours.period = PERIOD;
    ours.end = waits;
    ours.lateness = lateness;
    ours.on = true;
}

static void run_in_our_time(void (*callback)(void *arg, unsigned long expirations), void *arg)
{
    timer *t;

    assert_int_equal(timer_start(&t, PERIOD_US, callback, arg), 0);
    await(&ours.over);
    assert_int_equal(timer_stop(t), 0);
    sem_destroy(&ours.over);
    ours.on = false;
}

/* From 0 to 2.5 periods less one nanosecond. */
static long long often_late(long wait)
{
    return wait * 7919 * 1009 % (PERIOD * 5 / 2);
}

static long long never_late(long wait)
{
    (void)wait;
    return 0;
}

struct sums {
    long calls;
    unsigned long sum, largest;
    long wrong; /* calls at which the sum was not the number of periods passed */
};

static void add_up(void *arg, unsigned long expirations)
{
    struct sums *sums = arg;

    sums->calls++;
    sums->sum += expirations;
    if (expirations > sums->largest)
        sums->largest = expirations;
    if ((long long)sums->sum != (ours.ns - epoch) / PERIOD)
        sums->wrong++;
}

/* TIMER_BEATS says how many; the default is 1000000. */
static void a_million_late_wake_ups_do_not_move_the_beat(void **state)
{
    long beats = getenv("TIMER_BEATS") == NULL ? 1000000 : atol(getenv("TIMER_BEATS"));
    struct sums sums = {0};

    (void)state;
    start_our_time(beats, often_late);
    run_in_our_time(add_up, &sums);
    assert_int_equal(ours.first, epoch + PERIOD);
    assert_int_equal(ours.off_grid, 0);
    assert_int_equal(sums.calls, beats);
    assert_int_equal(sums.wrong, 0);
    assert_int_equal(sums.largest, 3);
    assert_int_equal(ours.last, epoch + ((long long)sums.sum + 1) * PERIOD);
    print_message("%ld calls, %lu periods\n", sums.calls, sums.sum);
}

/* A callback that takes its time: `takes` is in half periods; `seen` are the expirations it was told, and `at` is
 * when, in half periods since the start. */
struct slow {
    int n, takes[8];
    unsigned long seen[8];
    long long at[8];
};

static void be_slow(void *arg, unsigned long expirations)
{
    struct slow *slow = arg;

    slow->seen[slow->n] = expirations;
    slow->at[slow->n] = (ours.ns - epoch) / (PERIOD / 2);
    ours.ns += slow->takes[slow->n++] * (PERIOD / 2);
}

static void missed_beats_are_told_by_the_next_call(void **state)
{
    struct slow slow = {.takes = {5}}; /* two and a half periods */
    static const unsigned long seen[] = {1, 2, 1, 1};
    static const long long at[] = {2, 7, 8, 10};

    (void)state;
    start_our_time(3, never_late); /* before the first, third and fourth call: the second is due already */
    run_in_our_time(be_slow, &slow);
    assert_int_equal(slow.n, 4);
    assert_memory_equal(slow.seen, seen, sizeof seen);
    assert_memory_equal(slow.at, at, sizeof at);
    assert_int_equal(ours.off_grid, 0);
}

static void a_callback_as_long_as_a_period_misses_nothing(void **state)
{
    struct slow slow = {.takes = {2, 2, 4, 1}};
    static const unsigned long seen[] = {1, 1, 1, 2, 1};
    static const long long at[] = {2, 4, 6, 10, 12};

    (void)state;
    start_our_time(2, never_late);
    run_in_our_time(be_slow, &slow);
    assert_int_equal(slow.n, 5);
    assert_memory_equal(slow.seen, seen, sizeof seen);
    assert_memory_equal(slow.at, at, sizeof at);
}

// § Stopping
static void never(void *arg, unsigned long expirations)
{
    (void)arg;
    (void)expirations;
    abort();
}

/* If it waited for the beat, this test would take an hour. */
static void a_stop_does_not_wait_for_the_next_beat(void **state)
{
    timer *t;

    (void)state;
    assert_int_equal(timer_start(&t, hour, never, NULL), 0);
    assert_int_equal(timer_stop(t), 0);
    await_threads(THREADS_AT_REST);
}

/* The thread that is there now and was not among the `known` ones. */
enum { THREADS = 16 };
static int list_threads(pid_t tids[THREADS])
{
    int n = 0;
    struct dirent *e;
    DIR *dir = opendir("/proc/self/task");

    assert_non_null(dir);
    while ((e = readdir(dir)) != NULL && n < THREADS)
        if (e->d_name[0] != '.')
            tids[n++] = atoi(e->d_name);
    closedir(dir);
    return n;
}

static pid_t new_thread(const pid_t *known, int n_known)
{
    pid_t tids[THREADS];
    int n = list_threads(tids);

    for (int i = 0; i < n; i++) {
        bool old = false;
        for (int k = 0; k < n_known; k++)
            old = old || tids[i] == known[k];
        if (!old)
            return tids[i];
    }
    fail_msg("no new thread");
    return -1;
}

static void a_stop_wakes_the_thread(void **state)
{
    pid_t known[THREADS];
    int n;
    timer *t;

    (void)state;
    await_threads(THREADS_AT_REST); /* none of another test is on its last steps */
    n = list_threads(known);
    assert_int_equal(timer_start(&t, hour, never, NULL), 0);
    await_asleep(new_thread(known, n), SYS_futex);
    assert_int_equal(timer_stop(t), 0);
}

static void count_and_post(void *arg, unsigned long expirations)
{
    struct log *log = arg;

    (void)expirations;
    log->calls++;
    sem_post(&log->enough);
}

/* What the callback works on is freed behind timer_stop: a later call would be seen by ASan or valgrind, and here by
 * the counter, which has moved to a place that nobody reuses. */
static void after_a_stop_no_callback_runs(void **state)
{
    enum { ROUNDS = 300 };
    static struct log logs[ROUNDS];
    static int calls[ROUNDS];
    timer *t;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        sem_init(&logs[i].enough, 0, 0);
        assert_int_equal(timer_start(&t, 20, count_and_post, &logs[i]), 0);
        await(&logs[i].enough);
        assert_int_equal(timer_stop(t), 0);
        calls[i] = logs[i].calls;
        sem_destroy(&logs[i].enough);
    }
    for (int i = 0; i < ROUNDS; i++) {
        assert_true(calls[i] > 0);
        assert_int_equal(logs[i].calls, calls[i]);
    }
}

/* The callback waits until somebody has seen this process's main thread asleep in timer_stop. */
struct held {
    sem_t in, go_on;
    int callback_done, seen_asleep;
};

static void hold(void *arg, unsigned long expirations)
{
    struct held *held = arg;

    (void)expirations;
    sem_post(&held->in);
    while (sem_wait(&held->go_on) == -1)
        ;
    held->callback_done = 1;
    sem_post(&held->go_on); /* if there is another call, it shall not wait */
}

static void *let_go(void *arg)
{
    struct held *held = arg;
    long long deadline = now() + 60000000000LL;
    char call[64];

    do {
        FILE *f = fopen("/proc/self/syscall", "r"); /* of the process: its main thread */
        call[0] = '\0';
        if (f != NULL && fgets(call, sizeof call, f) != NULL && strtol(call, NULL, 10) == SYS_futex)
            held->seen_asleep = 1;
        if (f != NULL)
            fclose(f);
    } while (!held->seen_asleep && now() < deadline);
    sem_post(&held->go_on);
    return NULL;
}

static void a_stop_waits_for_a_running_callback(void **state)
{
    struct held held = {0};
    pthread_t helper;
    timer *t;

    (void)state;
    sem_init(&held.in, 0, 0);
    sem_init(&held.go_on, 0, 0);
    assert_int_equal(timer_start(&t, 1000, hold, &held), 0);
    await(&held.in);
    assert_int_equal(pthread_create(&helper, NULL, let_go, &held), 0);
    assert_int_equal(timer_stop(t), 0);
    assert_int_equal(held.callback_done, 1); /* or timer_stop would have come back before */
    pthread_join(helper, NULL);
    assert_int_equal(held.seen_asleep, 1);
    sem_destroy(&held.in);
    sem_destroy(&held.go_on);
}

static void be_late_again(void *arg, unsigned long expirations)
{
    struct timespec ms = {.tv_nsec = 1000000};

    (void)expirations;
    nanosleep(&ms, NULL);
    sem_post(arg);
}

/* It never waits, since the next call is always due already. */
static void a_timer_that_is_always_late_can_be_stopped(void **state)
{
    sem_t called;
    timer *t;

    (void)state;
    sem_init(&called, 0, 0);
    assert_int_equal(timer_start(&t, 1, be_late_again, &called), 0);
    for (int i = 0; i < 5; i++)
        await(&called);
    assert_int_equal(timer_stop(t), 0);
    sem_destroy(&called);
}

/* TIMER_STARTS says how often; the default is 10000. */
static void ten_thousand_starts_and_stops_leave_nothing_behind(void **state)
{
    int rounds = getenv("TIMER_STARTS") == NULL ? 10000 : atoi(getenv("TIMER_STARTS"));
    int descriptors = open_descriptors(), block_count = blocks;
    size_t memory = 0;
    timer *t;

    (void)state;
    for (int i = 0; i < rounds; i++) {
        assert_int_equal(timer_start(&t, i % 2 == 0 ? hour : 1, log_call, &(struct log){.calls = CALLS}), 0);
        assert_int_equal(timer_stop(t), 0);
        if (i == rounds / 10)
            memory = mallinfo2().uordblks; /* by now the C library has what it keeps for threads */
    }
    await_threads(THREADS_AT_REST);
    assert_int_equal(open_descriptors(), descriptors);
    assert_int_equal(blocks, block_count);
    assert_int_equal(locks, 0);
    assert_int_equal(conds, 0);
    assert_int_equal(attrs, 0);
    assert_true(mallinfo2().uordblks <= memory + 4096);
    print_message("%d starts and stops\n", rounds);
}

struct own_stop {
    timer *t;
    int calls, results[2], errors[2];
    sem_t twice;
};

static void stop_oneself(void *arg, unsigned long expirations)
{
    struct own_stop *own = arg;

    (void)expirations;
    if (own->calls == 2)
        return;
    own->results[own->calls] = timer_stop(own->t);
    own->errors[own->calls] = errno;
    if (++own->calls == 2)
        sem_post(&own->twice);
}

/* And own.t has its value before the first call, which is due a microsecond after the start. */
static void a_callback_cannot_stop_its_own_timer(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        struct own_stop own = {0};
        sem_init(&own.twice, 0, 0);
        assert_int_equal(timer_start(&own.t, 1, stop_oneself, &own), 0);
        await(&own.twice);
        assert_int_equal(timer_stop(own.t), 0);
        for (int k = 0; k < 2; k++) {
            assert_int_equal(own.results[k], -1);
            assert_int_equal(own.errors[k], EDEADLK);
        }
        sem_destroy(&own.twice);
    }
}

static void stopping_no_timer_is_allowed(void **state)
{
    (void)state;
    errno = MARK;
    assert_int_equal(timer_stop(NULL), 0);
    assert_int_equal(errno, MARK);
}

static void success_leaves_errno_alone(void **state)
{
    timer *t;

    (void)state;
    errno = MARK;
    assert_int_equal(timer_start(&t, hour, never, NULL), 0);
    assert_int_equal(errno, MARK);
    assert_int_equal(timer_stop(t), 0);
    assert_int_equal(errno, MARK);
}

// § The stack
struct stack {
    size_t size;
    sem_t told;
};

static void tell_stack(void *arg, unsigned long expirations)
{
    struct stack *stack = arg;
    pthread_attr_t attr;

    (void)expirations;
    if (stack->size != 0 || pthread_getattr_np(pthread_self(), &attr) != 0)
        return;
    pthread_attr_getstacksize(&attr, &stack->size);
    pthread_attr_destroy(&attr);
    sem_post(&stack->told);
}

/* With glibc that is what `ulimit -s` said when the process began; some 2 MiB if it set no limit. */
static void a_callback_has_the_stack_that_the_c_library_gives_a_thread(void **state)
{
    struct stack stack = {0};
    struct rlimit limit;
    timer *t;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_STACK, &limit), 0);
    sem_init(&stack.told, 0, 0);
    assert_int_equal(timer_start(&t, 1000, tell_stack, &stack), 0);
    await(&stack.told);
    assert_int_equal(timer_stop(t), 0);
    sem_destroy(&stack.told);
    print_message("the callback's stack: %zu bytes\n", stack.size);
    if (limit.rlim_cur == RLIM_INFINITY)
        assert_true(stack.size > 0);
    else
        assert_int_equal(stack.size, limit.rlim_cur);
}

// § Failures
static void a_period_that_cannot_be_is_refused(void **state)
{
    static const long long bad[] = {0, -1, LLONG_MIN, LLONG_MAX, TIMER_PERIOD_MAX_US + 1};
    timer *const mark = (timer *)&failed, *t = mark;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        errno = MARK;
        assert_int_equal(timer_start(&t, bad[i], never, NULL), -1);
        assert_int_equal(errno, EINVAL);
        assert_ptr_equal(t, mark);
    }
    assert_int_equal(timer_start(&t, TIMER_PERIOD_MAX_US, never, NULL), 0);
    assert_int_equal(timer_stop(t), 0);
}

static void assert_same_mask(const sigset_t *a, const sigset_t *b)
{
    for (int sig = 1; sig < NSIG; sig++)
        assert_int_equal(sigismember(a, sig), sigismember(b, sig));
}

static void whatever_fails_leaves_nothing_behind(void **state)
{
    static const struct {
        const char *call;
        int error;
    } faults[] = {
        {"malloc", ENOMEM},
        {"pthread_mutex_init", EAGAIN},
        {"pthread_mutex_init", ENOMEM},
        {"pthread_condattr_init", ENOMEM},
        {"pthread_condattr_setclock", EINVAL},
        {"pthread_cond_init", EAGAIN},
        {"pthread_cond_init", ENOMEM},
        {"pthread_sigmask", EINVAL},
        {"pthread_create", EAGAIN},
        {"pthread_create", EPERM},
    };
    timer *const mark = (timer *)&failed, *t = mark;
    int block_count = blocks;
    sigset_t before, after;

    (void)state;
    sigprocmask(SIG_BLOCK, NULL, &before);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        failed = 0;
        failing = faults[i].call;
        failing_with = faults[i].error;
        errno = MARK;
        assert_int_equal(timer_start(&t, hour, never, NULL), -1);
        assert_int_equal(errno, faults[i].error);
        failing = NULL;
        assert_int_equal(failed, 1);
        assert_ptr_equal(t, mark);
        assert_int_equal(blocks, block_count);
        assert_int_equal(locks, 0);
        assert_int_equal(conds, 0);
        assert_int_equal(attrs, 0);
        sigprocmask(SIG_BLOCK, NULL, &after);
        assert_same_mask(&before, &after);
    }
    await_threads(THREADS_AT_REST);
}

// § Signals
static void the_callers_mask_is_what_it_was(void **state)
{
    sigset_t original, before, after;
    timer *t;

    (void)state;
    for (int i = 0; i < 2; i++) {
        sigemptyset(&before);
        if (i == 1) {
            sigaddset(&before, SIGUSR1);
            sigaddset(&before, SIGRTMIN);
        }
        sigprocmask(SIG_SETMASK, &before, i == 0 ? &original : NULL);
        assert_int_equal(timer_start(&t, hour, never, NULL), 0);
        sigprocmask(SIG_BLOCK, NULL, &after);
        assert_same_mask(&before, &after);
        assert_int_equal(timer_stop(t), 0);
        sigprocmask(SIG_BLOCK, NULL, &after);
        assert_same_mask(&before, &after);
    }
    sigprocmask(SIG_SETMASK, &original, NULL);
}

static unsigned long long mask_of(pid_t tid)
{
    char path[64], line[256];
    unsigned long long mask = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/self/task/%d/status", (int)tid);
    f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "SigBlk:", 7) == 0)
            mask = strtoull(line + 7, NULL, 16);
    fclose(f);
    return mask;
}

/* All that can be blocked: not SIGKILL and SIGSTOP, and not those that the C library keeps for itself. Asked when the
 * thread has run a callback: while it starts, the C library has blocked everything for reasons of its own. */
static void every_signal_is_blocked_in_the_thread(void **state)
{
    static struct log log;
    unsigned long long mask;

    (void)state;
    start_log(&log, 1000, 1);
    await(&log.enough);
    mask = mask_of(log.tid);
    stop_log(&log);
    print_message("SigBlk of the thread: %016llx\n", mask);
    for (int sig = 1; sig < SIGRTMAX; sig++) /* the last one is valgrind's, if it is there */
        if (sig != SIGKILL && sig != SIGSTOP && (sig < 32 || sig >= SIGRTMIN))
            assert_true((mask >> (sig - 1) & 1) == 1);
}

static volatile sig_atomic_t handled, handled_elsewhere;

static void on_signal(int sig)
{
    (void)sig;
    handled++;
    if (gettid() != getpid())
        handled_elsewhere++;
}

static void catch(int sig, void (*handler)(int))
{
    struct sigaction sa = {.sa_handler = handler};

    sigemptyset(&sa.sa_mask);
    assert_int_equal(sigaction(sig, &sa, NULL), 0);
}

/* The timer's thread is the only one that could take it. */
static void a_signal_that_the_others_block_stays_pending(void **state)
{
    static struct log log;
    sigset_t usr1, pending, old;

    (void)state;
    handled = 0;
    catch(SIGUSR1, on_signal);
    start_log(&log, 1000, 20);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, &old);
    kill(getpid(), SIGUSR1);
    await(&log.enough);
    sigpending(&pending);
    assert_int_equal(sigismember(&pending, SIGUSR1), 1);
    assert_int_equal(handled, 0);
    stop_log(&log);
    sigprocmask(SIG_SETMASK, &old, NULL);
    assert_int_equal(handled, 1);
    catch(SIGUSR1, SIG_DFL);
}

static void send_storm(pid_t target, int n)
{
    for (int i = 0; i < n; i++)
        if (getppid() != target || kill(target, i % 2 == 0 ? SIGUSR1 : SIGALRM) == -1)
            _exit(1);
}

/* Signals from another process as fast as it can send them: main is interrupted, the beat is not. */
static void a_storm_of_signals_does_not_touch_the_beat(void **state)
{
    enum { SIGNALS = 20000 };
    static struct log log;
    pid_t storm, self = getpid();
    int status = 0, interrupted = 0;

    (void)state;
    handled = handled_elsewhere = 0;
    catch(SIGUSR1, on_signal);
    catch(SIGALRM, on_signal);
    storm = fork_in_test();
    if (storm == 0) {
        send_storm(self, SIGNALS);
        _exit(0);
    }
    start_log(&log, 1000, 100);
    while (waitpid(storm, &status, 0) == -1 && errno == EINTR)
        interrupted++;
    assert_int_equal(status, 0);
    await(&log.enough);
    stop_log(&log);
    catch(SIGUSR1, SIG_DFL);
    catch(SIGALRM, SIG_DFL);
    print_message("%d signals sent, %d handled, waitpid interrupted %d times; %d calls for %lu periods\n", SIGNALS,
                  (int)handled, interrupted, log.calls, log.sum);
    assert_on_the_grid(&log);
    assert_true(handled > 0);
    assert_int_equal(handled_elsewhere, 0);
}

static void no_disposition_changes(void **state)
{
    struct sigaction before[32], after;
    timer *t;

    (void)state;
    for (int sig = 1; sig < 32; sig++)
        sigaction(sig, NULL, &before[sig]);
    assert_int_equal(timer_start(&t, hour, never, NULL), 0);
    for (int i = 0; i < 2; i++) {
        for (int sig = 1; sig < 32; sig++) {
            sigaction(sig, NULL, &after);
            assert_true(before[sig].sa_handler == after.sa_handler);
            assert_int_equal(before[sig].sa_flags, after.sa_flags);
        }
        if (i == 0)
            assert_int_equal(timer_stop(t), 0);
    }
}

// § Fork
static void a_forked_child_has_no_timer_thread(void **state)
{
    static struct log log;
    int status = -1;
    pid_t pid;

    (void)state;
    await_threads(THREADS_AT_REST);
    start_log(&log, 1000, 1);
    await(&log.enough);
    assert_int_equal(status_number("Threads:"), THREADS_AT_REST + 1);
    pid = fork_in_test();
    if (pid == 0)
        _exit(status_number("Threads:"));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    stop_log(&log);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_beats_are_never_early_and_do_not_drift),
        cmocka_unit_test(the_thread_sleeps_between_two_calls),
        cmocka_unit_test(a_wait_that_ends_for_no_reason_causes_no_call),
        cmocka_unit_test(two_timers_beat_each_for_itself),
        cmocka_unit_test(a_million_late_wake_ups_do_not_move_the_beat),
        cmocka_unit_test(missed_beats_are_told_by_the_next_call),
        cmocka_unit_test(a_callback_as_long_as_a_period_misses_nothing),
        cmocka_unit_test(a_stop_does_not_wait_for_the_next_beat),
        cmocka_unit_test(a_stop_wakes_the_thread),
        cmocka_unit_test(after_a_stop_no_callback_runs),
        cmocka_unit_test(a_stop_waits_for_a_running_callback),
        cmocka_unit_test(a_timer_that_is_always_late_can_be_stopped),
        cmocka_unit_test(ten_thousand_starts_and_stops_leave_nothing_behind),
        cmocka_unit_test(a_callback_cannot_stop_its_own_timer),
        cmocka_unit_test(stopping_no_timer_is_allowed),
        cmocka_unit_test(success_leaves_errno_alone),
        cmocka_unit_test(a_callback_has_the_stack_that_the_c_library_gives_a_thread),
        cmocka_unit_test(a_period_that_cannot_be_is_refused),
        cmocka_unit_test(whatever_fails_leaves_nothing_behind),
        cmocka_unit_test(the_callers_mask_is_what_it_was),
        cmocka_unit_test(every_signal_is_blocked_in_the_thread),
        cmocka_unit_test(a_signal_that_the_others_block_stays_pending),
        cmocka_unit_test(a_storm_of_signals_does_not_touch_the_beat),
        cmocka_unit_test(no_disposition_changes),
        cmocka_unit_test(a_forked_child_has_no_timer_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
