/* event_calls.c - see event_calls.h. Linux only: epoll, io_getevents. */
#define _GNU_SOURCE /* ppoll */
#include <aio.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "event_calls.h"
#include "things.h"

// § poll
static long call_poll(void)
{
    struct pollfd p = {.fd = fd[0], .events = POLLIN};

    return poll(&p, 1, -1);
}

static long call_poll_limit(void)
{
    struct pollfd p = {.fd = fd[0], .events = POLLIN};

    return poll(&p, 1, (int)hour.tv_sec * 1000);
}

static long call_ppoll(void)
{
    struct pollfd p = {.fd = fd[0], .events = POLLIN};

    return ppoll(&p, 1, &hour, NULL);
}

// § select
static fd_set pipe_only(void)
{
    fd_set set;

    FD_ZERO(&set);
    FD_SET((unsigned)fd[0], &set); /* musl's macro wants no sign */
    return set;
}

static long call_select(void)
{
    fd_set set = pipe_only();
    struct timeval limit = {.tv_sec = hour.tv_sec};

    return select(fd[0] + 1, &set, NULL, NULL, &limit);
}

static long call_pselect(void)
{
    fd_set set = pipe_only();

    return pselect(fd[0] + 1, &set, NULL, NULL, &hour, NULL);
}

// § epoll
static int new_epoll(void)
{
    return (fd[0] = epoll_create1(EPOLL_CLOEXEC)) == -1 ? -1 : 0;
}

static long call_epoll_wait(void)
{
    struct epoll_event event;

    return epoll_wait(fd[0], &event, 1, -1);
}

static long call_epoll_pwait(void)
{
    struct epoll_event event;

    return epoll_pwait(fd[0], &event, 1, -1, NULL);
}

// § Input and output that goes on by itself
static unsigned long kernel_aio;
static struct aiocb read_request;

static int new_kernel_aio(void)
{
    return (int)syscall(SYS_io_setup, 1, &kernel_aio);
}

static long call_io_getevents(void)
{
    return syscall(SYS_io_getevents, kernel_aio, 1L, 1L, buffer, NULL);
}

static int reading_by_itself(void)
{
    if (empty_pipe() == -1)
        return -1;
    read_request.aio_fildes = fd[0];
    read_request.aio_buf = buffer;
    read_request.aio_nbytes = 1;
    return aio_read(&read_request);
}

static long call_aio_suspend(void)
{
    const struct aiocb *requests[] = {&read_request};

    return aio_suspend(requests, 1, NULL);
}

// § Waiting for a signal
static sigset_t other; /* which nobody will send */

static int other_blocked(void)
{
    sigemptyset(&other);
    sigaddset(&other, SIGUSR2);
    return sigprocmask(SIG_BLOCK, &other, NULL);
}

static long call_pause(void)
{
    return pause();
}

static long call_sigsuspend(void)
{
    sigset_t none;

    sigemptyset(&none);
    return sigsuspend(&none);
}

// § Waiting for one signal
static long call_sigtimedwait(void)
{
    return sigtimedwait(&other, NULL, &hour);
}

static long call_sigwaitinfo(void)
{
    return sigwaitinfo(&other, NULL);
}

static long call_sigwait(void)
{
    int sig;

    return by_errno(sigwait(&other, &sig));
}

// § Waiting for events
static const struct call calls[] = {
    {"poll (no limit)", empty_pipe, call_poll},
    {"poll (time limit)", empty_pipe, call_poll_limit},
    {"ppoll", empty_pipe, call_ppoll},
    {"select", empty_pipe, call_select},
    {"pselect", empty_pipe, call_pselect},
    {"epoll_wait", new_epoll, call_epoll_wait},
    {"epoll_pwait", new_epoll, call_epoll_pwait},
    {"io_getevents", new_kernel_aio, call_io_getevents},
    {"aio_suspend", reading_by_itself, call_aio_suspend},
    {"pause", NULL, call_pause},
    {"sigsuspend", NULL, call_sigsuspend},
    {"sigtimedwait", other_blocked, call_sigtimedwait},
    {"sigwaitinfo", other_blocked, call_sigwaitinfo},
    {"sigwait", other_blocked, call_sigwait},
};

const struct group event_calls = {"waiting for events", calls,
                                  sizeof calls / sizeof calls[0]};
