/* two_memories - what a child changes for its parent, and what only for itself.
 *
 * usage: two_memories [-h]
 */
#define _GNU_SOURCE /* pipe2, MAP_ANONYMOUS */
#include <err.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../01-blocking-pipe/child.h"
#include "../01-blocking-pipe/message.h"
#include "../01-blocking-pipe/tick.h"

static const char about[] = "A child sets a global and a shared int, and sends "
                            "a message: what does its parent see?";

// § Three places to leave a word
static int global = 1;
static int *shared; /* the pointer is copied by fork, the int is not */

static void map_shared(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        err(1, "mmap");
    *shared = 1;
}

// § The child writes
static int child(int wfd)
{
    global = 2;
    *shared = 2;
    say("child:  global %d, shared %d", global, *shared);
    if (message_send(wfd, "both are 2") == -1) {
        warn("write");
        return 1;
    }
    return 0;
}

// § The parent looks
static int parent(int rfd, pid_t pid)
{
    char text[MESSAGE_SIZE];

    if (message_recv(rfd, text) == 1) { /* so the child has written all three */
        say("parent: global %d, shared %d", global, *shared);
        say("parent: recv: %s", text);
    }
    return child_end(pid, 0);
}

// § A pipe from the child to the parent
int main(int argc, char *argv[])
{
    int fd[2];
    pid_t pid;

    program_start(argc, argv, about);
    map_shared();
    if (pipe2(fd, O_CLOEXEC) == -1)
        err(1, "pipe");
    pid = fork();
    if (pid == -1)
        err(1, "fork");
    if (pid == 0) {
        close(fd[0]);
        _exit(child(fd[1]));
    }
    close(fd[1]); /* or a child that ends early would never be noticed */
    return parent(fd[0], pid);
}
