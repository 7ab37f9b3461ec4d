/* message_calls.c - see message_calls.h. */
#define _GNU_SOURCE /* semtimedop */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "message_calls.h"
#include "things.h"

// § Somebody who cleans up
static void keep(int sock, int (*make)(void), void (*remove)(int id))
{
    int answer[2] = {make(), errno};
    char byte;

    setpgid(0, 0); /* what kills us all must not kill this process */
    if (write(sock, answer, sizeof answer) == sizeof answer)
        while (read(sock, &byte, 1) == -1) /* 0: the other side is gone */
            ;
    if (answer[0] != -1)
        remove(answer[0]);
    _exit(0);
}

// § Made by somebody who cleans up
/* Queues and semaphores of System V outlive their processes. So another
 * process makes them, and removes them when this one has ended, however.
 * Returns the identifier, or -1 with errno. */
static int made_to_go(int (*make)(void), void (*remove)(int id))
{
    int sock[2], answer[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock) == -1 ||
        (pid = fork()) == -1)
        return -1;
    if (pid == 0) {
        close(sock[1]);
        keep(sock[0], make, remove);
    }
    close(sock[0]);
    if (read(sock[1], answer, sizeof answer) != sizeof answer)
        return -1;
    errno = answer[1];
    return answer[0];
}

// § Message queues of System V
static int id;

static int make_queue(void)
{
    return msgget(IPC_PRIVATE, 0600);
}

static void remove_queue(int queue)
{
    msgctl(queue, IPC_RMID, NULL);
}

static int empty_queue(void)
{
    return (id = made_to_go(make_queue, remove_queue)) == -1 ? -1 : 0;
}

static int full_queue(void)
{
    struct { long type; char text[1024]; } message = {.type = 1};

    if (empty_queue() == -1)
        return -1;
    while (msgsnd(id, &message, sizeof message.text, IPC_NOWAIT) == 0)
        ;
    return errno == EAGAIN ? 0 : -1;
}

// § Sending and receiving
static long call_msgrcv(void)
{
    struct { long type; char text[1024]; } message;

    return msgrcv(id, &message, sizeof message.text, 0, 0);
}

static long call_msgsnd(void)
{
    struct { long type; char text[1024]; } message = {.type = 1};

    return msgsnd(id, &message, sizeof message.text, 0);
}

// § Semaphores of System V
static struct sembuf down = {.sem_num = 0, .sem_op = -1};

static int make_semaphore(void)
{
    return semget(IPC_PRIVATE, 1, 0600);
}

static void remove_semaphore(int set)
{
    semctl(set, 0, IPC_RMID);
}

static int new_semaphore(void)
{
    return (id = made_to_go(make_semaphore, remove_semaphore)) == -1 ? -1 : 0;
}

static long call_semop(void)
{
    return semop(id, &down, 1);
}

static long call_semtimedop(void)
{
    return semtimedop(id, &down, 1, &hour);
}

// § Message queues of POSIX
static mqd_t mq;

static int empty_mq(void)
{
    struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 1};
    char name[32];

    snprintf(name, sizeof name, "/what_restarts.%ld", (long)getpid());
    mq = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attributes);
    return mq == (mqd_t)-1 ? -1 : mq_unlink(name);
}

static int full_mq(void)
{
    return empty_mq() == -1 ? -1 : mq_send(mq, buffer, 1, 0);
}

// § Sending and receiving, in POSIX
static long call_mq_receive(void)
{
    return mq_receive(mq, buffer, 1, NULL);
}

static long call_mq_timedreceive(void)
{
    struct timespec limit = in_an_hour(CLOCK_REALTIME);

    return mq_timedreceive(mq, buffer, 1, NULL, &limit);
}

static long call_mq_send(void)
{
    return mq_send(mq, buffer, 1, 0);
}

static long call_mq_timedsend(void)
{
    struct timespec limit = in_an_hour(CLOCK_REALTIME);

    return mq_timedsend(mq, buffer, 1, 0, &limit);
}

// § System V and POSIX messages
static const struct call calls[] = {
    {"msgrcv", empty_queue, call_msgrcv},
    {"msgsnd", full_queue, call_msgsnd},
    {"semop", new_semaphore, call_semop},
    {"semtimedop", new_semaphore, call_semtimedop},
    {"mq_receive", empty_mq, call_mq_receive},
    {"mq_timedreceive", empty_mq, call_mq_timedreceive},
    {"mq_send", full_mq, call_mq_send},
    {"mq_timedsend", full_mq, call_mq_timedsend},
};

const struct group message_calls = {"System V and POSIX messages", calls,
                                    sizeof calls / sizeof calls[0]};
