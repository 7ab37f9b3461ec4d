/* socket_calls.c - see socket_calls.h. Linux only: recvmmsg, unix sockets that
 * name themselves. */
#define _GNU_SOURCE /* recvmmsg */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "socket_calls.h"
#include "things.h"

// § An address of our own
static struct sockaddr_storage address;
static socklen_t address_size = sizeof address;

/* fd[1] gets the address: a unix socket one without a file, since it is given
 * none; an internet one on this machine, with a port that is free. */
static int bind_anywhere(int family, int type)
{
    struct sockaddr_in loopback = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr none = {.sa_family = AF_UNIX};
    int bound;

    fd[1] = socket(family, type | SOCK_CLOEXEC, 0);
    if (fd[1] == -1)
        return -1;
    if (family == AF_INET)
        bound = bind(fd[1], (struct sockaddr *)&loopback, sizeof loopback);
    else
        bound = bind(fd[1], &none, sizeof none.sa_family);
    if (bound == -1)
        return -1;
    return getsockname(fd[1], (struct sockaddr *)&address, &address_size);
}

// § Time limits
static int set_limit(int sock, int option)
{
    struct timeval limit = {.tv_sec = hour.tv_sec};

    return setsockopt(sock, SOL_SOCKET, option, &limit, sizeof limit);
}

static int recv_limit(void)
{
    return socket_pair() == -1 ? -1 : set_limit(fd[0], SO_RCVTIMEO);
}

static int send_limit(void)
{
    return full_socket() == -1 ? -1 : set_limit(fd[1], SO_SNDTIMEO);
}

static int send_with_recv_limit(void)
{
    return full_socket() == -1 ? -1 : set_limit(fd[1], SO_RCVTIMEO);
}

// § Accepting
static int listen_unix(void)
{
    return bind_anywhere(AF_UNIX, SOCK_STREAM) == -1 ? -1 : listen(fd[1], 0);
}

static int listen_tcp(void)
{
    return bind_anywhere(AF_INET, SOCK_STREAM) == -1 ? -1 : listen(fd[1], 0);
}

static int accept_limit(void)
{
    return listen_unix() == -1 ? -1 : set_limit(fd[1], SO_RCVTIMEO);
}

static long call_accept(void)
{
    return accept(fd[1], NULL, NULL);
}

// § Connecting to somebody who does not answer
static long call_connect(void)
{
    return connect(fd[0], (struct sockaddr *)&address, address_size);
}

static int connect_another(int flags)
{
    fd[0] = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    return fd[0] == -1 ? -1 : (int)call_connect();
}

static int new_socket(void)
{
    fd[0] = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd[0] == -1 ? -1 : 0;
}

// § Queues that are full
static int busy_unix(void)
{
    if (listen_unix() == -1)
        return -1;
    while (connect_another(SOCK_NONBLOCK) == 0)
        ; /* those that nobody accepts fill the queue */
    return errno != EAGAIN ? -1 : new_socket();
}

static int busy_tcp(void)
{
    struct pollfd queue = {.events = POLLIN};

    if (listen_tcp() == -1 || connect_another(0) == -1)
        return -1;
    queue.fd = fd[1]; /* its queue has room for one connection */
    return poll(&queue, 1, -1) == -1 ? -1 : new_socket();
}

static int connect_limit(void)
{
    return busy_unix() == -1 ? -1 : set_limit(fd[0], SO_SNDTIMEO);
}

// § Receiving
static int datagram_pair(void)
{
    return socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fd);
}

static int udp(void)
{
    if (bind_anywhere(AF_INET, SOCK_DGRAM) == -1)
        return -1;
    fd[0] = fd[1];
    return 0;
}

static long call_read(void)
{
    return read(fd[0], buffer, 1);
}

static long call_recv(void)
{
    return recv(fd[0], buffer, 1, 0);
}

static long call_recvfrom(void)
{
    return recvfrom(fd[0], buffer, 1, 0, NULL, NULL);
}

// § Receiving messages
static struct iovec part = {buffer, 1};
static struct mmsghdr message = {
    .msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};

static long call_recvmsg(void)
{
    return recvmsg(fd[0], &message.msg_hdr, 0);
}

static long call_recvmmsg(void)
{
    return recvmmsg(fd[0], &message, 1, 0, NULL);
}

static long call_recvmmsg_limit(void)
{
    struct timespec limit = hour;

    return recvmmsg(fd[0], &message, 1, 0, &limit);
}

// § Sending
static long call_write(void)
{
    return write(fd[1], buffer, 1);
}

static long call_send(void)
{
    return send(fd[1], buffer, 1, 0);
}

static long call_sendto(void)
{
    return sendto(fd[1], buffer, 1, 0, NULL, 0);
}

static long call_sendmsg(void)
{
    return sendmsg(fd[1], &message.msg_hdr, 0);
}

static long call_sendmmsg(void)
{
    return sendmmsg(fd[1], &message, 1, 0);
}

// § Closing what has not been sent
static int lingering(void)
{
    struct linger linger = {.l_onoff = 1, .l_linger = (int)hour.tv_sec};

    if (listen_tcp() == -1 || connect_another(0) == -1 || fill(fd[0]) == -1)
        return -1;
    return setsockopt(fd[0], SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

static long call_close(void)
{
    return close(fd[0]);
}

// § Sockets
static const struct call calls[] = {
    {"accept (unix)", listen_unix, call_accept},
    {"accept (TCP)", listen_tcp, call_accept},
    {"accept (SO_RCVTIMEO)", accept_limit, call_accept},
    {"connect (unix)", busy_unix, call_connect},
    {"connect (TCP)", busy_tcp, call_connect},
    {"connect (SO_SNDTIMEO)", connect_limit, call_connect},
    {"recv (unix)", socket_pair, call_recv},
    {"recv (UDP)", udp, call_recv},
    {"recv (SO_RCVTIMEO)", recv_limit, call_recv},
    {"recvfrom (unix)", socket_pair, call_recvfrom},
    {"recvmsg (datagrams)", datagram_pair, call_recvmsg},
    {"recvmmsg (datagrams)", datagram_pair, call_recvmmsg},
    {"recvmmsg (timeout argument)", datagram_pair, call_recvmmsg_limit},
    {"read (SO_RCVTIMEO)", recv_limit, call_read},
    {"send (unix)", full_socket, call_send},
    {"send (SO_SNDTIMEO)", send_limit, call_send},
    {"send (SO_RCVTIMEO)", send_with_recv_limit, call_send},
    {"sendto (unix)", full_socket, call_sendto},
    {"sendmsg (unix)", full_socket, call_sendmsg},
    {"sendmmsg (unix)", full_socket, call_sendmmsg},
    {"write (SO_SNDTIMEO)", send_limit, call_write},
    {"close (SO_LINGER)", lingering, call_close},
};

const struct group socket_calls = {"sockets", calls,
                                   sizeof calls / sizeof calls[0]};
