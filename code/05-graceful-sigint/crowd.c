/* crowd.c - see crowd.h. */
#define _GNU_SOURCE /* pipe2 */
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../03-eintr-safe-wrapper/safe_io.h"
#include "crowd.h"

// § One of the crowd
/* Ends when the parent closes the gate, or is gone. */
static pid_t fork_one(const int gate[2])
{
    char byte;
    pid_t pid = fork();

    if (pid == -1)
        err(1, "fork");
    if (pid == 0) {
        close(gate[1]); /* or the gate would never be closed */
        _exit(safe_read(gate[0], &byte, 1) == 0 ? 0 : 1);
    }
    return pid;
}

// § SIGCHLD, blocked or not
static void change_mask(int how)
{
    sigset_t sigchld_only;

    sigemptyset(&sigchld_only);
    sigaddset(&sigchld_only, SIGCHLD);
    if (sigprocmask(how, &sigchld_only, NULL) == -1)
        err(1, "sigprocmask");
}

void crowd_unblock(void)
{
    change_mask(SIG_UNBLOCK);
}

// § All of them end
void crowd_end(void)
{
    int gate[2];
    pid_t pids[CROWD];
    siginfo_t info;

    change_mask(SIG_BLOCK);
    if (pipe2(gate, O_CLOEXEC) == -1)
        err(1, "pipe");
    for (int i = 0; i < CROWD; i++)
        pids[i] = fork_one(gate);
    close(gate[0]);
    close(gate[1]);
    for (int i = 0; i < CROWD; i++) /* WNOWAIT: and leave it a zombie */
        if (waitid(P_PID, (id_t)pids[i], &info, WEXITED | WNOWAIT) == -1)
            err(1, "waitid");
}

// § What is left
int crowd_zombies(void)
{
    int zombies = 0;

    while (waitpid(-1, NULL, WNOHANG) > 0)
        zombies++;
    return zombies;
}
