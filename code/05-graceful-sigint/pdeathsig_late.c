/* WRONG: asks to be killed with a parent that is already gone.
 *
 * usage: pdeathsig_late [-h]
 * contract: killed by SIGKILL
 *
 * Linux only: prctl(2)
 */
#include <err.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../01-blocking-pipe/tick.h"

static const char about[] = "A child whose parent has just been killed asks to "
                            "be killed with its parent.";

// § A slow child
static int child(pid_t parent)
{
    while (getppid() == parent)
        sched_yield(); /* slow enough for its parent to be gone by now */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1) {
        warn("prctl");
        return 1;
    }
    say("child:  prctl says that I shall leave with my parent");
    sleep_until_tick(tick_now() + 1);
    say("child:  a tick later: still here");
    if (getppid() != parent)
        say("child:  getppid says that my parent is another: leaving");
    return 0;
}

// § A parent that is killed early
int main(int argc, char *argv[])
{
    pid_t parent = getpid(), pid;

    program_start(argc, argv, about);
    say("parent: forking a child, then killing myself");
    pid = fork();
    if (pid == -1)
        err(1, "fork");
    if (pid == 0)
        _exit(child(parent));
    raise(SIGKILL);
    return 1;
}
