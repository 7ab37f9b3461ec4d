/* alarm.c - see alarm.h. */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/time.h>
#include <unistd.h>

#include "../01-blocking-pipe/tick.h"
#include "alarm.h"

// § Catching SIGALRM
void catch_alarm(void (*handler)(int), int flags)
{
    struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};

    sigemptyset(&sa.sa_mask);
    if (sigaction(SIGALRM, &sa, NULL) == -1) {
        warn("sigaction");
        _exit(1); /* and not exit, since this may be a child */
    }
}

// § An alarm every tick
void alarm_every(int us)
{
    struct timeval period = {.tv_sec = us / 1000000, .tv_usec = us % 1000000};
    struct itimerval timer = {.it_value = period, .it_interval = period};

    if (setitimer(ITIMER_REAL, &timer, NULL) == -1) {
        warn("setitimer");
        _exit(1); /* and not exit, since this may be a child */
    }
}

// § The handler
void alarm_line(int sig)
{
    int saved = errno;
    ssize_t put;

    (void)sig;
    do {
        put = write(STDOUT_FILENO, "alarm(14)\n", 10);
    } while (put == -1 && errno == EINTR); /* by another handler */
    if (put == -1 && errno != EAGAIN)
        stdout_lost_from_handler();
    errno = saved;
}
