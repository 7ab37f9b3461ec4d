/* library_calls.c - see library_calls.h. */
#define _GNU_SOURCE /* pipe2 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "library_calls.h"
#include "things.h"

static FILE *stream;

// § A command that ends when we do
static int silent_stdin(void) /* the other end closes with this process */
{
    return empty_pipe() == -1 || dup2(fd[0], STDIN_FILENO) == -1 ? -1 : 0;
}

static int open_command(void)
{
    if (silent_stdin() == -1)
        return -1;
    stream = popen("read line", "r");
    return stream == NULL ? -1 : 0;
}

static long call_system(void)
{
    return system("read line");
}

static long call_pclose(void)
{
    return pclose(stream);
}

// § Streams
static int stream_from_pipe(void)
{
    return empty_pipe() == -1 || (stream = fdopen(fd[0], "r")) == NULL ? -1 : 0;
}

static int stream_to_pipe(void)
{
    if (full_pipe() == -1 || (stream = fdopen(fd[1], "w")) == NULL)
        return -1;
    return fputc('x', stream) == EOF ? -1 : 0;
}

// § Using streams
static long call_fgetc(void)
{
    return fgetc(stream);
}

static long call_fgets(void)
{
    return fgets(buffer, sizeof buffer, stream) == NULL ? -1 : 1;
}

static long call_fread(void)
{
    return (long)fread(buffer, 1, 10, stream);
}

static long call_fflush(void)
{
    return fflush(stream);
}

// § Functions of the library
static const struct call calls[] = {
    {"system", silent_stdin, call_system},
    {"pclose", open_command, call_pclose},
    {"fgetc", stream_from_pipe, call_fgetc},
    {"fgets", stream_from_pipe, call_fgets},
    {"fread", stream_from_pipe, call_fread},
    {"fflush", stream_to_pipe, call_fflush},
};

const struct group library_calls = {"functions of the library", calls,
                                    sizeof calls / sizeof calls[0]};
