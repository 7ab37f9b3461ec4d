/* What chapter 4 says about threads, signals, fork and timers, asked of the kernel. Not for sanitizers: theirs have
 * threads of their own, which would be counted. */
#define _GNU_SOURCE /* pipe2, gettid */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"
#include "threads.h"

/* Each of these is run once. */
static struct program which = {.name = "which_thread"}, inherited = {.name = "inherited"},
                      missed = {.name = "missed", .tick_ms = 50};

static int run_programs(void **state)
{
    (void)state;
    program_run(&which);
    program_run(&inherited);
    program_run(&missed);
    return 0;
}

static void has_line(const struct program *p, const char *line)
{
    assert_string_equal(p->err, "");
    assert_int_equal(exit_status(p), 0);
    if (strstr(p->out, line) == NULL)
        fail_msg("no line '%s' in: %s", line, p->out);
}

/* ---- which thread */

/* The columns: handler runs in main, threads 1 to 3; EINTR in the same; sigwait. */
static void has_row(const char *row)
{
    has_line(&which, row);
}

static void main_runs_the_handler_though_three_others_could(void **state)
{
    (void)state;
    has_row("all read                   100    0    0    0    100    0    0    0        0\n");
}

static void main_runs_the_handler_even_when_it_is_busy_and_nobody_gets_eintr(void **state)
{
    (void)state;
    has_row("main spins                 100    0    0    0      0    0    0    0        0\n");
}

static void if_main_blocks_it_another_thread_runs_the_handler_and_gets_eintr(void **state)
{
    (void)state;
    has_row("main blocks it               0  100    0    0      0  100    0    0        0\n");
}

static void the_only_thread_that_does_not_block_it_gets_all(void **state)
{
    (void)state;
    has_row("main, 1, 2 block it          0    0    0  100      0    0    0  100        0\n");
}

static void a_thread_in_sigwait_takes_all_and_nobody_is_interrupted(void **state)
{
    (void)state;
    has_row("all block it; 3: sigwait     0    0    0    0      0    0    0    0      100\n");
}

static void pthread_kill_hits_one_thread(void **state)
{
    (void)state;
    has_row("sent to thread 2 alone       0    0  100    0      0    0  100    0        0\n");
}

static _Thread_local volatile sig_atomic_t handled;

static void on_signal(int sig)
{
    (void)sig;
    handled = 1;
}

static void install(int sig)
{
    struct sigaction sa = {.sa_handler = on_signal};

    sigemptyset(&sa.sa_mask);
    if (sigaction(sig, &sa, NULL) == -1)
        _exit(98);
}

static void *sleep_on(void *unused)
{
    for (;;)
        pause();
    return unused;
}

static int exit_of(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* Sends a signal to its own process while main sleeps in read. */
static void *kill_own_process(void *unused)
{
    await_asleep(getpid(), SYS_read);
    kill(getpid(), SIGUSR1);
    return unused;
}

static int sent_from_within(void)
{
    int silent[2];
    char byte;
    pthread_t thread;

    install(SIGUSR1);
    if (pipe2(silent, O_CLOEXEC) == -1 || pthread_create(&thread, NULL, kill_own_process, NULL) != 0)
        return 97;
    if (read(silent[0], &byte, 1) != -1 || errno != EINTR || !handled)
        return 1;
    pthread_join(thread, NULL);
    return 0;
}

static void kill_from_another_thread_of_the_process_goes_to_main_as_well(void **state)
{
    pid_t pid = fork_in_test();

    (void)state;
    if (pid == 0) {
        alarm(60);
        _exit(sent_from_within());
    }
    assert_int_equal(exit_of(pid), 0);
}

enum { ALARMS = 20 };

static volatile int alarms_seen; /* by main */

/* Runs while each alarm comes, and says whether it was hit. The next alarm waits until main sleeps again: while its
 * handler runs, main blocks the signal. */
static void *spin_under_alarms(void *was_hit)
{
    struct itimerval once = {.it_value = {.tv_usec = 1000}};

    for (int i = 0; i < ALARMS; i++) {
        await_asleep(getpid(), SYS_read);
        setitimer(ITIMER_REAL, &once, NULL);
        while (alarms_seen == i && !handled)
            ;
    }
    *(bool *)was_hit = handled != 0;
    return NULL;
}

static int alarms_while_another_thread_runs(void)
{
    int silent[2];
    bool was_hit = true;
    char byte;
    pthread_t thread;

    install(SIGALRM);
    if (pipe2(silent, O_CLOEXEC) == -1 || pthread_create(&thread, NULL, spin_under_alarms, &was_hit) != 0)
        return 97;
    for (int i = 0; i < ALARMS; i++) {
        if (read(silent[0], &byte, 1) != -1 || errno != EINTR || !handled)
            return 1;
        alarms_seen++;
    }
    pthread_join(thread, NULL);
    return was_hit ? 2 : 0;
}

/* (Since Linux 6.4 a timer of timer_create prefers a thread that is running; setitimer does not.) */
static void the_alarm_of_setitimer_goes_to_main_though_another_thread_is_running(void **state)
{
    pid_t pid = fork_in_test();

    (void)state;
    if (pid == 0)
        _exit(alarms_while_another_thread_runs());
    assert_int_equal(exit_of(pid), 0);
}

static int reached[2], gate[2];

/* Tells which thread it runs in, and stays. */
static void stay_in_handler(int sig)
{
    pid_t tid = gettid();
    char byte;

    (void)sig;
    if (write(reached[1], &tid, sizeof tid) != sizeof tid || read(gate[0], &byte, 1) != 1)
        _exit(96);
}

static void *tell_and_sleep(void *unused)
{
    pid_t tid = gettid();

    if (write(reached[1], &tid, sizeof tid) != sizeof tid)
        _exit(95);
    return sleep_on(unused);
}

static void be_two_threads(void)
{
    struct sigaction sa = {.sa_handler = stay_in_handler};
    pthread_t thread;

    sigemptyset(&sa.sa_mask);
    if (sigaction(SIGUSR1, &sa, NULL) == -1 || pthread_create(&thread, NULL, tell_and_sleep, NULL) != 0)
        _exit(97);
    sleep_on(NULL);
}

static pid_t next_tid(void)
{
    pid_t tid = -1;

    assert_int_equal(read(reached[0], &tid, sizeof tid), sizeof tid);
    return tid;
}

/* So one handler can run in two threads at once. */
static void while_main_is_in_the_handler_the_next_signal_goes_to_another_thread(void **state)
{
    pid_t pid, other;

    (void)state;
    assert_int_equal(pipe2(reached, O_CLOEXEC), 0);
    assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
    pid = fork_in_test();
    if (pid == 0)
        be_two_threads();
    other = next_tid();
    await_asleep(pid, SYS_pause);
    kill(pid, SIGUSR1);
    assert_int_equal(next_tid(), pid);
    kill(pid, SIGUSR1);
    assert_int_equal(next_tid(), other);
    kill(pid, SIGKILL);
    assert_int_equal(exit_of(pid), 1000 + SIGKILL);
}

static void *is_usr1_blocked(void *answer)
{
    sigset_t mask;

    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    *(int *)answer = sigismember(&mask, SIGUSR1);
    return NULL;
}

static int blocked_in_new_thread(int how)
{
    sigset_t usr1, old;
    pthread_t thread;
    int answer = -1;

    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_sigmask(how, &usr1, &old);
    assert_int_equal(pthread_create(&thread, NULL, is_usr1_blocked, &answer), 0);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_join(thread, NULL);
    return answer;
}

static void a_new_thread_has_the_mask_of_its_maker(void **state)
{
    (void)state;
    assert_int_equal(blocked_in_new_thread(SIG_BLOCK), 1);
    assert_int_equal(blocked_in_new_thread(SIG_UNBLOCK), 0);
}

static int send_to_thread_without_a_handler(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, sleep_on, NULL) != 0)
        return 97;
    pthread_kill(thread, SIGTERM);
    pthread_join(thread, NULL);
    return 0;
}

static void without_a_handler_pthread_kill_ends_the_whole_process(void **state)
{
    pid_t pid = fork_in_test();

    (void)state;
    if (pid == 0)
        _exit(send_to_thread_without_a_handler());
    assert_int_equal(exit_of(pid), 1000 + SIGTERM);
}

/* How many of a hundred signals that come before it looks sigwait(3) gets. */
static int signals_for_sigwait(void)
{
    struct timespec now = {0};
    sigset_t usr1;
    int n = 0;

    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &usr1, NULL);
    for (int i = 0; i < 100; i++)
        kill(getpid(), SIGUSR1);
    while (sigtimedwait(&usr1, NULL, &now) == SIGUSR1)
        n++;
    return n;
}

static void for_sigwait_too_a_hundred_pending_signals_are_one(void **state)
{
    pid_t pid = fork_in_test();

    (void)state;
    if (pid == 0)
        _exit(signals_for_sigwait());
    assert_int_equal(exit_of(pid), 1);
}

/* ---- a thread that sleeps in read, and another one that wants to get it out */

struct reader {
    int fd;
    sem_t started;
    pid_t tid;
    ssize_t got;
    char bytes[8];
};

static void *read_some(void *arg)
{
    struct reader *reader = arg;

    reader->tid = gettid();
    sem_post(&reader->started);
    reader->got = read(reader->fd, reader->bytes, sizeof reader->bytes);
    return NULL;
}

/* Returns when the thread sleeps in its read. */
static pthread_t start_reader(struct reader *reader, int fd)
{
    pthread_t thread;

    memset(reader, 0, sizeof *reader);
    reader->fd = fd;
    sem_init(&reader->started, 0, 0);
    assert_int_equal(pthread_create(&thread, NULL, read_some, reader), 0);
    while (sem_wait(&reader->started) == -1)
        assert_int_equal(errno, EINTR);
    await_asleep(reader->tid, SYS_read);
    return thread;
}

static void shutdown_ends_a_read_from_a_socket(void **state)
{
    struct reader reader;
    pthread_t thread;
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    thread = start_reader(&reader, ends[0]);
    assert_int_equal(shutdown(ends[0], SHUT_RD), 0);
    pthread_join(thread, NULL);
    assert_int_equal(reader.got, 0);
    close(ends[0]);
    close(ends[1]);
}

static void pthread_cancel_ends_the_thread_in_its_read(void **state)
{
    struct reader reader;
    pthread_t thread;
    void *result;
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    thread = start_reader(&reader, ends[0]);
    assert_int_equal(pthread_cancel(thread), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    close(ends[0]);
    close(ends[1]);
}

/* The read has the open file, and not the number: there is still somebody to write to, and it gets the byte. */
static void a_close_does_not_end_a_read(void **state)
{
    struct reader reader;
    pthread_t thread;
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    thread = start_reader(&reader, ends[0]);
    assert_int_equal(close(ends[0]), 0);
    await_asleep(reader.tid, SYS_read);
    assert_int_equal(write(ends[1], "x", 1), 1);
    pthread_join(thread, NULL);
    assert_int_equal(reader.got, 1);
    assert_int_equal(reader.bytes[0], 'x');
    close(ends[1]);
}

static void a_timerfd_that_is_set_earlier_wakes_who_reads_it(void **state)
{
    struct itimerspec in_an_hour = {.it_value = {.tv_sec = 3600}}, soon = {.it_value = {.tv_nsec = 1000}};
    struct reader reader;
    pthread_t thread;
    uint64_t ticks;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

    (void)state;
    assert_int_equal(timerfd_settime(fd, 0, &in_an_hour, NULL), 0);
    thread = start_reader(&reader, fd);
    assert_int_equal(timerfd_settime(fd, 0, &soon, NULL), 0);
    pthread_join(thread, NULL);
    assert_int_equal(reader.got, sizeof ticks);
    memcpy(&ticks, reader.bytes, sizeof ticks);
    assert_int_equal(ticks, 1);
    close(fd);
}

/* ---- fork */

/* In a process of its own: a thread that has been joined may be seen for a moment longer. */
static int threads_after_fork(void)
{
    pthread_t thread;
    pid_t pid;
    int status;

    for (int i = 0; i < 3; i++)
        if (pthread_create(&thread, NULL, sleep_on, NULL) != 0)
            return 97;
    if (thread_count() != 4)
        return 96;
    pid = fork();
    if (pid == 0)
        _exit(thread_count());
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 95;
}

static void a_child_has_one_thread_however_many_its_parent_has(void **state)
{
    pid_t pid = fork_in_test();

    (void)state;
    if (pid == 0)
        _exit(threads_after_fork());
    assert_int_equal(exit_of(pid), 1);
}

static void a_child_keeps_handlers_masks_and_timerfds(void **state)
{
    (void)state;
    has_line(&inherited, "handler for SIGALRM      yes      yes\n");
    has_line(&inherited, "SIGUSR1 blocked          yes      yes\n");
    has_line(&inherited, "timerfd is running       yes      yes\n");
}

static void a_child_loses_pending_signals_timers_and_threads(void **state)
{
    (void)state;
    has_line(&inherited, "SIGUSR1 pending          yes      no\n");
    has_line(&inherited, "setitimer is running     yes      no\n");
    has_line(&inherited, "threads                  2        1\n");
}

/* A tick is a minute here, and the thread keeps the lock that long: fork is asleep, and there is no child. */
static void with_pthread_atfork_a_fork_waits_for_the_lock(void **state)
{
    struct program p = {.name = "fork_atfork", .tick_ms = 60000};

    (void)state;
    program_launch(&p);
    await_line(&p, "thread: locked\n");
    await_asleep(p.pid, SYS_futex);
    kill(p.pid, SIGKILL);
    program_finish(&p);
    assert_string_equal(p.out, "thread: locked\n");
}

static void after_pthread_atfork_the_child_has_a_free_lock(void **state)
{
    struct program p = {.name = "fork_atfork", .tick_ms = 100};

    (void)state;
    program_run(&p);
    assert_string_equal(p.out, "thread: locked\n"
                               "thread: unlocking\n"
                               "child: 1 thread\n"
                               "child: the lock was free\n");
    assert_string_equal(p.err, "");
    assert_int_equal(exit_status(&p), 0);
}

/* Locks a mutex of this type, forks, and unlocks it in the child: what that returns. */
static int unlock_in_a_child(int type)
{
    pthread_mutexattr_t attr;
    pthread_mutex_t lock;
    pid_t pid;
    int status;

    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, type);
    assert_int_equal(pthread_mutex_init(&lock, &attr), 0);
    assert_int_equal(pthread_mutex_lock(&lock), 0);
    pid = fork_in_test();
    if (pid == 0)
        _exit(pthread_mutex_unlock(&lock));
    status = exit_of(pid);
    assert_int_equal(pthread_mutex_unlock(&lock), 0);
    return status;
}

/* Its owner is a thread of the parent. */
static void a_child_cannot_unlock_a_mutex_that_knows_its_owner(void **state)
{
    (void)state;
    assert_int_equal(unlock_in_a_child(PTHREAD_MUTEX_DEFAULT), 0);
    assert_int_equal(unlock_in_a_child(PTHREAD_MUTEX_RECURSIVE), EPERM);
    assert_int_equal(unlock_in_a_child(PTHREAD_MUTEX_ERRORCHECK), EPERM);
}

/* Takes a line out of a text, wherever it is. */
static void without(const char *line, char *text)
{
    char *at = strstr(text, line);

    if (at == NULL)
        fail_msg("no line '%s' in: %s", line, text);
    memmove(at, at + strlen(line), strlen(at + strlen(line)) + 1);
}

/* The child waits for its end of file, which only the thread brings it, while main waits for the child. */
static void a_thread_ticks_while_main_sleeps_in_waitpid(void **state)
{
    struct program p = {.name = "tick_in_waitpid", .tick_ms = 100};

    (void)state;
    program_run(&p);
    without("parent: 2 threads\n", p.out); /* on a slow machine a tick may come before these two */
    without("child: 1 thread\n", p.out);
    assert_string_equal(p.out, "tick\ntick\ntick\nsub process: end of file\nwaitpid has returned\n");
    assert_string_equal(p.err, "");
    assert_int_equal(exit_status(&p), 0);
}

/* In a process with threads: pthread_create(3) uses clone3, fork(2) clone or fork. */
static void a_fork_that_fails_is_named_with_threads_as_well(void **state)
{
    static const char *const names[] = {"tick_in_waitpid", "fork_atfork", "inherited"};
    const char *wrapper[] = {"strace", "-o", "/dev/null", "-e", "trace=fork,vfork,clone", "-e",
                             "inject=fork,vfork,clone:error=EAGAIN:when=1", NULL};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct program p = {.name = names[i], .tick_ms = 20, .wrapper = wrapper};
        program_run(&p);
        assert_non_null(strstr(p.err, ": fork: Resource temporarily unavailable\n"));
        assert_int_equal(count_lines(p.err), 1);
        assert_int_equal(exit_status(&p), 1);
    }
}

/* A tick is a minute here: whoever leaves only at its next tick misses the deadline of the kit. */
static void a_ticking_parent_that_is_killed_leaves_nobody(void **state)
{
    struct program p = {.name = "tick_in_waitpid", .tick_ms = 60000};

    (void)state;
    program_launch(&p);
    await_line(&p, "child: 1 thread\n");
    await_asleep(p.pid, SYS_wait4);
    kill(p.pid, SIGKILL);
    program_finish(&p);
    assert_int_equal(exit_status(&p), 1000 + SIGKILL);
}

/* ---- ticks that nobody takes */

static void five_blocked_alarms_are_one_signal(void **state)
{
    (void)state;
    has_line(&missed, "setitimer:    1 signal\n");
}

static void timer_getoverrun_tells_the_ticks_without_a_signal(void **state)
{
    (void)state;
    has_line(&missed, "timer_create: 1 signal, and timer_getoverrun says 4\n");
}

static void a_timerfd_counts_every_tick(void **state)
{
    (void)state;
    has_line(&missed, "timerfd:      5 ticks in one read\n");
}

/* ---- the afterword's puzzle */

static void in_python_3_the_timer_fires_while_main_waits_for_the_child(void **state)
{
    char path[4096] = __FILE__;
    const char *wrapper[] = {"python3", NULL};
    struct program p = {.name = path, .wrapper = wrapper, .tick_ms = 300};

    (void)state;
    strcpy(strrchr(path, '/') + 1, "import_lock.py");
    program_run(&p);
    assert_string_equal(p.out, "timer: fired\n"
                               "child: done\n"
                               "parent: joined; timer alive: False, threads: 1\n");
    assert_int_equal(exit_status(&p), 0);
}

/* The other thread runs the C library's handler, and main is not woken to run that of Python. */
static void in_python_a_signal_of_another_thread_waits_for_main(void **state)
{
    const char *script = "import os, signal, sys, threading\n"
                         "done = threading.Event()\n"
                         "def say(text):\n"
                         "    os.write(1, (text + '\\n').encode())\n"
                         "def handler(*_):\n"
                         "    say('handler in ' + threading.current_thread().name)\n"
                         "def main_sleeps():\n"
                         "    with open('/proc/self/syscall') as f:\n"
                         "        return f.read().startswith(sys.argv[-1] + ' ')\n"
                         "def other():\n"
                         "    while not main_sleeps(): pass\n"
                         "    signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)\n"
                         "    for _ in range(100): assert main_sleeps()\n"
                         "    say('sent, and main sleeps on')\n"
                         "    done.set()\n"
                         "signal.signal(signal.SIGUSR1, handler)\n"
                         "threading.Thread(target=other).start()\n"
                         "done.wait()\n";
    char futex[16];
    const char *wrapper[] = {"python3", "-c", script, NULL}, *args[] = {futex, NULL};
    struct program p = {.name = "/dev/null", .wrapper = wrapper, .args = args};

    (void)state;
    snprintf(futex, sizeof futex, "%d", SYS_futex);
    program_run(&p);
    assert_string_equal(p.err, "");
    assert_string_equal(p.out, "sent, and main sleeps on\nhandler in MainThread\n");
    assert_int_equal(exit_status(&p), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(main_runs_the_handler_though_three_others_could),
        cmocka_unit_test(main_runs_the_handler_even_when_it_is_busy_and_nobody_gets_eintr),
        cmocka_unit_test(if_main_blocks_it_another_thread_runs_the_handler_and_gets_eintr),
        cmocka_unit_test(the_only_thread_that_does_not_block_it_gets_all),
        cmocka_unit_test(a_thread_in_sigwait_takes_all_and_nobody_is_interrupted),
        cmocka_unit_test(pthread_kill_hits_one_thread),
        cmocka_unit_test(kill_from_another_thread_of_the_process_goes_to_main_as_well),
        cmocka_unit_test(the_alarm_of_setitimer_goes_to_main_though_another_thread_is_running),
        cmocka_unit_test(while_main_is_in_the_handler_the_next_signal_goes_to_another_thread),
        cmocka_unit_test(a_new_thread_has_the_mask_of_its_maker),
        cmocka_unit_test(without_a_handler_pthread_kill_ends_the_whole_process),
        cmocka_unit_test(for_sigwait_too_a_hundred_pending_signals_are_one),
        cmocka_unit_test(shutdown_ends_a_read_from_a_socket),
        cmocka_unit_test(pthread_cancel_ends_the_thread_in_its_read),
        cmocka_unit_test(a_close_does_not_end_a_read),
        cmocka_unit_test(a_timerfd_that_is_set_earlier_wakes_who_reads_it),
        cmocka_unit_test(a_child_has_one_thread_however_many_its_parent_has),
        cmocka_unit_test(a_child_keeps_handlers_masks_and_timerfds),
        cmocka_unit_test(a_child_loses_pending_signals_timers_and_threads),
        cmocka_unit_test(with_pthread_atfork_a_fork_waits_for_the_lock),
        cmocka_unit_test(after_pthread_atfork_the_child_has_a_free_lock),
        cmocka_unit_test(a_child_cannot_unlock_a_mutex_that_knows_its_owner),
        cmocka_unit_test(a_thread_ticks_while_main_sleeps_in_waitpid),
        cmocka_unit_test(a_fork_that_fails_is_named_with_threads_as_well),
        cmocka_unit_test(a_ticking_parent_that_is_killed_leaves_nobody),
        cmocka_unit_test(five_blocked_alarms_are_one_signal),
        cmocka_unit_test(timer_getoverrun_tells_the_ticks_without_a_signal),
        cmocka_unit_test(a_timerfd_counts_every_tick),
        cmocka_unit_test(in_python_3_the_timer_fires_while_main_waits_for_the_child),
        cmocka_unit_test(in_python_a_signal_of_another_thread_waits_for_main),
    };

    return cmocka_run_group_tests(tests, run_programs, NULL);
}
