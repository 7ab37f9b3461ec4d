/* What appendix A says about single calls, asked of the kernel and the C library.
 *
 * The table has it too; but here a call that is said to go on gets what it waits for, and succeeds. Some of this
 * differs from signal(7) of man-pages 6.03 on this kernel and library; those tests say so. */
#define _GNU_SOURCE /* pipe2, ppoll, recvmmsg */
#include <aio.h>
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"
#include "measure.h"

enum { WENT_ON = 0, NO_HANDLER = -1 }; /* the second in the place of sa_flags: stop and continue instead */

/* In memory that the children share with the test. */
static struct {
    atomic_int handled;
    sem_t semaphore;
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    uint32_t word;
    long long_result;
    int is_eof, is_error;
} *shared;

static int fd[2]; /* a pipe, or two sockets */

static void count(int sig)
{
    (void)sig;
    atomic_fetch_add(&shared->handled, 1);
}

static void install(int sig, int flags)
{
    struct sigaction sa = {.sa_handler = count, .sa_flags = flags};

    sigemptyset(&sa.sa_mask);
    if (sigaction(sig, &sa, NULL) == -1)
        _exit(98);
}

static int setup(void **state)
{
    pthread_mutexattr_t mutex;
    pthread_condattr_t condition;

    (void)state;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_init(&mutex);
    pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
    pthread_condattr_init(&condition);
    pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED);
    if (shared == MAP_FAILED || sem_init(&shared->semaphore, 1, 0) == -1 ||
        pthread_mutex_init(&shared->mutex, &mutex) != 0 || pthread_cond_init(&shared->condition, &condition) != 0)
        return -1;
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd);
}

static int teardown(void **state)
{
    kill_family(state);
    close(fd[0]);
    close(fd[1]);
    return munmap(shared, sizeof *shared);
}

static int status_of(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* Starts `call` in a child and waits until it sleeps in the system call `number`. */
static pid_t block(int (*call)(void), long number, int flags)
{
    pid_t pid;

    shared->handled = 0;
    pid = fork_in_test();
    if (pid == 0) {
        if (flags != NO_HANDLER)
            install(SIGUSR1, flags);
        alarm(60); /* if it waits forever after all, SIGALRM kills it, and that is no errno */
        _exit(call());
    }
    await_asleep(pid, number);
    while (!is_asleep(pid)) /* with all its threads */
        ;
    return pid;
}

/* The handler has run when this returns, or the process has been stopped and continued. */
static void disturb(pid_t pid, int flags)
{
    int status;

    if (flags != NO_HANDLER) {
        assert_int_equal(kill(pid, SIGUSR1), 0);
        while (shared->handled == 0)
            assert_int_equal(kill(pid, 0), 0);
        return;
    }
    assert_int_equal(kill(pid, SIGSTOP), 0);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    assert_int_equal(kill(pid, SIGCONT), 0);
}

/* What became of the call: WENT_ON if it returned successfully after `satisfy` had given it what it waits for, or its
 * errno. */
static int outcome(int (*call)(void), long number, int flags, void (*satisfy)(void))
{
    pid_t pid = block(call, number, flags);

    disturb(pid, flags);
    if (satisfy != NULL)
        satisfy();
    return status_of(pid);
}

static int in_a_child(int (*call)(void))
{
    pid_t pid;

    shared->handled = 0;
    pid = fork_in_test();
    if (pid == 0)
        _exit(call());
    return status_of(pid);
}

static struct timespec in_an_hour(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    t.tv_sec += 3600;
    return t;
}

static void send_a_byte(void)
{
    assert_int_equal(write(fd[1], "x", 1), 1);
}

static void take_all(void)
{
    char bytes[4096];

    while (recv(fd[0], bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
}

static void fill(void)
{
    char bytes[4096] = "";

    while (send(fd[1], bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
    while (send(fd[1], bytes, 1, MSG_DONTWAIT) > 0)
        ;
}

static void limit(int socket, int option)
{
    struct timeval hour = {.tv_sec = 3600};

    assert_int_equal(setsockopt(socket, SOL_SOCKET, option, &hour, sizeof hour), 0);
}

/* ---- semaphores, futexes, mutexes */

static int do_sem_wait(void)
{
    return sem_wait(&shared->semaphore) == 0 ? 0 : errno;
}

static int do_sem_timedwait(void)
{
    struct timespec until = in_an_hour(CLOCK_REALTIME);

    return sem_timedwait(&shared->semaphore, &until) == 0 ? 0 : errno;
}

static void post(void)
{
    assert_int_equal(sem_post(&shared->semaphore), 0);
}

/* signal(7) lists both among those that SA_RESTART restarts. */
static void sem_timedwait_fails_with_eintr_despite_sa_restart(void **state)
{
    (void)state;
    assert_int_equal(outcome(do_sem_timedwait, SYS_futex, SA_RESTART, NULL), EINTR);
    assert_int_equal(outcome(do_sem_timedwait, SYS_futex, NO_HANDLER, post), WENT_ON);
    assert_int_equal(outcome(do_sem_wait, SYS_futex, SA_RESTART, post), WENT_ON);
    assert_int_equal(outcome(do_sem_wait, SYS_futex, 0, NULL), EINTR);
}

enum { FUTEX_WAIT = 0, FUTEX_WAKE = 1, FUTEX_LOCK_PI = 6 };

static int do_futex(void)
{
    return syscall(SYS_futex, &shared->word, FUTEX_WAIT, 0, NULL, NULL, 0) == 0 ? 0 : errno;
}

static int do_futex_limit(void)
{
    struct timespec hour = {.tv_sec = 3600};

    return syscall(SYS_futex, &shared->word, FUTEX_WAIT, 0, &hour, NULL, 0) == 0 ? 0 : errno;
}

static int do_futex_pi(void)
{
    shared->word = (uint32_t)getppid(); /* as if the test had the lock */
    return syscall(SYS_futex, &shared->word, FUTEX_LOCK_PI, 0, NULL, NULL, 0) == 0 ? 0 : errno;
}

/* The child may be on its way back to sleep, where nobody can wake it yet. */
static void wake(void)
{
    while (syscall(SYS_futex, &shared->word, FUTEX_WAKE, 1, NULL, NULL, 0) == 0)
        ;
}

/* signal(7) makes no difference between a FUTEX_WAIT with a time limit and one without. */
static void a_futex_wait_with_a_limit_fails_with_eintr_despite_sa_restart(void **state)
{
    (void)state;
    assert_int_equal(outcome(do_futex, SYS_futex, SA_RESTART, wake), WENT_ON);
    assert_int_equal(outcome(do_futex_limit, SYS_futex, SA_RESTART, NULL), EINTR);
}

/* ERESTARTNOINTR: restarted whatever the handler's flags. */
static void a_futex_lock_pi_goes_on_without_sa_restart(void **state)
{
    pid_t pid;

    (void)state;
    pid = block(do_futex_pi, SYS_futex, 0);
    disturb(pid, 0);
    await_asleep(pid, SYS_futex);
    kill(pid, SIGKILL);
    assert_int_equal(status_of(pid), 1000 + SIGKILL);
}

static int do_mutex_lock(void)
{
    return pthread_mutex_lock(&shared->mutex);
}

static int do_mutex_timedlock(void)
{
    struct timespec until = in_an_hour(CLOCK_REALTIME);

    return pthread_mutex_timedlock(&shared->mutex, &until);
}

static void unlock(void)
{
    pthread_mutex_unlock(&shared->mutex);
}

static int lock_in_a_child(int (*lock)(void), int flags)
{
    pthread_mutexattr_t attributes; /* a child that dies with the mutex locked must not spoil it for the next one */

    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    assert_int_equal(pthread_mutex_init(&shared->mutex, &attributes), 0);
    assert_int_equal(pthread_mutex_lock(&shared->mutex), 0);
    return outcome(lock, SYS_futex, flags, unlock);
}

/* signal(7): "otherwise the call fails with the error EINTR". */
static void a_mutex_lock_never_fails_with_eintr(void **state)
{
    (void)state;
    assert_int_equal(lock_in_a_child(do_mutex_lock, 0), WENT_ON);
    assert_int_equal(lock_in_a_child(do_mutex_lock, SA_RESTART), WENT_ON);
    assert_int_equal(lock_in_a_child(do_mutex_timedlock, 0), WENT_ON);
    assert_int_equal(lock_in_a_child(do_mutex_timedlock, SA_RESTART), WENT_ON);
}

static int do_cond_wait(void)
{
    int error = pthread_mutex_lock(&shared->mutex);

    while (error == 0 && shared->word == 0)
        error = pthread_cond_wait(&shared->condition, &shared->mutex);
    pthread_mutex_unlock(&shared->mutex);
    return error;
}

static int do_cond_timedwait(void)
{
    struct timespec until = in_an_hour(CLOCK_REALTIME);
    int error = pthread_mutex_lock(&shared->mutex);

    while (error == 0 && shared->word == 0)
        error = pthread_cond_timedwait(&shared->condition, &shared->mutex, &until);
    pthread_mutex_unlock(&shared->mutex);
    return error;
}

static void signal_condition(void)
{
    assert_int_equal(pthread_mutex_lock(&shared->mutex), 0);
    shared->word = 1;
    assert_int_equal(pthread_cond_signal(&shared->condition), 0);
    assert_int_equal(pthread_mutex_unlock(&shared->mutex), 0);
}

static int wait_in_a_child(int (*wait)(void), int flags)
{
    shared->word = 0;
    return outcome(wait, SYS_futex, flags, signal_condition);
}

static void a_cond_wait_never_fails_with_eintr(void **state)
{
    (void)state;
    assert_int_equal(wait_in_a_child(do_cond_wait, 0), WENT_ON);
    assert_int_equal(wait_in_a_child(do_cond_wait, SA_RESTART), WENT_ON);
    assert_int_equal(wait_in_a_child(do_cond_timedwait, 0), WENT_ON);
    assert_int_equal(wait_in_a_child(do_cond_timedwait, SA_RESTART), WENT_ON);
}

/* ---- sockets */

static int do_recvmmsg_limit(void)
{
    char byte;
    struct iovec part = {&byte, 1};
    struct mmsghdr message = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
    struct timespec hour = {.tv_sec = 3600};

    return recvmmsg(fd[0], &message, 1, 0, &hour) == 1 ? 0 : errno;
}

/* signal(7) lists it among those that are never restarted: "also with a non-NULL timeout argument". */
static void recvmmsg_with_a_timeout_argument_is_restarted(void **state)
{
    (void)state;
    assert_int_equal(outcome(do_recvmmsg_limit, SYS_recvmmsg, SA_RESTART, send_a_byte), WENT_ON);
    assert_int_equal(outcome(do_recvmmsg_limit, SYS_recvmmsg, 0, NULL), EINTR);
    assert_int_equal(outcome(do_recvmmsg_limit, SYS_recvmmsg, NO_HANDLER, send_a_byte), WENT_ON);
}

static int do_send(void)
{
    return send(fd[1], "x", 1, 0) == 1 ? 0 : errno;
}

/* signal(7) names SO_RCVTIMEO for sending too. */
static void what_counts_for_send_is_so_sndtimeo(void **state)
{
    (void)state;
    fill();
    limit(fd[1], SO_RCVTIMEO);
    assert_int_equal(outcome(do_send, SYS_sendto, SA_RESTART, take_all), WENT_ON);
    fill();
    limit(fd[1], SO_SNDTIMEO);
    assert_int_equal(outcome(do_send, SYS_sendto, SA_RESTART, NULL), EINTR);
    assert_int_equal(outcome(do_send, SYS_sendto, NO_HANDLER, NULL), EINTR);
}

static int do_read(void)
{
    char byte;

    return read(fd[0], &byte, 1) == 1 ? 0 : errno;
}

static int do_write(void)
{
    return write(fd[1], "x", 1) == 1 ? 0 : errno;
}

/* signal(7) names accept, recv, send and their relatives, but not read and write. */
static void read_and_write_on_a_socket_with_a_limit_are_never_restarted(void **state)
{
    (void)state;
    assert_int_equal(outcome(do_read, SYS_read, SA_RESTART, send_a_byte), WENT_ON); /* without a limit */
    limit(fd[0], SO_RCVTIMEO);
    assert_int_equal(outcome(do_read, SYS_read, SA_RESTART, NULL), EINTR);
    assert_int_equal(outcome(do_read, SYS_read, NO_HANDLER, NULL), EINTR);
    fill();
    limit(fd[1], SO_SNDTIMEO);
    assert_int_equal(outcome(do_write, SYS_write, SA_RESTART, NULL), EINTR);
    assert_int_equal(outcome(do_write, SYS_write, NO_HANDLER, NULL), EINTR);
}

static int listener;
static struct sockaddr_in address;
static struct sockaddr_un unix_address;
static socklen_t unix_size;

static void listen_here(void)
{
    socklen_t size = sizeof address;

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
}

static int new_connection(void)
{
    int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(sock, (struct sockaddr *)&address, sizeof address), 0);
    return sock;
}

static int do_accept(void)
{
    return accept(listener, NULL, NULL) == -1 ? errno : 0;
}

static void connect_once(void)
{
    close(new_connection());
}

static void accept_with_a_limit_is_never_restarted(void **state)
{
    (void)state;
    listen_here();
    assert_int_equal(outcome(do_accept, SYS_accept, SA_RESTART, connect_once), WENT_ON);
    limit(listener, SO_RCVTIMEO);
    assert_int_equal(outcome(do_accept, SYS_accept, SA_RESTART, NULL), EINTR);
    assert_int_equal(outcome(do_accept, SYS_accept, NO_HANDLER, NULL), EINTR);
    close(listener);
}

/* Returns 0 if all is as it should be: connect fails with EINTR, and the connection comes about all the same. */
static int do_connect(void)
{
    int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), error = -1;
    struct pollfd p = {.fd = sock, .events = POLLOUT};
    socklen_t size = sizeof error;

    if (connect(sock, (struct sockaddr *)&address, sizeof address) != -1 || errno != EINTR)
        return 1;
    if (poll(&p, 1, -1) != 1 || getsockopt(sock, SOL_SOCKET, SO_ERROR, &error, &size) == -1)
        return 2;
    return error == 0 && send(sock, "x", 1, 0) == 1 ? 0 : 3;
}

/* The queue of the listener is full, so connect waits; after the signal somebody makes room. (The kernel asks again
 * after a second.) */
static void an_interrupted_connect_goes_on_by_itself(void **state)
{
    struct pollfd queue = {.events = POLLIN};
    int first, accepted;
    pid_t pid;

    (void)state;
    listen_here();
    first = new_connection();
    queue.fd = listener;
    assert_int_equal(poll(&queue, 1, -1), 1);
    pid = block(do_connect, SYS_connect, 0);
    disturb(pid, 0);
    await_asleep(pid, SYS_poll);
    accepted = accept(listener, NULL, NULL);
    assert_true(accepted != -1);
    assert_int_equal(status_of(pid), 0);
    close(accepted);
    close(first);
    close(listener);
}

/* Returns 0 if connect fails with EINTR, and has asked for nothing. */
static int do_connect_unix(void)
{
    int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct pollfd queue = {.fd = listener, .events = POLLIN};

    if (connect(sock, (struct sockaddr *)&unix_address, unix_size) != -1 || errno != EINTR)
        return 1;
    close(accept(listener, NULL, NULL)); /* the one before; now there is room */
    if (poll(&queue, 1, 0) != 0)
        return 2;
    if (connect(sock, (struct sockaddr *)&unix_address, unix_size) == -1)
        return 3;
    return poll(&queue, 1, 0) == 1 ? 0 : 4;
}

static void an_interrupted_connect_over_a_unix_socket_has_begun_nothing(void **state)
{
    int first = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pid_t pid;

    (void)state;
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unix_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    assert_int_equal(bind(listener, (struct sockaddr *)&unix_address, sizeof unix_address.sun_family), 0);
    unix_size = sizeof unix_address; /* Linux has chosen a name */
    assert_int_equal(getsockname(listener, (struct sockaddr *)&unix_address, &unix_size), 0);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(connect(first, (struct sockaddr *)&unix_address, unix_size), 0);
    pid = block(do_connect_unix, SYS_connect, 0);
    disturb(pid, 0);
    assert_int_equal(status_of(pid), 0);
    close(first);
    close(listener);
}

/* Returns 0 if close said 0 and has closed. */
static int do_close(void)
{
    struct linger hour = {.l_onoff = 1, .l_linger = 3600};
    static char bytes[4096];
    int sock = new_connection(), accepted = accept(listener, NULL, NULL); /* where nobody reads */

    while (send(sock, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
    if (accepted == -1 || setsockopt(sock, SOL_SOCKET, SO_LINGER, &hour, sizeof hour) == -1)
        return 1;
    if (close(sock) != 0)
        return 2;
    return close(sock) == -1 && errno == EBADF ? 0 : 3;
}

static void an_interrupted_close_returns_0_and_has_closed(void **state)
{
    (void)state;
    listen_here();
    assert_int_equal(outcome(do_close, SYS_close, 0, NULL), 0);
    assert_int_equal(outcome(do_close, SYS_close, SA_RESTART, NULL), 0);
    assert_int_equal(outcome(do_close, SYS_close, NO_HANDLER, NULL), 0);
    close(listener);
}

/* ---- events */

static int do_epoll_wait(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd[0], &event) == -1)
        return 97;
    return epoll_wait(epoll, &event, 1, -1) == 1 ? 0 : errno;
}

static int do_poll_limit(void)
{
    struct pollfd p = {.fd = fd[0], .events = POLLIN};

    return poll(&p, 1, 3600000) == 1 ? 0 : errno;
}

static void epoll_wait_fails_after_stop_and_continue_and_poll_does_not(void **state)
{
    (void)state;
    assert_int_equal(outcome(do_epoll_wait, SYS_epoll_wait, NO_HANDLER, NULL), EINTR);
    assert_int_equal(outcome(do_poll_limit, SYS_poll, NO_HANDLER, send_a_byte), WENT_ON);
}

/* ERESTART_RESTARTBLOCK: what goes on is another system call, which remembers when the time is up. */
static void a_poll_that_was_stopped_goes_on_as_restart_syscall(void **state)
{
    pid_t pid;

    (void)state;
    pid = block(do_poll_limit, SYS_poll, NO_HANDLER);
    disturb(pid, NO_HANDLER);
    await_asleep(pid, SYS_restart_syscall);
    send_a_byte();
    assert_int_equal(status_of(pid), WENT_ON);
}

/* As strace -p does it: stop it for a moment, without any signal. */
static void attach_and_detach(pid_t pid)
{
    int status;

    assert_int_equal(ptrace(PTRACE_SEIZE, pid, 0, 0), 0);
    assert_int_equal(ptrace(PTRACE_INTERRUPT, pid, 0, 0), 0);
    assert_int_equal(waitpid(pid, &status, __WALL), pid);
    assert_true(WIFSTOPPED(status));
    assert_int_equal(ptrace(PTRACE_DETACH, pid, 0, 0), 0);
}

static void epoll_wait_fails_when_a_tracer_attaches_and_poll_does_not(void **state)
{
    pid_t pid;

    (void)state;
    pid = block(do_epoll_wait, SYS_epoll_wait, NO_HANDLER);
    attach_and_detach(pid);
    assert_int_equal(status_of(pid), EINTR);
    pid = block(do_poll_limit, SYS_poll, NO_HANDLER);
    attach_and_detach(pid);
    await_asleep(pid, SYS_restart_syscall);
    send_a_byte();
    assert_int_equal(status_of(pid), WENT_ON);
}

static int do_ppoll_limit(void)
{
    struct pollfd p = {.fd = fd[0], .events = POLLIN};
    struct timespec hour = {.tv_sec = 3600};

    return ppoll(&p, 1, &hour, NULL) == 1 ? 0 : errno;
}

/* ERESTARTNOHAND: the call writes back what is left of the time. */
static void a_ppoll_that_was_stopped_goes_on_as_ppoll(void **state)
{
    pid_t pid;

    (void)state;
    pid = block(do_ppoll_limit, SYS_ppoll, NO_HANDLER);
    disturb(pid, NO_HANDLER);
    await_asleep(pid, SYS_ppoll);
    send_a_byte();
    assert_int_equal(status_of(pid), WENT_ON);
}

static int do_pause(void)
{
    pause();
    return errno;
}

/* ERESTARTNOHAND: with a handler it ends, whatever its flags; without one it goes on as the same call. */
static void a_pause_goes_on_only_without_a_handler(void **state)
{
    pid_t pid;

    (void)state;
    assert_int_equal(outcome(do_pause, SYS_pause, SA_RESTART, NULL), EINTR);
    pid = block(do_pause, SYS_pause, NO_HANDLER);
    disturb(pid, NO_HANDLER);
    await_asleep(pid, SYS_pause);
    kill(pid, SIGKILL);
    assert_int_equal(status_of(pid), 1000 + SIGKILL);
}

static int do_io_getevents(void)
{
    unsigned long context = 0;
    char event[32];

    if (syscall(SYS_io_setup, 1, &context) == -1)
        return 97;
    return syscall(SYS_io_getevents, context, 1L, 1L, event, NULL) == 1 ? 0 : errno;
}

/* signal(7) does not list it among those that do this. */
static void io_getevents_fails_after_stop_and_continue(void **state)
{
    (void)state;
    assert_int_equal(outcome(do_io_getevents, SYS_io_getevents, NO_HANDLER, NULL), EINTR);
    assert_int_equal(outcome(do_io_getevents, SYS_io_getevents, SA_RESTART, NULL), EINTR);
}

static int do_aio_suspend(void)
{
    char byte;
    struct aiocb request = {.aio_fildes = fd[0], .aio_buf = &byte, .aio_nbytes = 1};
    const struct aiocb *requests[] = {&request};

    if (aio_read(&request) == -1)
        return 97;
    return aio_suspend(requests, 1, NULL) == 0 ? 0 : errno;
}

/* signal(7) does not name it. */
static void aio_suspend_is_restarted(void **state)
{
    (void)state;
    assert_int_equal(outcome(do_aio_suspend, SYS_futex, 0, NULL), EINTR);
    assert_int_equal(outcome(do_aio_suspend, SYS_futex, SA_RESTART, send_a_byte), WENT_ON);
}

/* ---- functions that hide it, and functions that show it in another way */

static int do_system(void)
{
    char command[64];

    snprintf(command, sizeof command, "read byte <&%d", fd[0]);
    fcntl(fd[0], F_SETFD, 0);
    return system(command) == 0 && shared->handled == 1 ? 0 : 1;
}

static int do_pclose(void)
{
    char command[64];
    FILE *pipe;

    snprintf(command, sizeof command, "read byte <&%d", fd[0]);
    fcntl(fd[0], F_SETFD, 0);
    pipe = popen(command, "r");
    return pipe != NULL && pclose(pipe) == 0 && shared->handled == 1 ? 0 : 1;
}

static void send_a_line(void)
{
    assert_int_equal(write(fd[1], "\n", 1), 1);
}

static void system_and_pclose_never_show_eintr(void **state)
{
    (void)state;
    assert_int_equal(outcome(do_system, SYS_wait4, 0, send_a_line), 0);
    assert_int_equal(outcome(do_pclose, SYS_wait4, 0, send_a_line), 0);
}

static int do_fread(void)
{
    char bytes[4];
    FILE *f = fdopen(fd[0], "r");

    if (fread(bytes, 1, sizeof bytes, f) != 0)
        return 1;
    if (feof(f) || !ferror(f) || errno != EINTR)
        return 2;
    clearerr(f);
    return fread(bytes, 1, 1, f) == 1 ? 0 : 3; /* there was more to come */
}

static void only_ferror_tells_an_interrupted_fread_from_end_of_file(void **state)
{
    pid_t pid;

    (void)state;
    pid = block(do_fread, SYS_read, 0);
    disturb(pid, 0);
    send_a_byte();
    assert_int_equal(status_of(pid), 0);
}

static int do_sleep(void)
{
    struct timespec before, after;
    unsigned left;
    double slept;

    clock_gettime(CLOCK_MONOTONIC, &before);
    left = sleep(7);
    clock_gettime(CLOCK_MONOTONIC, &after);
    slept = (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
    if (slept >= 7)
        return 0; /* a machine that is very slow: nothing seen */
    return left <= 6 && left >= (unsigned)(7 - slept) ? 0 : 1; /* not 7, as rounding would give */
}

static void an_interrupted_sleep_returns_what_is_left_rounded_down(void **state)
{
    (void)state;
    assert_int_equal(outcome(do_sleep, SYS_clock_nanosleep, SA_RESTART, NULL), 0);
}

/* ---- a signal behind a timer's */

static void await_pending(int sig)
{
    sigset_t pending;

    do
        sigpending(&pending);
    while (sigismember(&pending, sig) == 0);
}

/* SIGUSR1 is blocked. That of a timer is pending, the timer is disarmed or not, and then somebody sends the same
 * signal. Returns what there is to take: the signal, or 0 for nothing. */
static int taken_behind_a_timer(bool disarmed)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec at_once = {.it_value = {.tv_nsec = 1}}, never = {.it_value = {0}};
    struct timespec no_time = {0};
    sigset_t set;
    timer_t timer;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) == -1 || timer_settime(timer, 0, &at_once, NULL) == -1)
        return 97;
    await_pending(SIGUSR1);
    if (disarmed && timer_settime(timer, 0, &never, NULL) == -1)
        return 96;
    if (kill(getpid(), SIGUSR1) == -1)
        return 95;
    await_pending(SIGUSR1);
    return sigtimedwait(&set, NULL, &no_time) == SIGUSR1 ? SIGUSR1 : 0;
}

static int do_armed(void)
{
    return taken_behind_a_timer(false);
}

static int do_disarmed(void)
{
    return taken_behind_a_timer(true);
}

/* Measured: Linux 6.1 and 6.12 deliver it, 6.18 does not. What others do is only said. */
static void linux_6_18_swallows_a_signal_behind_that_of_a_disarmed_timer(void **state)
{
    struct utsname kernel;
    int major = 0, minor = 0, taken;

    (void)state;
    assert_int_equal(uname(&kernel), 0);
    assert_int_equal(sscanf(kernel.release, "%d.%d", &major, &minor), 2);
    assert_int_equal(in_a_child(do_armed), SIGUSR1);
    taken = in_a_child(do_disarmed);
    if (major == 6 && minor == 18)
        assert_int_equal(taken, 0);
    else if (major < 6 || (major == 6 && minor <= 12))
        assert_int_equal(taken, SIGUSR1);
    else
        print_message("Linux %d.%d: %s\n", major, minor, taken == 0 ? "swallowed" : "delivered");
}

/* ---- random numbers */

enum { LARGE = 64 << 20 };

static void alarm_every_ms(int ms)
{
    struct timeval period = {.tv_usec = ms * 1000};
    struct itimerval timer = {.it_value = period, .it_interval = period};

    install(SIGALRM, SA_RESTART);
    if (setitimer(ITIMER_REAL, &timer, NULL) == -1)
        _exit(97);
}

enum { WHOLE, PART, NEITHER };

static int what_came(ssize_t n)
{
    if (shared->handled == 0)
        return NEITHER;
    return n == LARGE ? WHOLE : n > 256 && n < LARGE ? PART : NEITHER;
}

static int do_getrandom(void)
{
    char *bytes = malloc(LARGE);

    alarm_every_ms(5);
    return what_came(getrandom(bytes, LARGE, 0));
}

static int do_getrandom_call(void)
{
    char *bytes = malloc(LARGE);

    alarm_every_ms(5);
    return what_came(syscall(SYS_getrandom, bytes, (size_t)LARGE, 0));
}

static int do_read_urandom(void)
{
    char *bytes = malloc(LARGE);
    int urandom = open("/dev/urandom", O_RDONLY);

    alarm_every_ms(5);
    return what_came(read(urandom, bytes, LARGE));
}

static int do_small_getrandom(void)
{
    char bytes[256];

    alarm_every_ms(1);
    while (shared->handled < 100)
        if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes ||
            syscall(SYS_getrandom, bytes, sizeof bytes, 0) != sizeof bytes)
            return PART;
    return WHOLE;
}

static void a_large_getrandom_is_cut_short_despite_sa_restart(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(do_getrandom_call), PART);
    assert_int_equal(in_a_child(do_read_urandom), PART);
    assert_int_equal(in_a_child(do_small_getrandom), WHOLE);
}

/* Where the kernel has put getrandom into its vDSO (Linux 6.11, on x86), glibc makes no system call for it. */
static bool getrandom_is_in_the_program(void)
{
    void *vdso = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
    int minor = 0;

    assert_int_equal(sscanf(gnu_get_libc_version(), "2.%d", &minor), 1);
    return minor >= 41 && vdso != NULL && dlsym(vdso, "__vdso_getrandom") != NULL;
}

static void the_getrandom_of_glibc_from_2_41_on_is_not_cut_short(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(do_getrandom), getrandom_is_in_the_program() ? WHOLE : PART);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sem_timedwait_fails_with_eintr_despite_sa_restart),
        TEST(a_futex_wait_with_a_limit_fails_with_eintr_despite_sa_restart),
        TEST(a_futex_lock_pi_goes_on_without_sa_restart),
        TEST(a_mutex_lock_never_fails_with_eintr),
        TEST(a_cond_wait_never_fails_with_eintr),
        TEST(recvmmsg_with_a_timeout_argument_is_restarted),
        TEST(what_counts_for_send_is_so_sndtimeo),
        TEST(read_and_write_on_a_socket_with_a_limit_are_never_restarted),
        TEST(accept_with_a_limit_is_never_restarted),
        TEST(an_interrupted_connect_goes_on_by_itself),
        TEST(an_interrupted_connect_over_a_unix_socket_has_begun_nothing),
        TEST(an_interrupted_close_returns_0_and_has_closed),
        TEST(epoll_wait_fails_after_stop_and_continue_and_poll_does_not),
        TEST(epoll_wait_fails_when_a_tracer_attaches_and_poll_does_not),
        TEST(a_poll_that_was_stopped_goes_on_as_restart_syscall),
        TEST(a_ppoll_that_was_stopped_goes_on_as_ppoll),
        TEST(a_pause_goes_on_only_without_a_handler),
        TEST(io_getevents_fails_after_stop_and_continue),
        TEST(aio_suspend_is_restarted),
        TEST(system_and_pclose_never_show_eintr),
        TEST(only_ferror_tells_an_interrupted_fread_from_end_of_file),
        TEST(an_interrupted_sleep_returns_what_is_left_rounded_down),
        TEST(linux_6_18_swallows_a_signal_behind_that_of_a_disarmed_timer),
        TEST(a_large_getrandom_is_cut_short_despite_sa_restart),
        TEST(the_getrandom_of_glibc_from_2_41_on_is_not_cut_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
