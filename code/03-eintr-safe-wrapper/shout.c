/* shout - receives messages on standard input and sends them back in capitals.
 *
 * usage: shout [-h]
 * contract: silent
 */
#include <ctype.h>
#include <err.h>
#include <unistd.h>

#include "../01-blocking-pipe/tick.h"
#include "conn.h"

static const char about[] =
    "Receives messages on stdin, and sends each back on stdout, in capitals.";

// § A filter of messages
int main(int argc, char *argv[])
{
    char text[256];
    conn *in, *out;
    int got;

    program_start(argc, argv, about);
    if (conn_adopt(&in, STDIN_FILENO, true, false) == -1)
        err(1, "stdin");
    if (conn_adopt(&out, STDOUT_FILENO, false, true) == -1)
        err(1, "stdout");
    while ((got = conn_recv(in, text, sizeof text)) == 1) {
        for (char *at = text; *at != '\0'; at++)
            *at = (char)toupper((unsigned char)*at);
        if (conn_send(out, text) == -1)
            err(1, "stdout");
    }
    if (got == -1)
        err(1, "stdin");
    conn_close(in);
    if (conn_close(out) == -1)
        err(1, "stdout");
    return 0;
}
