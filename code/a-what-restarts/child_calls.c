/* child_calls.c - see child_calls.h. */
#define _GNU_SOURCE /* wait4 */
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../01-blocking-pipe/tick.h"
#include "child_calls.h"

// § A child that stays
static int idle_child(void)
{
    pid_t parent = getpid(), pid = fork();

    if (pid == 0) {
        leave_with_parent(parent);
        for (;;)
            pause();
    }
    return pid == -1 ? -1 : 0;
}

// § Waiting for it
static long call_wait(void)
{
    return wait(NULL);
}

static long call_waitpid(void)
{
    return waitpid(-1, NULL, 0);
}

static long call_waitid(void)
{
    siginfo_t info;

    return waitid(P_ALL, 0, &info, WEXITED);
}

static long call_wait4(void)
{
    return wait4(-1, NULL, 0, NULL);
}

// § Waiting for children
static const struct call calls[] = {
    {"wait", idle_child, call_wait},
    {"waitpid", idle_child, call_waitpid},
    {"waitid", idle_child, call_waitid},
    {"wait4", idle_child, call_wait4},
};

const struct group child_calls = {"waiting for children", calls,
                                  sizeof calls / sizeof calls[0]};
