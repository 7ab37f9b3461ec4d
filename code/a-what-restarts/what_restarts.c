/* what_restarts - what a signal does to some ninety blocked calls, here.
 *
 * usage: what_restarts [-h]
 * contract: spins
 */
#define _GNU_SOURCE /* gnu_get_libc_version */
#include <err.h>
#include <string.h>
#include <sys/utsname.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

#include "../01-blocking-pipe/tick.h"
#include "child_calls.h"
#include "event_calls.h"
#include "file_calls.h"
#include "library_calls.h"
#include "lock_calls.h"
#include "measure.h"
#include "message_calls.h"
#include "sleep_calls.h"
#include "socket_calls.h"

static const char about[] =
    "A table of what a signal does to some ninety blocked calls.";

// § Where the table was made
static void print_machine(void)
{
    struct utsname kernel;

    if (uname(&kernel) == -1)
        err(1, "uname");
    say("kernel: %s %.*s %s", kernel.sysname,
        (int)strspn(kernel.release, "0123456789."), kernel.release,
        kernel.machine); /* without what the builder has added */
#ifdef __GLIBC__
    say("library: glibc %s", gnu_get_libc_version());
#else
    say("library: musl");
#endif
}

// § One group, line by line
static void print_line(const char *name, const char *const answers[WAYS])
{
    say("%-31s %-15s %-15s %s", name, answers[NO_RESTART], answers[RESTART],
        answers[STOP]);
}

static void print_group(const struct group *group)
{
    static const char *const ways[] = {
        [NO_RESTART] = "no SA_RESTART",
        [RESTART] = "SA_RESTART",
        [STOP] = "stop, continue",
    };
    const char *answers[WAYS];

    say("%s", "");
    print_line(group->title, ways);
    for (size_t i = 0; i < group->count; i++) {
        measure(&group->calls[i], answers);
        print_line(group->calls[i].name, answers);
    }
}

// § The whole table
int main(int argc, char *argv[])
{
    static const struct group *const groups[] = {
        &file_calls,  &socket_calls, &child_calls,   &lock_calls,
        &event_calls, &sleep_calls,  &message_calls, &library_calls};

    program_start(argc, argv, about);
    print_machine();
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        print_group(groups[i]);
    return 0;
}
