/* early_block - late_handler put right: SIGINT waits until both are ready.
 *
 * usage: early_block [-h]
 */
#include <errno.h>
#include <unistd.h>

#include "../01-blocking-pipe/child.h"
#include "../01-blocking-pipe/tick.h"
#include "sigint.h"

static const char about[] =
    "A parent and a child that handle SIGINT from their first moment on.";

static sigset_t before;

// § The child unblocks when it is ready
static int child(int rfd)
{
    char byte;

    (void)getsid(0); /* strace sends SIGINT here again; it has to wait */
    catch_sigint(SA_RESTART);
    restore_mask(&before);
    if (read(rfd, &byte, 1) == 1)
        say("child: cleaned up; SIGINTs: %d", (int)sigints);
    return 0;
}

// § The parent blocks, forks, gets ready, unblocks
int main(int argc, char *argv[])
{
    int wfd, error = 0;
    pid_t pid;

    program_start(argc, argv, about);
    block_sigint(&before); /* the child inherits that */
    pid = child_start(child, &wfd);
    (void)getppid();
    catch_sigint(SA_RESTART);
    restore_mask(&before);
    sleep_until_tick(2);
    say("parent: the round is whole; SIGINTs: %d", (int)sigints);
    if (write(wfd, "", 1) == -1)
        error = errno;
    close(wfd);
    return child_end(pid, error);
}
