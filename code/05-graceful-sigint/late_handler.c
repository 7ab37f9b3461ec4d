/* WRONG: is not ready for SIGINT when its child has been started.
 *
 * usage: late_handler [-h]
 */
#include <errno.h>
#include <unistd.h>

#include "../01-blocking-pipe/child.h"
#include "../01-blocking-pipe/tick.h"
#include "sigint.h"

static const char about[] =
    "A parent and a child that handle SIGINT, but only from a moment on.";

// § The child gets ready
static int child(int rfd)
{
    char byte;

    (void)getsid(0); /* too early: a place for strace to send SIGINT */
    catch_sigint(SA_RESTART);
    if (read(rfd, &byte, 1) == 1) /* or else the parent has gone */
        say("child: cleaned up");
    return 0;
}

// § The parent gets ready
int main(int argc, char *argv[])
{
    int wfd, error = 0;
    pid_t pid;

    program_start(argc, argv, about);
    pid = child_start(child, &wfd);
    (void)getppid(); /* too early here as well: another such place */
    catch_sigint(SA_RESTART);
    sleep_until_tick(2);
    say("parent: the round is whole");
    if (write(wfd, "", 1) == -1)
        error = errno;
    close(wfd);
    return child_end(pid, error);
}
