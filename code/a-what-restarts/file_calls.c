/* file_calls.c - see file_calls.h. Linux only: splice, eventfd, signalfd... */
#define _GNU_SOURCE /* pipe2, splice, O_PATH */
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

#include "file_calls.h"
#include "things.h"

// § Reads
static long call_read(void)
{
    return read(fd[0], buffer, 1);
}

static long call_readv(void)
{
    struct iovec part = {buffer, 1};

    return readv(fd[0], &part, 1);
}

static long call_splice(void)
{
    int to[2];

    return pipe2(to, 0) == -1 ? -1 : splice(fd[0], NULL, to[1], NULL, 1, 0);
}

static long call_tee(void)
{
    int to[2];

    return pipe2(to, 0) == -1 ? -1 : tee(fd[0], to[1], 1, 0);
}

// § Writes
static long call_write(void)
{
    return write(fd[1], buffer, 1);
}

static long call_writev(void)
{
    struct iovec part = {buffer, 1};

    return writev(fd[1], &part, 1);
}

static long call_vmsplice(void)
{
    struct iovec part = {buffer, 1};

    return vmsplice(fd[1], &part, 1, 0);
}

// § A FIFO without a name
static int fifo(void) /* fd[0] is good for nothing but being opened again */
{
    char dir[] = "/tmp/what_restarts.XXXXXX", path[64];
    int made;

    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/fifo", dir);
    made = mkfifo(path, 0600);
    fd[0] = open(path, O_PATH | O_CLOEXEC);
    unlink(path);
    rmdir(dir);
    return made == -1 || fd[0] == -1 ? -1 : 0;
}

static int open_fifo(void)
{
    return fifo() == -1 || (fd[0] = open_again(fd[0], O_RDWR)) == -1 ? -1 : 0;
}

static long call_open_to_read(void)
{
    return open_again(fd[0], O_RDONLY);
}

static long call_open_to_write(void)
{
    return open_again(fd[0], O_WRONLY);
}

// § A terminal
static int terminal(void) /* openpty(3) gives the master first */
{
    return openpty(&fd[1], &fd[0], NULL, NULL, NULL);
}

static int terminal_master(void)
{
    return openpty(&fd[0], &fd[1], NULL, NULL, NULL);
}

static int stopped_terminal(void) /* as after Ctrl-S */
{
    return terminal_master() == -1 ? -1 : tcflow(fd[1], TCOOFF);
}

// § Descriptors of other kinds
static int event_counter(void)
{
    return (fd[0] = eventfd(0, EFD_CLOEXEC)) == -1 ? -1 : 0;
}

static int timer(void)
{
    struct itimerspec later = {.it_value = hour};

    fd[0] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    return fd[0] == -1 ? -1 : timerfd_settime(fd[0], 0, &later, NULL);
}

static int signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    fd[0] = signalfd(-1, &set, SFD_CLOEXEC);
    return fd[0] == -1 ? -1 : sigprocmask(SIG_BLOCK, &set, NULL);
}

// § Reading events
static int watches(void)
{
    return (fd[0] = inotify_init1(IN_CLOEXEC)) == -1 ? -1 : 0;
}

static long call_read_event(void) /* of at most the size of a signalfd's */
{
    return read(fd[0], buffer, sizeof(struct signalfd_siginfo));
}

// § Reading and writing
static const struct call calls[] = {
    {"read (pipe)", empty_pipe, call_read},
    {"read (FIFO)", open_fifo, call_read},
    {"read (terminal)", terminal, call_read},
    {"read (terminal's master)", terminal_master, call_read},
    {"read (socket)", socket_pair, call_read},
    {"read (eventfd)", event_counter, call_read_event},
    {"read (timerfd)", timer, call_read_event},
    {"read (signalfd)", signals, call_read_event},
    {"read (inotify)", watches, call_read_event},
    {"readv (pipe)", empty_pipe, call_readv},
    {"write (pipe)", full_pipe, call_write},
    {"write (socket)", full_socket, call_write},
    {"write (terminal)", stopped_terminal, call_write},
    {"writev (pipe)", full_pipe, call_writev},
    {"splice (pipe)", empty_pipe, call_splice},
    {"tee (pipe)", empty_pipe, call_tee},
    {"vmsplice (pipe)", full_pipe, call_vmsplice},
    {"open (FIFO to read)", fifo, call_open_to_read},
    {"open (FIFO to write)", fifo, call_open_to_write},
};

const struct group file_calls = {"reading and writing", calls,
                                 sizeof calls / sizeof calls[0]};
