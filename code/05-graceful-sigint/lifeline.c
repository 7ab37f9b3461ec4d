/* lifeline - a child learns of its parent's death, whatever it died of, from
 * the end of file on a pipe.
 *
 * usage: lifeline [-h]
 * contract: killed by SIGKILL
 */
#include <err.h>
#include <signal.h>
#include <unistd.h>

#include "../01-blocking-pipe/child.h"
#include "../01-blocking-pipe/tick.h"
#include "../03-eintr-safe-wrapper/safe_io.h"

static const char about[] =
    "A parent is killed; its child sees the end of file, and cleans up.";

// § The child holds the read end
static int child(int lifeline)
{
    char byte;

    if (safe_read(lifeline, &byte, 1) == -1) {
        warn("read");
        return 1;
    }
    say("child:  end of file, so my parent is gone; cleaning up");
    return 0;
}

// § The parent holds the only write end
int main(int argc, char *argv[])
{
    int lifeline; /* nothing is ever written to it */

    program_start(argc, argv, about);
    say("parent: killing myself at tick 1");
    child_start(child, &lifeline);
    sleep_until_tick(1);
    raise(SIGKILL);
    return 1;
}
