/* outcomes - what a connection says to good and bad bytes at its other end.
 *
 * usage: outcomes [-h]
 */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "../01-blocking-pipe/tick.h"
#include "conn.h"
#include "safe_io.h"

static const char about[] =
    "Gives a connection bytes to receive, and prints what it makes of them.";

// § Bytes in, outcome out
/* Writes `size` bytes into a new pipe, closes it, and receives until the end
 * or the first error, with room for 8 characters. */
static void try(const char *what, const char *bytes, size_t size)
{
    char text[9];
    conn *c;
    int fd[2], got;

    if (pipe(fd) == -1 || conn_adopt(&c, fd[0], true, false) == -1)
        err(1, "pipe");
    if (full_write(fd[1], bytes, size) < size)
        err(1, "write");
    close(fd[1]);
    while ((got = conn_recv(c, text, sizeof text)) == 1)
        say("%-22s -> \"%s\"", what, text);
    say("%-22s -> %s", what, got == 0 ? "the end" : strerror(errno));
    conn_close(c);
}

// § Too small a buffer
static void try_small_buffer(void)
{
    char text[16];
    size_t len;
    conn *reader, *writer;

    if (conn_pair(&reader, &writer, false) == -1)
        err(1, "pipe");
    if (conn_send(writer, "a longer text") == -1)
        err(1, "conn_send");
    if (conn_recv_bytes(reader, text, 8, &len) == -1)
        say("room for 8             -> %s, it has %zu", strerror(errno), len);
    if (conn_recv(reader, text, sizeof text) == 1)
        say("room for 16            -> \"%s\"", text);
    conn_close(reader);
    conn_close(writer);
}

// § Nobody there
static void try_without_reader(void)
{
    struct sigaction sa = {.sa_handler = SIG_DFL};
    conn *reader, *writer;

    sigemptyset(&sa.sa_mask);
    if (sigaction(SIGPIPE, &sa, NULL) == -1)
        err(1, "sigaction");
    if (conn_pair(&reader, &writer, false) == -1)
        err(1, "pipe");
    conn_close(reader);
    if (conn_send(writer, "fool") == -1)
        say("no reader, SIGPIPE on  -> %s", strerror(errno));
    conn_close(writer);
}

// § All of them
int main(int argc, char *argv[])
{
    program_start(argc, argv, about);
    try("a message", "\0\0\0\4fool", 8);
    try("an empty message", "\0\0\0\0", 4);
    try("two messages", "\0\0\0\4fool\0\0\0\3END", 15);
    try("half a length", "\0\0", 2);
    try("a length and no text", "\0\0\0\4", 4);
    try("half a text", "\0\0\0\4fo", 6);
    try("a negative length", "\xff\xff\xff\xfe", 4);
    try("a zero byte in it", "\0\0\0\4fo\0l", 8);
    try_small_buffer();
    try_without_reader();
    return 0;
}
