/* whole_write - short_write put right: the rest is written again.
 *
 * usage: whole_write [-h]
 * contract: forks
 */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "../01-blocking-pipe/child.h"
#include "../01-blocking-pipe/tick.h"
#include "alarm.h"
#include "late_reader.h"

static const char about[] =
    "100000 bytes into a pipe, whole, although SIGALRM cuts the write short.";

// § The rest, until there is none
static int write_all(int fd, const char *data, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = write(fd, data + done, size - done);
        if (n == -1 && errno != EINTR)
            return -1;
        if (n > 0)
            done += (size_t)n;
        late_reader_go(); /* only for this demonstration */
    }
    return 0;
}

// § The same 100,000 bytes
int main(int argc, char *argv[])
{
    static char data[100000];
    int wfd, error = 0;
    pid_t pid;

    program_start(argc, argv, about);
    pid = late_reader_start(&wfd);
    catch_alarm(alarm_line, SA_RESTART);
    alarm_every(tick_ms() * 1000);
    if (write_all(wfd, data, sizeof data) == -1)
        error = errno;
    alarm_every(0);
    if (error == 0)
        say("all %zu bytes written", sizeof data);
    late_reader_go();
    close(wfd);
    return child_end(pid, error);
}
