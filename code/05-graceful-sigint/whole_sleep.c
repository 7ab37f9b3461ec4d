/* whole_sleep - short_sleep put right: a round lasts until its tick.
 *
 * usage: whole_sleep [-h]
 */
#include "../01-blocking-pipe/tick.h"
#include "sigint.h"

static const char about[] =
    "Five rounds of one tick, each of them whole, whatever signals come.";

// § Each round has an end, not a length
int main(int argc, char *argv[])
{
    program_start(argc, argv, about);
    catch_sigint(0);
    for (int round = 1; round <= 5; round++) {
        sleep_until_tick(round);
        say("round %d done", round);
    }
    return 0;
}
