/* WRONG: waits for a SIGINT that system(3) keeps away from it.
 *
 * usage: hidden_by_system [-h]
 */
#include <err.h>
#include <stdlib.h>

#include "../01-blocking-pipe/child.h"
#include "../01-blocking-pipe/tick.h"
#include "sigint.h"

static const char about[] =
    "Runs a command with system(3) that Ctrl-C ends, and sees nothing of it.";

// § Ctrl-C while a command runs
int main(int argc, char *argv[])
{
    char ending[64];
    int status;

    program_start(argc, argv, about);
    catch_sigint(0);
    say("the command waits for a line");
    status = system("echo READY; read line");
    if (status == -1)
        err(1, "system");
    say("the command %s", child_ending(status, ending, sizeof ending));
    say("our handler ran %d times", (int)sigints);
    return 0;
}
