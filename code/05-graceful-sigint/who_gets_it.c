/* who_gets_it - a parent and a child tell which signals each of them got.
 *
 * usage: who_gets_it [-h]
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "../01-blocking-pipe/child.h"
#include "../01-blocking-pipe/tick.h"

static const char about[] =
    "A parent and a child tell after 3 ticks which signals each of them got.";

// § Four signals that end a program
static const struct {
    int number;
    const char *name;
} signals[] = {{SIGHUP, " SIGHUP"},
               {SIGINT, " SIGINT"},
               {SIGQUIT, " SIGQUIT"},
               {SIGTERM, " SIGTERM"}};
enum { SIGNALS = sizeof signals / sizeof signals[0] };

static volatile sig_atomic_t got[SIGTERM + 1]; /* no number is higher */

static void on_signal(int sig)
{
    got[sig] = 1;
}

static bool was_got(int sig)
{
    return got[sig] == 1;
}

// § What is ignored stays ignored
static bool is_ignored(int sig)
{
    struct sigaction sa;

    if (sigaction(sig, NULL, &sa) == -1)
        err(1, "sigaction");
    return sa.sa_handler == SIG_IGN;
}

static void catch_unless_ignored(int sig)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    sigemptyset(&sa.sa_mask);
    if (!is_ignored(sig) && sigaction(sig, &sa, NULL) == -1)
        err(1, "sigaction");
}

// § Is it our turn at the terminal?
static const char *place(void)
{
    int tty = open("/dev/tty", O_RDONLY | O_CLOEXEC);
    pid_t foreground;

    if (tty == -1)
        return "without a terminal";
    foreground = tcgetpgrp(tty);
    close(tty);
    return foreground == getpgrp() ? "in the foreground" : "in the background";
}

// § A list of signals
static const char *list(bool (*belongs)(int sig))
{
    static char names[64];

    names[0] = '\0';
    for (int i = 0; i < SIGNALS; i++)
        if (belongs(signals[i].number))
            strcat(names, signals[i].name);
    return names[0] == '\0' ? " nothing" : names;
}

// § The child tells when it is told to
static int child(int rfd)
{
    char byte;

    if (read(rfd, &byte, 1) == 1) /* or else the parent has gone */
        say("child got:%s", list(was_got));
    return 0;
}

// § The parent tells first
int main(int argc, char *argv[])
{
    int wfd, error = 0;
    pid_t pid;

    program_start(argc, argv, about);
    for (int i = 0; i < SIGNALS; i++)
        catch_unless_ignored(signals[i].number);
    pid = child_start(child, &wfd); /* it inherits the handlers */
    sleep_until_tick(0.5); /* the shell, too, may have to say something */
    say("%s, ignoring%s", place(), list(is_ignored));
    sleep_until_tick(3);
    say("parent got:%s", list(was_got));
    if (write(wfd, "", 1) == -1)
        error = errno;
    close(wfd);
    return child_end(pid, error);
}
