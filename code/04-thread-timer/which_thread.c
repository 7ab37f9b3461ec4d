/* which_thread - of several threads, the one that runs the handler.
 *
 * usage: which_thread [-h]
 * contract: spins
 *
 * Linux only: /proc, gettid(2), tgkill(2).
 */
#define _GNU_SOURCE /* gettid, pipe2 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../01-blocking-pipe/child.h"
#include "../01-blocking-pipe/tick.h"

static const char about[] = "Sends SIGUSR1 100 times, one at a time, to a "
                            "process with four threads, arranged in six ways.";

// § Six arrangements
enum { SIGNALS = 100, THREADS = 4 };
enum role {
    READS,  /* asleep in read */
    SPINS,  /* in a loop without a call */
    BLOCKS, /* asleep in read, with SIGUSR1 blocked */
    WAITS   /* asleep in sigwait, with SIGUSR1 blocked */
};

static const struct arrangement {
    const char *name;
    enum role roles[THREADS]; /* main, threads 1 to 3 */
    int target;               /* pthread_kill to that thread; 0: kill */
} arrangements[] = {
    {"all read", {READS, READS, READS, READS}, 0},
    {"main spins", {SPINS, READS, READS, READS}, 0},
    {"main blocks it", {BLOCKS, READS, READS, READS}, 0},
    {"main, 1, 2 block it", {BLOCKS, BLOCKS, BLOCKS, READS}, 0},
    {"all block it; 3: sigwait", {BLOCKS, BLOCKS, BLOCKS, WAITS}, 0},
    {"sent to thread 2 alone", {READS, READS, READS, READS}, 2},
};

// § What a thread reports
struct event {
    int thread;
    pid_t tid;
    int handler_runs, eintrs, sigwaits; /* since the last report: 0 or 1 */
};

static int events[2]; /* a pipe to the sender */

static void report(struct event *e)
{
    if (write(events[1], e, sizeof *e) != sizeof *e)
        _exit(1); /* the sender is gone */
    e->handler_runs = e->eintrs = e->sigwaits = 0;
}

// § A flag for each thread
static _Thread_local volatile sig_atomic_t handled;

static void on_usr1(int sig)
{
    (void)sig;
    handled = 1;
}

static void change_mask(int how)
{
    sigset_t usr1;

    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    errno = pthread_sigmask(how, &usr1, NULL);
    if (errno != 0) {
        warn("pthread_sigmask");
        _exit(1);
    }
}

// § Reading and spinning
static int silent_fd; /* nothing is ever sent there */

static void do_read(struct event *e)
{
    char byte;

    if (read(silent_fd, &byte, 1) == 0)
        _exit(0); /* end of file: the sender has finished */
    e->eintrs = errno == EINTR;
}

static void do_spin(void)
{
    while (!handled)
        ;
}

// § Waiting for the signal
static void do_sigwait(struct event *e)
{
    sigset_t usr1;
    int sig;

    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    e->sigwaits = sigwait(&usr1, &sig) == 0;
}

// § A thread
static const struct arrangement *arrangement;

static void play(struct event *e, enum role role)
{
    for (;;) {
        report(e); /* the first time: that it is there */
        if (role == SPINS)
            do_spin();
        else if (role == WAITS)
            do_sigwait(e);
        else
            do_read(e);
        e->handler_runs = handled;
        handled = 0;
    }
}

// § Its mask
static void *thread(void *own_event)
{
    struct event *e = own_event;
    enum role role = arrangement->roles[e->thread];

    e->tid = gettid();
    if (role == READS || role == SPINS)
        change_mask(SIG_UNBLOCK); /* it was born with SIGUSR1 blocked */
    play(e, role);
    return NULL;
}

// § Four threads
static int start_threads(struct event self[THREADS])
{
    pthread_t id;

    for (int i = 1; i < THREADS; i++) {
        self[i].thread = i;
        errno = pthread_create(&id, NULL, thread, &self[i]);
        if (errno != 0) {
            warn("pthread_create");
            return -1;
        }
    }
    return 0;
}

// § The process they are in
static int child(int rfd)
{
    static struct event self[THREADS];
    struct sigaction sa = {.sa_handler = on_usr1};

    silent_fd = rfd;
    close(events[0]);
    sigemptyset(&sa.sa_mask);
    if (sigaction(SIGUSR1, &sa, NULL) == -1) {
        warn("sigaction");
        return 1;
    }
    change_mask(SIG_BLOCK); /* and so in every thread made from now on */
    if (start_threads(self) == -1)
        return 1;
    thread(&self[0]); /* main is one of the four */
    return 0;
}

// § Is it asleep?
static bool is_asleep(pid_t pid, pid_t tid, long call)
{
    char path[64], text[256] = "", wanted[32];
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", (int)pid, (int)tid);
    snprintf(wanted, sizeof wanted, "%ld ", call);
    f = fopen(path, "r");
    if (f == NULL)
        return true; /* it has ended: the next report will not come */
    if (fgets(text, sizeof text, f) == NULL)
        text[0] = '\0';
    fclose(f);
    return strncmp(text, wanted, strlen(wanted)) == 0;
}

// § All asleep
static void await_asleep(pid_t pid, const struct event threads[THREADS])
{
    for (int i = 0; i < THREADS; i++) {
        enum role role = arrangement->roles[i];
        long call = role == WAITS ? SYS_rt_sigtimedwait : SYS_read;

        while (role != SPINS && !is_asleep(pid, threads[i].tid, call))
            sched_yield();
    }
}

// § Taking a report
static int take_report(struct event total[THREADS])
{
    struct event e;

    if (read(events[0], &e, sizeof e) != sizeof e)
        return -1; /* the child has ended */
    total[e.thread].tid = e.tid;
    total[e.thread].handler_runs += e.handler_runs;
    total[e.thread].eintrs += e.eintrs;
    total[e.thread].sigwaits += e.sigwaits;
    return 0;
}

// § One signal at a time
static int send_signals(pid_t pid, struct event total[THREADS])
{
    pid_t target = 0;

    for (int i = 0; i < THREADS; i++)
        if (take_report(total) == -1)
            return -1;
    if (arrangement->target != 0)
        target = total[arrangement->target].tid;
    for (int i = 0; i < SIGNALS; i++) {
        await_asleep(pid, total);
        if (target == 0)
            kill(pid, SIGUSR1);
        else
            syscall(SYS_tgkill, pid, target, SIGUSR1); /* pthread_kill */
        if (take_report(total) == -1)
            return -1;
    }
    return 0;
}

// § One row
static void say_row(const struct event t[THREADS])
{
    int sigwaits = 0;

    for (int i = 0; i < THREADS; i++)
        sigwaits += t[i].sigwaits;
    say("%-25s%5d%5d%5d%5d  %5d%5d%5d%5d%9d", arrangement->name,
        t[0].handler_runs, t[1].handler_runs, t[2].handler_runs,
        t[3].handler_runs, t[0].eintrs, t[1].eintrs, t[2].eintrs, t[3].eintrs,
        sigwaits);
}

// § One arrangement
static int try_arrangement(void)
{
    struct event total[THREADS] = {{0}};
    pid_t pid;
    int wfd, result;

    if (pipe2(events, O_CLOEXEC) == -1)
        err(1, "pipe");
    pid = child_start(child, &wfd);
    close(events[1]);
    result = send_signals(pid, total);
    close(wfd); /* the threads see end of file */
    close(events[0]);
    if (child_end(pid, 0) != 0 || result == -1)
        return 1;
    say_row(total);
    return 0;
}

// § The table
int main(int argc, char *argv[])
{
    size_t all = sizeof arrangements / sizeof arrangements[0];

    program_start(argc, argv, about);
    say("%-25s%20s  %20s%9s", "100 signals, one by one", "handler runs in",
        "EINTR in", "sigwait");
    say("%-25s%s  %s  returns", "", " main    1    2    3",
        " main    1    2    3");
    for (arrangement = arrangements; arrangement < arrangements + all;
         arrangement++)
        if (try_arrangement() != 0)
            return 1;
    return 0;
}
