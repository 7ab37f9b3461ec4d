/* measure.c - see measure.h. Linux only: /proc, prctl. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../01-blocking-pipe/child.h"
#include "../01-blocking-pipe/tick.h"
#include "measure.h"

// § What the two processes share
struct shared {
    atomic_bool ready;    /* what comes next is the call */
    atomic_int handled;   /* how often the handler has run */
    atomic_bool returned; /* the call is over, and this is what it said: */
    long result;
    int error;
};

struct measurement {
    const struct call *call;
    enum way way;
    pid_t pid;
    struct shared *shared;
    bool blocked;
};

// § The handler counts
static struct shared *shared; /* in the child */

static void count(int sig)
{
    (void)sig;
    atomic_fetch_add(&shared->handled, 1);
}

static void get_ready_for_signals(enum way way)
{
    struct sigaction sa = {.sa_handler = count,
                           .sa_flags = way == RESTART ? SA_RESTART : 0};
    sigset_t none;

    sigemptyset(&none);
    sa.sa_mask = none;
    if (way != STOP && sigaction(SIGUSR1, &sa, NULL) == -1)
        warn("sigaction");
    if (sigprocmask(SIG_SETMASK, &none, NULL) == -1)
        warn("sigprocmask");
}

// § One child, one call
static void child(const struct call *call, enum way way)
{
    get_ready_for_signals(way);
    if (call->prepare == NULL || call->prepare() == 0) {
        errno = 0;
        shared->ready = true;
        shared->result = call->call();
    } else {
        shared->result = -1;
    }
    shared->error = errno;
    shared->returned = true;
}

// § Starting it
static void start(struct measurement *m)
{
    pid_t parent = getpid();

    m->shared = mmap(NULL, sizeof *m->shared, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (m->shared == MAP_FAILED)
        err(1, "mmap");
    m->pid = fork();
    if (m->pid == -1)
        err(1, "fork");
    if (m->pid == 0) {
        leave_with_parent(parent);
        setpgid(0, 0); /* no key of the terminal disturbs the call */
        shared = m->shared;
        child(m->call, m->way);
        _exit(0);
    }
}

// § A number in /proc
static long number_after(const char *name, const char *line)
{
    size_t length = strlen(name);

    return strncmp(line, name, length) == 0 ? strtol(line + length, NULL, 10)
                                            : 0;
}

// § One thread, asleep?
static long switches_of_sleeper(int pid, const char *tid)
{
    char path[64], line[128];
    bool asleep = false;
    long switches = 0;
    FILE *status;

    snprintf(path, sizeof path, "/proc/%d/task/%.16s/status", pid, tid);
    status = fopen(path, "re");
    if (status == NULL)
        return -1; /* it has ended meanwhile */
    while (fgets(line, sizeof line, status) != NULL) {
        asleep = asleep || strncmp(line, "State:\tS", 8) == 0;
        switches += number_after("voluntary_ctxt_switches:", line);
        switches += number_after("nonvoluntary_ctxt_switches:", line);
    }
    fclose(status);
    return asleep ? switches : -1;
}

// § All threads, asleep?
static long switches_of_sleepers(pid_t pid)
{
    char path[32];
    struct dirent *entry;
    long sum = 0;
    DIR *tasks;

    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    tasks = opendir(path);
    if (tasks == NULL)
        return -1;
    while (sum != -1 && (entry = readdir(tasks)) != NULL)
        if (entry->d_name[0] != '.') {
            long n = switches_of_sleeper(pid, entry->d_name);
            sum = n == -1 ? -1 : sum + n;
        }
    closedir(tasks);
    return sum;
}

// § All asleep at once
/* Whoever is asleep twice, and was not switched to and away from in between,
 * slept all the time. So there was a moment at which all of them did, and from
 * then on none of them can wake another. */
int is_asleep(int pid)
{
    long before = switches_of_sleepers(pid);

    return before != -1 && switches_of_sleepers(pid) == before;
}

// § Until it has returned, or is asleep
static void check_alive(const struct measurement *m)
{
    siginfo_t info = {0};
    char ending[64];
    int status;

    if (waitid(P_PID, (id_t)m->pid, &info, WEXITED | WNOHANG | WNOWAIT) == -1)
        err(1, "waitid");
    if (info.si_pid == 0 || m->shared->returned)
        return;
    if (waitpid(m->pid, &status, 0) == -1)
        err(1, "waitpid");
    errx(1, "%s: the child %s", m->call->name,
         child_ending(status, ending, sizeof ending));
}

static void settle(const struct measurement *m)
{
    while (!m->shared->returned && !(m->shared->ready && is_asleep(m->pid))) {
        check_alive(m);
        sched_yield();
    }
}

// § Disturb it
/* The kernel wakes whom a signal is for. Who is asleep, and has not handled it,
 * is kept from it, by an emulator for instance. */
static void interrupt(const struct measurement *m)
{
    if (kill(m->pid, SIGUSR1) == -1)
        err(1, "kill");
    while (m->shared->handled == 0 && !is_asleep(m->pid)) {
        check_alive(m);
        sched_yield();
    }
}

static void stop_and_continue(const struct measurement *m)
{
    if (kill(m->pid, SIGSTOP) == -1 ||
        waitpid(m->pid, NULL, WUNTRACED) == -1 || kill(m->pid, SIGCONT) == -1)
        err(1, "stop and continue");
}

static void disturb(struct measurement *m)
{
    m->blocked = !m->shared->returned;
    if (m->blocked && m->way == STOP)
        stop_and_continue(m);
    else if (m->blocked)
        interrupt(m);
}

// § It did not block
static const char *answer_unblocked(int error)
{
    switch (error) {
    case 0:
        return "did not block";
    case EAFNOSUPPORT:
    case ENOENT:
    case ENOSYS:
    case EOPNOTSUPP:
    case EPERM:
        return "not here";
    default:
        return strerror(error);
    }
}

// § The answer
static const char *answer(const struct measurement *m)
{
    if (m->blocked && m->way != STOP && m->shared->handled == 0)
        return "no signal";
    if (!m->shared->returned)
        return "goes on";
    if (!m->blocked)
        return answer_unblocked(m->shared->error);
    if (m->shared->result >= 0)
        return m->shared->result == 0 ? "returns 0" : "returns > 0";
    return m->shared->error == EINTR ? "EINTR" : strerror(m->shared->error);
}

// § The end of a measurement
static void end(const struct measurement *m)
{
    if (kill(m->pid, SIGKILL) == -1 || waitpid(m->pid, NULL, 0) == -1 ||
        munmap(m->shared, sizeof *m->shared) == -1)
        err(1, "ending a measurement");
}

static void await_their_children(void) /* which have become ours */
{
    while (waitpid(-1, NULL, 0) != -1)
        ;
}

// § Three children at a time
void measure(const struct call *call, const char *answers[WAYS])
{
    struct measurement m[WAYS];

    prctl(PR_SET_CHILD_SUBREAPER, 1); /* not in every emulator: see measure.h */
    for (enum way way = 0; way < WAYS; way++) {
        m[way] = (struct measurement){.call = call, .way = way};
        start(&m[way]);
    }
    for (enum way way = 0; way < WAYS; way++)
        settle(&m[way]);
    for (enum way way = 0; way < WAYS; way++)
        disturb(&m[way]);
    for (enum way way = 0; way < WAYS; way++) {
        settle(&m[way]);
        answers[way] = answer(&m[way]);
        end(&m[way]);
    }
    await_their_children();
}
