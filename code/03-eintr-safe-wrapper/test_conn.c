/* What conn.h says, one sentence a test. The kernel is the real one, and so are the signals: what happens when a
 * system call fails at some other place is in test_fault_matrix.c. Only pwritev2 is wrapped, to play a kernel before
 * 6.18. */
#define _GNU_SOURCE /* pipe2, O_PATH, O_DIRECT, F_GETPIPE_SZ, pwritev2, posix_openpt */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"
#include "conn.h"
#include "safe_io.h"

enum { MARK = 4242, LARGE = 300000, SIGNALS = 3 }; /* MARK: an errno that nobody sets */

// § Kernels
ssize_t __real_pwritev2(int fd, const struct iovec *piece, int pieces, off_t offset, int flags);
ssize_t __wrap_pwritev2(int fd, const struct iovec *piece, int pieces, off_t offset, int flags);

static bool is_old; /* the kernel does not know RWF_NOSIGNAL */

ssize_t __wrap_pwritev2(int fd, const struct iovec *piece, int pieces, off_t offset, int flags)
{
    if (!is_old)
        return __real_pwritev2(fd, piece, pieces, offset, flags);
    errno = EOPNOTSUPP;
    return -1;
}

/* What is sent through: a pipe, a pipe on an old kernel, a socket. */
enum kind { PIPE, OLD_PIPE, SOCKET, KINDS };

/* The system call in which a sender sleeps. */
static long sending_call(enum kind kind)
{
    struct iovec byte = {"", 1};
    bool has_flag;
    int fd[2];

    if (kind == SOCKET)
        return SYS_sendmsg;
    assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
    has_flag = __wrap_pwritev2(fd[1], &byte, 1, -1, 0x100) == 1;
    close(fd[0]);
    close(fd[1]);
    return has_flag ? SYS_pwritev2 : SYS_writev;
}

/* ThreadSanitizer does not know pwritev2, and holds a handler back that comes in it: then, only the others. */
static enum kind first_kind(void)
{
    return getenv("TESTKIT_DEFERS_SIGNALS") == NULL ? PIPE : OLD_PIPE;
}

// § Helpers
/* A connection, and the bare descriptor at its other end. */
struct line {
    conn *c;
    int far;
};

static struct line make_line(bool socket, bool we_read)
{
    struct line line = {0};
    int fd[2];

    if (socket) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
        assert_int_equal(conn_adopt(&line.c, fd[0], true, true), 0);
        line.far = fd[1];
        return line;
    }
    assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
    assert_int_equal(conn_adopt(&line.c, fd[!we_read], we_read, !we_read), 0);
    line.far = fd[we_read];
    return line;
}

static struct line make_sender(enum kind kind)
{
    is_old = kind == OLD_PIPE;
    return make_line(kind == SOCKET, false);
}

static struct line receiver(void)
{
    return make_line(false, true);
}

static struct line sender(void)
{
    return make_sender(PIPE);
}

static void end_line(struct line line)
{
    conn_close(line.c);
    if (line.far != -1)
        close(line.far);
}

static void hang_up(struct line *line)
{
    close(line->far);
    line->far = -1;
}

/* Bytes as the other end would send them. */
static void put(int fd, const void *bytes, size_t n)
{
    assert_int_equal(full_write(fd, bytes, n), n);
}

/* These bytes have arrived, and no others. */
static void expect_bytes(int fd, const void *bytes, size_t n)
{
    char there[256];
    int flags = fcntl(fd, F_GETFL);

    assert_true(n < sizeof there);
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    assert_int_equal(full_read(fd, there, sizeof there), n);
    fcntl(fd, F_SETFL, flags);
    assert_memory_equal(there, bytes, n);
}

/* The next message is this one, and receiving it leaves errno alone. */
static void expect_text(conn *c, const char *expected)
{
    char text[64] = "?";

    errno = MARK;
    assert_int_equal(conn_recv(c, text, sizeof text), 1);
    assert_int_equal(errno, MARK);
    assert_string_equal(text, expected);
}

/* There is no further message, however often one asks. */
static void expect_end(conn *c)
{
    char text[8] = "?";
    size_t len = MARK;

    errno = MARK;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(conn_recv_bytes(c, text, sizeof text, &len), 0);
        assert_int_equal(conn_recv(c, text, sizeof text), 0);
        assert_string_equal(text, "");
        assert_int_equal(conn_poll(c, -1), 1);
    }
    assert_int_equal(len, MARK);
    assert_int_equal(errno, MARK);
}

/* Receiving fails, in every form, and leaves an empty string and the length alone. */
static void expect_receive_error(conn *c, int error)
{
    char text[64] = "?";
    size_t len = MARK;

    assert_int_equal(conn_recv(c, text, sizeof text), -1);
    assert_int_equal(errno, error);
    assert_string_equal(text, "");
    errno = MARK;
    assert_int_equal(conn_recv_bytes(c, text, sizeof text, &len), -1);
    assert_int_equal(errno, error);
    assert_int_equal(len, MARK);
    errno = MARK;
    assert_int_equal(conn_poll(c, -1), -1);
    assert_int_equal(errno, error);
}

/* Writes until there is no room. Returns how many bytes that took. */
static size_t fill(int fd)
{
    static const char bytes[4096];
    int flags = fcntl(fd, F_GETFL);
    size_t total = 0;
    ssize_t n;

    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    while ((n = write(fd, bytes, sizeof bytes)) > 0)
        total += (size_t)n;
    fcntl(fd, F_SETFL, flags);
    return total;
}

static void fill_with_pattern(unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 256);
}

// § Children
/* In a child: a condition that must hold. Children never assert, they exit. */
#define require(condition) ((condition) ? (void)0 : give_up(#condition, __LINE__))
static void give_up(const char *condition, int line)
{
    dprintf(STDERR_FILENO, "in a child, line %d: not so: %s, errno %d\n", line, condition, errno);
    _exit(1);
}

static void expect_success(pid_t child)
{
    int status = -1;

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* Runs `body` in a child, with every signal as it is by default, for at most a minute. */
static pid_t start_child(void (*body)(const struct line *line), const struct line *line)
{
    pid_t pid = fork_in_test();

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* if the test fails, and leaves it behind */
    alarm(60);
    errno = MARK;
    body(line);
    _exit(0);
}

static void run_child(void (*body)(const struct line *line), const struct line *line)
{
    expect_success(start_child(body, line));
}

// § Interrupting children
static int handled[2]; /* a pipe: the handler tells that it ran */

static void on_signal(int number)
{
    int saved = errno;

    (void)number;
    if (write(handled[1], "!", 1) != 1)
        _exit(3);
    errno = saved;
}

/* As start_child, with a handler for SIGUSR1, without SA_RESTART. */
static pid_t start_interrupted(void (*body)(const struct line *line), const struct line *line)
{
    struct sigaction action = {.sa_handler = on_signal}, old;
    pid_t child;

    assert_int_equal(pipe2(handled, O_CLOEXEC), 0);
    sigaction(SIGUSR1, &action, &old);
    child = start_child(body, line);
    sigaction(SIGUSR1, &old, NULL);
    return child;
}

/* Interrupts the child's system call again and again: each time it must go back to sleep there. */
static void interrupt(pid_t child, long call)
{
    char mark;

    for (int i = 0; i < SIGNALS; i++) {
        await_asleep(child, call);
        assert_int_equal(kill(child, SIGUSR1), 0);
        assert_int_equal(read(handled[0], &mark, 1), 1);
    }
    await_asleep(child, call);
}

static void end_interrupted(pid_t child)
{
    expect_success(child);
    close(handled[0]);
    close(handled[1]);
}

// § Pairs
static void a_simplex_pair_goes_from_b_to_a(void **state)
{
    conn *a, *b;

    (void)state;
    errno = MARK;
    assert_int_equal(conn_pair(&a, &b, false), 0);
    assert_int_equal(conn_send(b, "fool"), 0);
    assert_int_equal(conn_send_bytes(b, "END", 3), 0);
    assert_int_equal(errno, MARK);
    expect_text(a, "fool");
    expect_text(a, "END");
    errno = MARK;
    assert_int_equal(conn_close(b), 0);
    expect_end(a);
    assert_int_equal(conn_close(a), 0);
    assert_int_equal(errno, MARK);
}

static void a_duplex_pair_goes_both_ways(void **state)
{
    conn *a, *b;

    (void)state;
    errno = MARK;
    assert_int_equal(conn_pair(&a, &b, true), 0);
    assert_int_equal(conn_send(a, "there"), 0);
    assert_int_equal(conn_send(b, "back"), 0);
    assert_int_equal(errno, MARK);
    expect_text(b, "there");
    expect_text(a, "back");
    conn_close(b);
    expect_end(a);
    conn_close(a);
}

static void the_wrong_direction_is_EBADF_before_any_byte_moves(void **state)
{
    struct line in = receiver(), out = sender();

    (void)state;
    assert_int_equal(conn_send(in.c, "x"), -1);
    assert_int_equal(errno, EBADF);
    errno = MARK;
    assert_int_equal(conn_send_bytes(in.c, "", 0), -1);
    assert_int_equal(errno, EBADF);
    put(in.far, "\0\0\0\1x", 5);
    expect_text(in.c, "x");
    expect_receive_error(out.c, EBADF);
    expect_bytes(out.far, "", 0);
    assert_int_equal(conn_send(out.c, "x"), 0);
    expect_bytes(out.far, "\0\0\0\1x", 5);
    end_line(in);
    end_line(out);
}

static void one_direction_of_a_socket_can_be_given_up(void **state)
{
    struct line line;
    int fd[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    line.far = fd[1];
    assert_int_equal(conn_adopt(&line.c, fd[0], false, true), 0);
    put(line.far, "\0\0\0\1x", 5);
    expect_receive_error(line.c, EBADF);
    expect_bytes(conn_fileno(line.c), "\0\0\0\1x", 5);
    end_line(line);
}

static void a_pair_is_close_on_exec_and_blocking_from_birth(void **state)
{
    (void)state;
    for (int duplex = 0; duplex < 2; duplex++) {
        conn *end[2];
        assert_int_equal(conn_pair(&end[0], &end[1], duplex), 0);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(fcntl(conn_fileno(end[i]), F_GETFD), FD_CLOEXEC);
            assert_int_equal(fcntl(conn_fileno(end[i]), F_GETFL) & O_NONBLOCK, 0);
        }
        conn_close(end[0]);
        conn_close(end[1]);
    }
}

static int open_descriptors(void)
{
    int n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) != -1;
    return n;
}

/* valgrind lets socketpair succeed without a descriptor left, and closes what it has made. */
static bool socketpair_lies(void)
{
    int fd[2];

    return socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0 && fcntl(fd[0], F_GETFD) == -1;
}

/* With no descriptor left, with one, and with none to close afterwards that was not there before. */
static void child_out_of_descriptors(const struct line *line)
{
    conn *const untouched = line->c;
    conn *a = untouched, *b = untouched;
    int before, lowest = fcntl(0, F_DUPFD_CLOEXEC, 0);
    struct rlimit limit;

    require(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    require(lowest != -1 && close(lowest) == 0);
    before = open_descriptors();
    for (limit.rlim_cur = (rlim_t)lowest; limit.rlim_cur < (rlim_t)lowest + 2; limit.rlim_cur++)
        for (int duplex = 0; duplex < 2; duplex++) {
            require(setrlimit(RLIMIT_NOFILE, &limit) == 0);
            require(conn_pair(&a, &b, duplex) == -1 && (errno == EMFILE || socketpair_lies()));
            require(a == untouched && b == untouched);
            require(open_descriptors() == before);
        }
}

static void a_pair_that_cannot_be_made_leaves_nothing_open(void **state)
{
    struct line line = receiver();

    (void)state;
    run_child(child_out_of_descriptors, &line);
    end_line(line);
}

// § Adopting
/* Adopting this descriptor fails, and leaves it as it is. */
static void expect_refusal(int fd, bool readable, bool writable, int error)
{
    conn *const untouched = (conn *)&error;
    conn *c = untouched;
    int flags = fcntl(fd, F_GETFL), fd_flags = fcntl(fd, F_GETFD);

    errno = MARK;
    assert_int_equal(conn_adopt(&c, fd, readable, writable), -1);
    assert_int_equal(errno, error);
    assert_ptr_equal(c, untouched);
    assert_int_equal(fcntl(fd, F_GETFL), flags);
    assert_int_equal(fcntl(fd, F_GETFD), fd_flags);
}

static void conn_adopt_refuses_what_is_not_open_for_that_direction(void **state)
{
    int fd[2], read_only = open("/dev/null", O_RDONLY), write_only = open("/dev/null", O_WRONLY);
    int path = open("/dev/null", O_PATH);

    (void)state;
    assert_int_equal(pipe2(fd, O_NONBLOCK), 0);
    expect_refusal(fd[0], false, true, EBADF);
    expect_refusal(fd[0], true, true, EBADF);
    expect_refusal(fd[1], true, false, EBADF);
    expect_refusal(fd[1], true, true, EBADF);
    expect_refusal(read_only, false, true, EBADF);
    expect_refusal(write_only, true, false, EBADF);
    expect_refusal(path, true, false, EBADF);
    close(fd[0]);
    close(fd[1]);
    close(read_only);
    close(write_only);
    close(path);
    expect_refusal(fd[0], true, false, EBADF);
    expect_refusal(-1, true, true, EBADF);
}

static void conn_adopt_refuses_neither_direction(void **state)
{
    int fd[2];

    (void)state;
    assert_int_equal(pipe2(fd, 0), 0);
    expect_refusal(fd[0], false, false, EINVAL);
    expect_refusal(fd[1], false, false, EINVAL);
    close(fd[0]);
    close(fd[1]);
}

static int raw_terminal(void)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY);

    assert_true(fd != -1);
    return fd;
}

static int listening_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

/* Directories, terminals, listening sockets, and what keeps the borders of packets. */
static void conn_adopt_refuses_what_is_no_stream_of_bytes(void **state)
{
    int packets[2], directory = open("/", O_RDONLY), terminal = raw_terminal(), listening = listening_socket();

    (void)state;
    expect_refusal(directory, true, false, ENOSTR);
    expect_refusal(terminal, true, true, ENOSTR);
    expect_refusal(listening, true, true, ENOSTR);
    for (int type = SOCK_DGRAM; type <= SOCK_SEQPACKET; type += SOCK_SEQPACKET - SOCK_DGRAM) {
        assert_int_equal(socketpair(AF_UNIX, type, 0, packets), 0);
        expect_refusal(packets[0], true, true, ENOSTR);
        close(packets[0]);
        close(packets[1]);
    }
    assert_int_equal(pipe2(packets, O_DIRECT), 0);
    expect_refusal(packets[1], false, true, ENOSTR);
    close(packets[0]);
    close(packets[1]);
    close(directory);
    close(terminal);
    close(listening);
}

/* Here nothing tells conn_adopt. */
static void the_read_end_of_a_pipe_of_packets_loses_what_does_not_fit(void **state)
{
    struct line line = receiver();
    char text[8];

    (void)state;
    assert_int_equal(fcntl(line.far, F_SETFL, O_WRONLY | O_DIRECT), 0);
    put(line.far, "\0\0\0\4fool", 8);
    put(line.far, "\0\0\0\3END", 7);
    hang_up(&line);
    assert_int_equal(conn_recv(line.c, text, sizeof text), -1); /* it took the length behind for a text */
    assert_int_equal(errno, EBADMSG);
    end_line(line);
}

static void conn_adopt_sets_close_on_exec_and_leaves_O_NONBLOCK(void **state)
{
    (void)state;
    for (int flags = 0; flags <= O_NONBLOCK; flags += O_NONBLOCK) {
        int fd[2];
        conn *c;
        assert_int_equal(pipe2(fd, flags), 0);
        errno = MARK;
        assert_int_equal(conn_adopt(&c, fd[0], true, false), 0);
        assert_int_equal(errno, MARK);
        assert_int_equal(conn_fileno(c), fd[0]);
        assert_int_equal(fcntl(fd[0], F_GETFD), FD_CLOEXEC);
        assert_int_equal(fcntl(fd[1], F_GETFD), 0);
        assert_int_equal(fcntl(fd[0], F_GETFL) & O_NONBLOCK, flags);
        conn_close(c);
        close(fd[1]);
    }
}

static void a_file_can_be_adopted(void **state)
{
    char name[] = "/tmp/test_conn.XXXXXX";
    int fd = mkstemp(name);
    conn *c;

    (void)state;
    unlink(name);
    assert_int_equal(conn_adopt(&c, fd, true, true), 0);
    assert_int_equal(conn_send(c, "fool"), 0);
    assert_int_equal(conn_send(c, "END"), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    expect_text(c, "fool");
    expect_text(c, "END");
    expect_end(c);
    conn_close(c);
}

/* A FIFO opened without waiting for its writer. */
static void before_the_first_writer_a_FIFO_says_0_and_conn_poll_waits(void **state)
{
    char folder[] = "/tmp/test_conn.XXXXXX", name[64], text[8];
    struct line line;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(name, sizeof name, "%s/fifo", folder);
    assert_int_equal(mkfifo(name, 0600), 0);
    assert_int_equal(conn_adopt(&line.c, open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC), true, false), 0);
    assert_int_equal(conn_recv(line.c, text, sizeof text), 0);
    assert_int_equal(conn_poll(line.c, 0), 0);
    line.far = open(name, O_WRONLY | O_CLOEXEC);
    assert_int_equal(conn_poll(line.c, 0), 0);
    put(line.far, "\0\0\0\3END", 7);
    assert_int_equal(conn_poll(line.c, -1), 1);
    expect_text(line.c, "END");
    hang_up(&line);
    expect_end(line.c);
    end_line(line);
    unlink(name);
    rmdir(folder);
}

// § Closing
static void conn_close_closes_and_NULL_is_allowed(void **state)
{
    struct line line = receiver();
    int fd = conn_fileno(line.c);

    (void)state;
    errno = MARK;
    assert_int_equal(conn_close(NULL), 0);
    assert_int_equal(conn_close(line.c), 0);
    assert_int_equal(errno, MARK);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    close(line.far);
}

/* That it is freed all the same is for AddressSanitizer and valgrind to see. */
static void conn_close_hands_on_the_error_of_close(void **state)
{
    struct line line = receiver();

    (void)state;
    close(conn_fileno(line.c));
    assert_int_equal(conn_close(line.c), -1);
    assert_int_equal(errno, EBADF);
    close(line.far);
}

// § The wire
static void expect_on_the_wire(bool socket, const char *message, size_t n, const char *wire, size_t wire_size)
{
    struct line line = make_line(socket, false);

    assert_int_equal(conn_send_bytes(line.c, message, n), 0);
    expect_bytes(line.far, wire, wire_size);
    end_line(line);
}

static void a_message_is_its_length_big_endian_and_its_bytes(void **state)
{
    (void)state;
    for (int socket = 0; socket < 2; socket++) {
        expect_on_the_wire(socket, "fool", 4, "\0\0\0\4fool", 8);
        expect_on_the_wire(socket, NULL, 0, "\0\0\0\0", 4);
        expect_on_the_wire(socket, "", 1, "\0\0\0\1", 5);
        expect_on_the_wire(socket, "\xff\0\n", 3, "\0\0\0\3\xff\0\n", 7);
    }
}

static void a_string_goes_without_its_terminating_zero(void **state)
{
    struct line line = sender();

    (void)state;
    assert_int_equal(conn_send(line.c, "fool"), 0);
    assert_int_equal(conn_send(line.c, ""), 0);
    assert_int_equal(conn_send(line.c, "END"), 0);
    expect_bytes(line.far, "\0\0\0\4fool\0\0\0\0\0\0\0\3END", 19);
    end_line(line);
}

static void all_bytes_of_the_length_are_used(void **state)
{
    static unsigned char bytes[0x010203], wire[sizeof bytes + 4];
    struct line line = sender();

    (void)state;
    fill_with_pattern(bytes, sizeof bytes); /* more of them than a pipe takes by itself */
    assert_true(fcntl(line.far, F_SETPIPE_SZ, 1 << 20) >= 1 << 20);
    assert_int_equal(conn_send_bytes(line.c, bytes, sizeof bytes), 0);
    assert_int_equal(full_read(line.far, wire, sizeof wire), sizeof wire);
    assert_memory_equal(wire, "\0\1\2\3", 4);
    assert_memory_equal(wire + 4, bytes, sizeof bytes);
    end_line(line);
}

static size_t huge; /* the length that child_send_huge sends */

/* So many bytes that only the header will be looked at. They take no memory: nobody has written them. */
static void child_send_huge(const struct line *line)
{
    void *bytes = mmap(NULL, huge, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    require(bytes != MAP_FAILED);
    close(line->far);
    require(conn_send_bytes(line->c, bytes, huge) == -1 && errno == EPIPE);
    munmap(bytes, huge);
}

static void expect_huge_header(size_t length, const char *header, size_t n)
{
    struct line line = sender();
    char wire[13];
    pid_t child;

    huge = length;
    child = start_child(child_send_huge, &line);
    assert_int_equal(full_read(line.far, wire, n + 1), n + 1);
    assert_memory_equal(wire, header, n);
    assert_int_equal(wire[n], 0); /* the first byte of the message */
    end_line(line);
    expect_success(child);
}

static void from_2_GiB_on_the_length_has_8_more_bytes(void **state)
{
    (void)state;
    if (sizeof(size_t) < 8)
        return;
    expect_huge_header(0x7fffffff, "\x7f\xff\xff\xff", 4);
    expect_huge_header((size_t)0x7fffffff + 1, "\xff\xff\xff\xff\0\0\0\0\x80\0\0\0", 12);
}

static void more_than_SSIZE_MAX_is_EMSGSIZE_and_nothing_is_sent(void **state)
{
    struct line line = sender();

    (void)state;
    assert_int_equal(conn_send_bytes(line.c, NULL, (size_t)SSIZE_MAX + 1), -1);
    assert_int_equal(errno, EMSGSIZE);
    assert_int_equal(conn_send(line.c, "x"), 0);
    expect_bytes(line.far, "\0\0\0\1x", 5);
    end_line(line);
}

// § Strangers
static void a_long_header_with_a_small_length_is_accepted(void **state)
{
    struct line line = receiver();

    (void)state;
    put(line.far, "\xff\xff\xff\xff\0\0\0\0\0\0\0\4fool", 16);
    put(line.far, "\xff\xff\xff\xff\0\0\0\0\0\0\0\0", 12);
    put(line.far, "\0\0\0\3END", 7);
    expect_text(line.c, "fool");
    expect_text(line.c, "");
    expect_text(line.c, "END");
    end_line(line);
}

/* These bytes end the direction, for good, even if a message follows. */
static void expect_protocol_error(const char *wire, size_t n)
{
    for (int socket = 0; socket < 2; socket++) {
        struct line line = make_line(socket, true);
        char text[8] = "?";
        put(line.far, wire, n);
        put(line.far, "\0\0\0\3END", 7);
        assert_int_equal(conn_recv(line.c, text, sizeof text), -1);
        assert_int_equal(errno, EPROTO);
        assert_string_equal(text, "");
        expect_receive_error(line.c, EPROTO);
        expect_receive_error(line.c, EPROTO);
        expect_bytes(conn_fileno(line.c), "\0\0\0\3END", 7); /* nothing was read any more */
        end_line(line);
    }
}

static void a_negative_length_is_EPROTO(void **state)
{
    (void)state;
    expect_protocol_error("\xff\xff\xff\xfe", 4);
    expect_protocol_error("\x80\0\0\0", 4);
}

static void a_length_above_SSIZE_MAX_is_EPROTO(void **state)
{
    (void)state;
    expect_protocol_error("\xff\xff\xff\xff\x80\0\0\0\0\0\0\0", 12);
    expect_protocol_error("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12);
}

/* The other side leaves after n bytes of this. */
static void expect_torn(bool socket, const char *wire, size_t n)
{
    struct line line = make_line(socket, true);

    put(line.far, "\0\0\0\2ok", 6);
    put(line.far, wire, n);
    hang_up(&line);
    expect_text(line.c, "ok");
    if (n == 0)
        expect_end(line.c);
    for (int i = 0; i < 3 && n > 0; i++) {
        char text[8] = "?";
        assert_int_equal(conn_recv(line.c, text, sizeof text), -1);
        assert_int_equal(errno, EPROTO);
        assert_string_equal(text, "");
    }
    if (n > 0)
        expect_receive_error(line.c, EPROTO);
    end_line(line);
}

static void the_end_is_no_error_only_between_two_messages(void **state)
{
    (void)state;
    for (int socket = 0; socket < 2; socket++) {
        for (size_t n = 0; n < 8; n++)
            expect_torn(socket, "\0\0\0\4fool", n);
        for (size_t n = 0; n < 16; n++)
            expect_torn(socket, "\xff\xff\xff\xff\0\0\0\0\0\0\0\4fool", n);
    }
}

static void the_length_is_left_alone_when_a_message_is_torn(void **state)
{
    struct line line = receiver();
    char bytes[8];
    size_t len = MARK;

    (void)state;
    put(line.far, "\0\0\0\4foo", 7);
    hang_up(&line);
    assert_int_equal(conn_recv_bytes(line.c, bytes, sizeof bytes, &len), -1);
    assert_int_equal(errno, EPROTO);
    assert_int_equal(len, MARK); /* conn.h: "set on 1 and on EMSGSIZE only" */
    end_line(line);
}

static long address_space_kb(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    long pages = -1;

    if (f != NULL && fscanf(f, "%ld", &pages) != 1)
        pages = -1;
    if (f != NULL)
        fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void nothing_is_allocated_because_a_stranger_says_so(void **state)
{
    struct line line = receiver();
    long before = address_space_kb();
    char text[8] = "?";
    size_t len = 0;

    (void)state;
    put(line.far, "\xff\xff\xff\xff\0\0\1\0\0\0\0\0", 12); /* 2 to the power of 40 */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(conn_recv_bytes(line.c, text, sizeof text, &len), -1);
        assert_int_equal(errno, EMSGSIZE);
        assert_true(len == (size_t)1 << 40);
    }
    assert_int_equal(conn_recv(line.c, text, sizeof text), -1);
    assert_int_equal(errno, EMSGSIZE);
    assert_string_equal(text, "");
    assert_int_equal(conn_poll(line.c, 0), 1);
    assert_true(address_space_kb() - before < 1 << 20); /* 1 GiB: sanitizers take some for themselves */
    hang_up(&line);
    assert_int_equal(conn_recv_bytes(line.c, text, sizeof text, &len), -1);
    assert_int_equal(errno, EMSGSIZE);
    end_line(line);
}

static void the_largest_length_is_SSIZE_MAX(void **state)
{
    struct line line = receiver();
    size_t len = 0;

    (void)state;
    put(line.far, "\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 12);
    assert_int_equal(conn_recv_bytes(line.c, NULL, 0, &len), -1);
    assert_int_equal(errno, sizeof(size_t) < 8 ? EPROTO : EMSGSIZE);
    assert_true(len == SSIZE_MAX || sizeof(size_t) < 8);
    end_line(line);
}

// § Room
static void a_message_that_is_too_large_is_kept(void **state)
{
    struct line line = receiver();
    char bytes[] = "########";
    size_t len = 0;

    (void)state;
    put(line.far, "\0\0\0\4fool\0\0\0\3END", 15);
    for (size_t size = 0; size < 4; size++) {
        assert_int_equal(conn_recv_bytes(line.c, bytes, size, &len), -1);
        assert_int_equal(errno, EMSGSIZE);
        assert_int_equal(len, 4);
        assert_memory_equal(bytes, "########", 8);
    }
    errno = MARK;
    assert_int_equal(conn_recv_bytes(line.c, bytes, 4, &len), 1);
    assert_int_equal(errno, MARK);
    assert_int_equal(len, 4);
    assert_memory_equal(bytes, "fool####", 8);
    expect_text(line.c, "END");
    end_line(line);
}

static void a_buffer_is_not_touched_behind_the_message(void **state)
{
    struct line line = receiver();
    char bytes[] = "########";
    size_t len = 0;

    (void)state;
    put(line.far, "\0\0\0\3END\0\0\0\0", 11);
    assert_int_equal(conn_recv_bytes(line.c, bytes, 8, &len), 1);
    assert_int_equal(len, 3);
    assert_memory_equal(bytes, "END#####", 8);
    assert_int_equal(conn_recv_bytes(line.c, NULL, 0, &len), 1); /* an empty message needs no room */
    assert_int_equal(len, 0);
    end_line(line);
}

/* Only the header of it is there: if conn_poll asked the kernel, the answer would be no. */
static void conn_poll_says_1_at_once_while_a_message_is_kept(void **state)
{
    struct line line = receiver();
    size_t len;

    (void)state;
    put(line.far, "\0\0\0\4", 4);
    assert_int_equal(conn_recv_bytes(line.c, NULL, 0, &len), -1);
    assert_int_equal(errno, EMSGSIZE);
    errno = MARK;
    assert_int_equal(conn_poll(line.c, 0), 1);
    assert_int_equal(conn_poll(line.c, 1000), 1);
    assert_int_equal(conn_poll(line.c, -1), 1);
    assert_int_equal(errno, MARK);
    put(line.far, "fool", 4);
    expect_text(line.c, "fool");
    assert_int_equal(conn_poll(line.c, 0), 0);
    end_line(line);
}

// § Texts
static void a_text_needs_room_for_its_terminator(void **state)
{
    struct line line = receiver();
    char text[6] = "#####";
    size_t len = 0;

    (void)state;
    put(line.far, "\0\0\0\4fool\0\0\0\3END", 15);
    for (size_t size = 1; size < 5; size++) {
        memset(text, '#', 5);
        assert_int_equal(conn_recv(line.c, text, size), -1);
        assert_int_equal(errno, EMSGSIZE);
        assert_string_equal(text, "");
        assert_memory_equal(text + 1, "####", 4);
    }
    assert_int_equal(conn_recv_bytes(line.c, NULL, 0, &len), -1);
    assert_int_equal(len, 4);
    errno = MARK;
    assert_int_equal(conn_recv(line.c, text, len + 1), 1);
    assert_int_equal(errno, MARK);
    assert_string_equal(text, "fool");
    expect_text(line.c, "END");
    end_line(line);
}

static void a_text_into_no_room_at_all_is_EINVAL(void **state)
{
    struct line line = receiver();
    char byte = '#';

    (void)state;
    put(line.far, "\0\0\0\0\0\0\0\1x", 9);
    assert_int_equal(conn_recv(line.c, &byte, 0), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(byte, '#');
    assert_int_equal(conn_recv(line.c, &byte, 1), 1);
    assert_int_equal(byte, '\0');
    expect_text(line.c, "x");
    end_line(line);
}

static void a_zero_byte_in_a_text_is_EBADMSG_and_the_stream_goes_on(void **state)
{
    static const char *const wrong[] = {"\0ool", "f\0ol", "foo\0"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct line line = receiver();
        char text[8] = "#######";
        put(line.far, "\0\0\0\4", 4);
        put(line.far, wrong[i], 4);
        put(line.far, "\0\0\0\3END", 7);
        assert_int_equal(conn_recv(line.c, text, sizeof text), -1);
        assert_int_equal(errno, EBADMSG);
        assert_string_equal(text, "");
        expect_text(line.c, "END");
        assert_int_equal(conn_poll(line.c, 0), 0);
        end_line(line);
    }
}

static void empty_messages_are_messages(void **state)
{
    conn *a, *b;
    char bytes[4];
    size_t len = MARK;

    (void)state;
    for (int duplex = 0; duplex < 2; duplex++) {
        assert_int_equal(conn_pair(&a, &b, duplex), 0);
        assert_int_equal(conn_poll(a, 0), 0);
        assert_int_equal(conn_send(b, ""), 0);
        assert_int_equal(conn_send_bytes(b, NULL, 0), 0);
        assert_int_equal(conn_send(b, "x"), 0);
        assert_int_equal(conn_poll(a, 0), 1);
        assert_int_equal(conn_poll(a, 0), 1); /* polling takes nothing away */
        expect_text(a, "");
        assert_int_equal(conn_recv_bytes(a, bytes, sizeof bytes, &len), 1);
        assert_int_equal(len, 0);
        expect_text(a, "x");
        conn_close(b);
        expect_end(a);
        conn_close(a);
    }
}

// § Many sizes
static const size_t sizes[] = {0, 1, 2, 4091, 4092, 4093, 4096, 4097, 65531, 65532, 65535, 65536, 65537, 1000000};
enum { SIZES = sizeof sizes / sizeof *sizes };
static unsigned char sent[1 << 20], received[1 << 20];

static void child_send_sizes(const struct line *line)
{
    for (int i = 0; i < SIZES; i++)
        require(conn_send_bytes(line->c, sent + i, sizes[i]) == 0);
    require(errno == MARK);
}

static void expect_sizes(bool duplex)
{
    struct line line;
    conn *reader;
    pid_t child;

    assert_int_equal(conn_pair(&reader, &line.c, duplex), 0);
    child = start_child(child_send_sizes, &line);
    conn_close(line.c);
    for (int i = 0; i < SIZES; i++) {
        size_t len = 0;
        assert_int_equal(conn_recv_bytes(reader, received, sizeof received, &len), 1);
        assert_int_equal(len, sizes[i]);
        assert_memory_equal(received, sent + i, sizes[i]);
    }
    expect_end(reader);
    expect_success(child);
    conn_close(reader);
}

static void messages_of_all_sizes_come_whole_and_in_order(void **state)
{
    (void)state;
    expect_sizes(false);
    expect_sizes(true);
}

// § Nobody receives any more
static void ECONNRESET_is_told_once(void **state)
{
    struct line line = make_line(true, true);
    char text[8] = "?";
    size_t len = MARK;

    (void)state;
    assert_int_equal(conn_send(line.c, "unread"), 0);
    put(line.far, "\0\0\0\3END", 7);
    hang_up(&line);
    assert_int_equal(conn_poll(line.c, -1), 1);
    expect_text(line.c, "END");
    assert_int_equal(conn_poll(line.c, -1), 1);
    assert_int_equal(conn_recv_bytes(line.c, text, sizeof text, &len), -1);
    assert_int_equal(errno, ECONNRESET);
    assert_int_equal(len, MARK);
    expect_end(line.c);
    end_line(line);

    line = make_line(true, true); /* the same with conn_recv */
    assert_int_equal(conn_send(line.c, "unread"), 0);
    hang_up(&line);
    assert_int_equal(conn_recv(line.c, text, sizeof text), -1);
    assert_int_equal(errno, ECONNRESET);
    assert_string_equal(text, "");
    expect_end(line.c);
    end_line(line);
}

/* With SIGPIPE as it is by default: this child must live. */
static void child_send_to_nobody(const struct line *line)
{
    sigset_t mask;
    struct sigaction action;

    for (int i = 0; i < 3; i++) {
        errno = MARK;
        require(conn_send(line->c, "x") == -1 && errno == EPIPE);
        errno = MARK;
        require(conn_send_bytes(line->c, sent, LARGE) == -1 && errno == EPIPE);
    }
    sigemptyset(&mask);
    require(pthread_sigmask(SIG_BLOCK, NULL, &mask) == 0 && sigismember(&mask, SIGPIPE) == 0);
    require(sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
    require(sigpending(&mask) == 0 && sigismember(&mask, SIGPIPE) == 0);
}

static void run_without_receiver(void (*body)(const struct line *line))
{
    for (enum kind kind = PIPE; kind < KINDS; kind++) {
        struct line line = make_sender(kind);
        hang_up(&line);
        run_child(body, &line);
        end_line(line);
    }
}

static void sending_to_nobody_is_EPIPE_and_no_SIGPIPE(void **state)
{
    (void)state;
    run_without_receiver(child_send_to_nobody);
}

static void sending_fails_and_receiving_lives(void **state)
{
    struct line line = make_line(true, true);

    (void)state;
    assert_int_equal(shutdown(line.far, SHUT_RD), 0);
    assert_int_equal(conn_send(line.c, "x"), -1);
    assert_int_equal(errno, EPIPE);
    put(line.far, "\0\0\0\3END", 7);
    expect_text(line.c, "END");
    end_line(line);
}

static void receiving_is_dead_and_sending_lives(void **state)
{
    struct line line = make_line(true, true);

    (void)state;
    put(line.far, "\xff\xff\xff\xfe", 4);
    expect_receive_error(line.c, EPROTO);
    errno = MARK;
    assert_int_equal(conn_send(line.c, "x"), 0);
    assert_int_equal(errno, MARK);
    expect_bytes(line.far, "\0\0\0\1x", 5);
    expect_receive_error(line.c, EPROTO);
    end_line(line);
}

// § Half a message sent
static bool sends_on_socket;

/* The receiver leaves while this sleeps in the middle of a message. */
static void child_send_half(const struct line *line)
{
    sigset_t pending;

    close(line->far);
    require(conn_send_bytes(line->c, sent, LARGE) == -1);
    require(errno == EPIPE || (sends_on_socket && errno == ECONNRESET));
    require(sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 0);
}

static void a_receiver_that_leaves_in_the_middle_raises_no_SIGPIPE(void **state)
{
    (void)state;
    for (enum kind kind = PIPE; kind < KINDS; kind++) {
        struct line line = make_sender(kind);
        pid_t child;
        sends_on_socket = kind == SOCKET;
        child = start_child(child_send_half, &line);
        conn_close(line.c);
        await_asleep(child, sending_call(kind));
        close(line.far);
        expect_success(child);
    }
}

static int fifo_signal[2]; /* tells the child that there is a receiver again */

static void child_send_to_fifo(const struct line *line)
{
    char go;

    close(line->far);
    require(conn_send_bytes(line->c, sent, LARGE) == -1 && errno == EPIPE);
    require(full_read(fifo_signal[0], &go, 1) == 1);
    errno = MARK;
    require(conn_send(line->c, "again") == -1 && errno == EPIPE);
    errno = MARK;
    require(conn_send_bytes(line->c, NULL, 0) == -1 && errno == EPIPE);
}

/* A FIFO can get a new reader. It must not see a message that follows half of another one. */
static void a_send_that_fails_in_the_middle_leaves_the_direction_dead(void **state)
{
    char folder[] = "/tmp/test_conn.XXXXXX", name[64];
    struct line line;
    int write_end, capacity;
    pid_t child;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(name, sizeof name, "%s/fifo", folder);
    assert_int_equal(mkfifo(name, 0600), 0);
    assert_int_equal(pipe2(fifo_signal, O_CLOEXEC), 0);
    line.far = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    write_end = open(name, O_WRONLY | O_CLOEXEC);
    assert_int_equal(conn_adopt(&line.c, write_end, false, true), 0);
    capacity = fcntl(write_end, F_GETPIPE_SZ);
    child = start_child(child_send_to_fifo, &line);
    await_asleep(child, sending_call(PIPE));
    conn_close(line.c);
    close(line.far);
    await_asleep(child, SYS_read);
    line.far = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_int_equal(full_read(line.far, received, sizeof received), capacity); /* what was sent before */
    assert_int_equal(write(fifo_signal[1], "!", 1), 1);
    expect_success(child);
    assert_int_equal(full_read(line.far, received, sizeof received), 0);
    assert_int_equal(errno, 0); /* the end: no byte has come */
    close(line.far);
    close(fifo_signal[0]);
    close(fifo_signal[1]);
    unlink(name);
    rmdir(folder);
}

// § SIGPIPE that was there before
static sigset_t only_sigpipe(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    return set;
}

static bool sigpipe_is_pending(void)
{
    sigset_t set;

    return sigpending(&set) == 0 && sigismember(&set, SIGPIPE) == 1;
}

static void block_sigpipe(void)
{
    sigset_t set = only_sigpipe();

    require(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
}

/* Takes all that are pending, and counts them. */
static int take_sigpipes(void)
{
    sigset_t set = only_sigpipe();
    struct timespec now = {0};
    int n = 0;

    while (sigtimedwait(&set, NULL, &now) == SIGPIPE)
        n++;
    return n;
}

static void fail_to_send(const struct line *line)
{
    require(conn_send(line->c, "x") == -1 && errno == EPIPE);
}

/* Blocked by the caller: it must still be blocked, and not pending if it was not, or once if it was. */
static void child_sends_with_sigpipe_blocked(const struct line *line)
{
    sigset_t mask;

    block_sigpipe();
    fail_to_send(line);
    require(!sigpipe_is_pending());
    require(raise(SIGPIPE) == 0); /* to this thread */
    fail_to_send(line);
    fail_to_send(line);
    require(sigpipe_is_pending() && take_sigpipes() == 1);
    require(kill(getpid(), SIGPIPE) == 0); /* to the process */
    fail_to_send(line);
    fail_to_send(line);
    require(sigpipe_is_pending() && take_sigpipes() == 1);
    fail_to_send(line);
    require(take_sigpipes() == 0);
    require(pthread_sigmask(SIG_BLOCK, NULL, &mask) == 0 && sigismember(&mask, SIGPIPE) == 1);
}

static void a_pending_SIGPIPE_stays_pending_exactly_once(void **state)
{
    (void)state;
    run_without_receiver(child_sends_with_sigpipe_blocked);
}

static volatile sig_atomic_t sigpipes;
static void count_sigpipe(int number)
{
    (void)number;
    sigpipes++;
}

static void child_sends_with_handler(const struct line *line)
{
    struct sigaction action = {.sa_handler = count_sigpipe, .sa_flags = SA_RESTART}, now;
    sigset_t before, after;

    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGHUP);
    require(sigaction(SIGPIPE, &action, NULL) == 0);
    sigemptyset(&before);
    sigaddset(&before, SIGUSR2); /* something else in the mask */
    require(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    fail_to_send(line);
    require(sigpipes == 0 && !sigpipe_is_pending());
    require(sigaction(SIGPIPE, NULL, &now) == 0);
    require(now.sa_handler == count_sigpipe && (now.sa_flags & SA_RESTART) != 0);
    require(sigismember(&now.sa_mask, SIGHUP) == 1);
    require(pthread_sigmask(SIG_BLOCK, NULL, &after) == 0);
    for (int number = 1; number < 32; number++)
        require(sigismember(&before, number) == sigismember(&after, number));
    raise(SIGPIPE);
    require(sigpipes == 1);
}

static void child_sends_with_sigpipe_ignored(const struct line *line)
{
    struct sigaction now;

    require(sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL) == 0);
    fail_to_send(line);
    require(sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_IGN);
    block_sigpipe();
    fail_to_send(line);
    require(!sigpipe_is_pending());
}

static void mask_and_disposition_of_SIGPIPE_are_left_alone(void **state)
{
    (void)state;
    run_without_receiver(child_sends_with_handler);
    run_without_receiver(child_sends_with_sigpipe_ignored);
}

// § SIGPIPE in threads
static void *thread_sends_to_nobody(void *line)
{
    child_send_to_nobody(line);
    return NULL;
}

static void *thread_with_sigpipe_blocked(void *line)
{
    child_sends_with_sigpipe_blocked(line);
    return NULL;
}

static void run_thread(void *(*body)(void *line), const struct line *line)
{
    pthread_t thread;

    require(pthread_create(&thread, NULL, body, (void *)line) == 0);
    require(pthread_join(thread, NULL) == 0);
}

/* The other thread, this one, has SIGPIPE unblocked: what the sending raises must not get here. */
static void child_sends_in_thread(const struct line *line)
{
    run_thread(thread_sends_to_nobody, line);
    require(sigaction(SIGPIPE, &(struct sigaction){.sa_handler = count_sigpipe}, NULL) == 0);
    require(conn_send(line->c, "x") == -1);
    require(sigpipes == 0 && !sigpipe_is_pending());
}

/* ...and here it is blocked in both. */
static void child_sends_in_thread_with_sigpipe_blocked(const struct line *line)
{
    block_sigpipe();
    run_thread(thread_with_sigpipe_blocked, line);
    require(take_sigpipes() == 0);
}

static void no_SIGPIPE_in_a_program_with_threads(void **state)
{
    (void)state;
    run_without_receiver(child_sends_in_thread);
    run_without_receiver(child_sends_in_thread_with_sigpipe_blocked);
}

static void *thread_fails_to_send(void *line)
{
    fail_to_send(line);
    return NULL;
}

/* One that is pending for the process must not become one of the thread that sends: it would die with the thread. */
static void child_keeps_sigpipe_of_process(const struct line *line)
{
    block_sigpipe();
    require(kill(getpid(), SIGPIPE) == 0);
    run_thread(thread_fails_to_send, line);
    require(sigpipe_is_pending() && take_sigpipes() == 1);
}

static void a_SIGPIPE_pending_for_the_process_survives_a_failing_send_of_a_thread(void **state)
{
    (void)state;
    run_without_receiver(child_keeps_sigpipe_of_process);
}

static void *thread_sends_large(void *line)
{
    require(conn_send_bytes(((const struct line *)line)->c, sent, LARGE) == 0);
    return NULL;
}

static void child_sends_large_with_sigpipe_of_process(const struct line *line)
{
    block_sigpipe();
    require(kill(getpid(), SIGPIPE) == 0);
    run_thread(thread_sends_large, line);
    require(sigpipe_is_pending() && take_sigpipes() == 1);
}

/* The send takes two writes: its pipe is non-blocking. Nothing fails, nothing raises a signal. */
static void a_SIGPIPE_pending_for_the_process_survives_a_long_send_of_a_thread(void **state)
{
    (void)state;
    for (enum kind kind = PIPE; kind < KINDS; kind++) {
        struct line line = make_sender(kind);
        pid_t child;
        assert_int_equal(fcntl(conn_fileno(line.c), F_SETFL, O_NONBLOCK | O_RDWR), 0);
        child = start_child(child_sends_large_with_sigpipe_of_process, &line);
        conn_close(line.c);
        assert_int_equal(full_read(line.far, received, LARGE + 4), LARGE + 4);
        close(line.far);
        expect_success(child);
    }
}

// § Signals while it receives
static void child_receives(const struct line *line)
{
    char text[8];

    close(line->far); /* or there would never be an end */
    require(conn_recv(line->c, text, sizeof text) == 1 && strcmp(text, "fool") == 0);
    require(conn_poll(line->c, -1) == 1);
    require(conn_recv(line->c, text, sizeof text) == 1 && strcmp(text, "END") == 0);
    require(conn_poll(line->c, -1) == 1);
    require(conn_recv(line->c, text, sizeof text) == 0);
    require(errno == MARK);
}

static void set_non_blocking(const conn *c)
{
    int flags = fcntl(conn_fileno(c), F_GETFL);

    assert_int_equal(fcntl(conn_fileno(c), F_SETFL, flags | O_NONBLOCK), 0);
}

/* It must sleep before every byte of a message, and in conn_poll, and be interrupted each time. */
static void receive_bytewise(bool socket, bool non_blocking)
{
    struct line line = make_line(socket, true);
    pid_t child;

    if (non_blocking)
        set_non_blocking(line.c);
    child = start_interrupted(child_receives, &line);
    for (int i = 0; i < 8; i++) {
        interrupt(child, non_blocking ? SYS_poll : SYS_read);
        put(line.far, &"\0\0\0\4fool"[i], 1);
    }
    interrupt(child, SYS_poll);
    put(line.far, "\0\0\0\3END", 7);
    interrupt(child, SYS_poll);
    hang_up(&line);
    end_interrupted(child);
    end_line(line);
}

static void receiving_and_polling_sleep_on_when_signals_come(void **state)
{
    (void)state;
    receive_bytewise(false, false);
    receive_bytewise(true, false);
}

static void receiving_on_a_non_blocking_descriptor_waits_asleep(void **state)
{
    (void)state;
    receive_bytewise(false, true);
    receive_bytewise(true, true);
}

// § Signals while it sends
static void child_sends(const struct line *line)
{
    require(conn_send_bytes(line->c, sent, LARGE) == 0);
    require(conn_send(line->c, "END") == 0);
    require(errno == MARK);
}

/* The line is full before, so that not even the header can be sent; and then again in the middle. */
static void send_into_full(enum kind kind, bool non_blocking)
{
    struct line line = make_sender(kind);
    size_t before = fill(conn_fileno(line.c));
    long call = non_blocking ? SYS_poll : sending_call(kind);
    pid_t child;

    if (non_blocking)
        set_non_blocking(line.c);
    child = start_interrupted(child_sends, &line);
    interrupt(child, call);
    assert_int_equal(full_read(line.far, received, before), before);
    interrupt(child, call);
    assert_int_equal(full_read(line.far, received, LARGE + 4), LARGE + 4);
    assert_memory_equal(received, "\0\4\x93\xe0", 4); /* 300000 */
    assert_memory_equal(received + 4, sent, LARGE);
    assert_int_equal(full_read(line.far, received, 7), 7);
    assert_memory_equal(received, "\0\0\0\3END", 7);
    end_interrupted(child);
    end_line(line);
}

static void sending_sleeps_on_when_signals_come(void **state)
{
    (void)state;
    for (enum kind kind = first_kind(); kind < KINDS; kind++)
        send_into_full(kind, false);
}

static void sending_on_a_non_blocking_descriptor_waits_asleep(void **state)
{
    (void)state;
    for (enum kind kind = PIPE; kind < KINDS; kind++)
        send_into_full(kind, true);
}

// § Abandoned in the middle
enum { ABANDONED = ECANCELED };

static void send_something(conn *c)
{
    conn_send_bytes(c, sent, LARGE);
}

static void receive_something(conn *c)
{
    char text[8];

    conn_recv(c, text, sizeof text);
}

static struct {
    void (*call)(conn *c);
    bool by_cancel;
    int thread[2]; /* a pipe: which thread will sleep */
} abandon;

static void *is_left(void *line)
{
    pid_t self = (pid_t)syscall(SYS_gettid);

    require(write(abandon.thread[1], &self, sizeof self) == sizeof self);
    abandon.call(((const struct line *)line)->c);
    return NULL;
}

static void cancel_a_thread(const struct line *line)
{
    pthread_t thread;
    char go;

    require(pthread_create(&thread, NULL, is_left, (void *)line) == 0);
    require(read(fifo_signal[0], &go, 1) == 1);
    require(pthread_cancel(thread) == 0);
    require(pthread_join(thread, NULL) == 0);
}

static sigjmp_buf out;
static void jump(int number)
{
    (void)number;
    siglongjmp(out, 1);
}

static void jump_out(const struct line *line)
{
    require(sigaction(SIGUSR1, &(struct sigaction){.sa_handler = jump}, NULL) == 0);
    if (sigsetjmp(out, 1) == 0)
        is_left((void *)line);
}

static void child_is_left(const struct line *line)
{
    char text[8];

    close(line->far);
    if (abandon.by_cancel)
        cancel_a_thread(line);
    else
        jump_out(line);
    for (int i = 0; i < 2; i++)
        if (abandon.call == send_something)
            require(conn_send(line->c, "END") == -1 && errno == ABANDONED);
        else
            require(conn_recv(line->c, text, sizeof text) == -1 && errno == ABANDONED && text[0] == '\0' &&
                    conn_poll(line->c, -1) == -1 && errno == ABANDONED);
}

/* It sleeps in `call`, and is called away. */
static void leave(const struct line *line, bool by_cancel, void (*call)(conn *c), long number)
{
    pid_t child, thread;

    abandon.call = call;
    abandon.by_cancel = by_cancel;
    assert_int_equal(pipe2(fifo_signal, O_CLOEXEC), 0);
    assert_int_equal(pipe2(abandon.thread, O_CLOEXEC), 0);
    child = start_child(child_is_left, line);
    assert_int_equal(read(abandon.thread[0], &thread, sizeof thread), sizeof thread);
    await_asleep(thread, number);
    if (by_cancel)
        assert_int_equal(write(fifo_signal[1], "!", 1), 1);
    else
        assert_int_equal(kill(child, SIGUSR1), 0);
    expect_success(child);
    for (int i = 0; i < 2; i++) {
        close(fifo_signal[i]);
        close(abandon.thread[i]);
    }
}

static void leave_a_send(bool by_cancel)
{
    for (enum kind kind = by_cancel ? PIPE : first_kind(); kind < KINDS; kind++) {
        struct line line = make_sender(kind);
        leave(&line, by_cancel, send_something, sending_call(kind));
        end_line(line);
    }
}

/* Before the first byte, in the length, behind it, in the text. */
static void leave_a_receive(bool by_cancel)
{
    for (size_t n = 0; n < 8; n += 2) {
        struct line line = receiver();
        put(line.far, "\0\0\0\4fool", n);
        leave(&line, by_cancel, receive_something, SYS_read);
        end_line(line);
    }
}

static void a_send_left_by_pthread_cancel_is_dead_and_not_torn(void **state)
{
    (void)state;
    leave_a_send(true);
}

static void a_send_left_by_siglongjmp_is_dead_and_not_torn(void **state)
{
    (void)state;
    leave_a_send(false);
}

static void a_receive_left_by_pthread_cancel_is_dead_and_not_torn(void **state)
{
    (void)state;
    leave_a_receive(true);
}

static void a_receive_left_by_siglongjmp_is_dead_and_not_torn(void **state)
{
    (void)state;
    leave_a_receive(false);
}

static void child_leaves_conn_poll(const struct line *line)
{
    require(sigaction(SIGUSR1, &(struct sigaction){.sa_handler = jump}, NULL) == 0);
    if (sigsetjmp(out, 1) == 0)
        conn_poll(line->c, -1);
    require(conn_poll(line->c, 0) == 0);
}

static void conn_poll_may_be_left_by_siglongjmp(void **state)
{
    struct line line = receiver();
    pid_t child = start_child(child_leaves_conn_poll, &line);

    (void)state;
    await_asleep(child, SYS_poll);
    assert_int_equal(kill(child, SIGUSR1), 0);
    expect_success(child);
    put(line.far, "\0\0\0\3END", 7);
    expect_text(line.c, "END");
    end_line(line);
}

// § Sockets with options
/* Its EAGAIN is waited out like that of O_NONBLOCK: after the first it sleeps in poll. */
static void a_time_limit_of_the_socket_is_waited_out(void **state)
{
    struct timeval limit = {.tv_usec = 20000};
    struct line in = make_line(true, true), out_line = make_sender(SOCKET);
    size_t before = fill(conn_fileno(out_line.c));
    pid_t child;

    (void)state;
    assert_int_equal(setsockopt(conn_fileno(in.c), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    child = start_child(child_receives, &in);
    await_asleep(child, SYS_poll);
    put(in.far, "\0\0\0\4fool\0\0\0\3END", 15);
    await_asleep(child, SYS_poll);
    hang_up(&in);
    expect_success(child);
    end_line(in);

    assert_int_equal(setsockopt(conn_fileno(out_line.c), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), 0);
    child = start_child(child_sends, &out_line);
    await_asleep(child, SYS_poll);
    assert_int_equal(full_read(out_line.far, received, before), before);
    assert_int_equal(full_read(out_line.far, received, LARGE + 11), LARGE + 11);
    assert_memory_equal(received + 4, sent, LARGE);
    expect_success(child);
    end_line(out_line);
}

/* Two ends of a TCP connection to this machine. */
static void make_tcp(int fd[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(connect(fd[0], (struct sockaddr *)&address, sizeof address), 0);
    fd[1] = accept(listening, NULL, NULL);
    assert_true(fd[1] != -1);
    close(listening);
}

static void child_waits_beside_an_error_queue(const struct line *line)
{
    char text[8];

    close(line->far);
    require(conn_recv(line->c, text, sizeof text) == 1 && strcmp(text, "END") == 0);
    require(conn_poll(line->c, 20) == 0);
    require(errno == MARK);
}

/* The time at which a byte was sent lies there: poll says POLLERR, and no byte can be read. */
static void an_entry_in_the_error_queue_does_not_keep_it_awake(void **state)
{
    int fd[2], wanted = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
    struct line line;
    long long used;
    pid_t child;

    (void)state;
    make_tcp(fd);
    line.far = fd[1];
    assert_int_equal(setsockopt(fd[0], SOL_SOCKET, SO_TIMESTAMPING, &wanted, sizeof wanted), 0);
    assert_int_equal(conn_adopt(&line.c, fd[0], true, true), 0);
    set_non_blocking(line.c);
    assert_int_equal(conn_send(line.c, "fool"), 0);
    assert_int_equal(poll(&(struct pollfd){.fd = fd[0]}, 1, -1), 1); /* POLLERR */
    child = start_child(child_waits_beside_an_error_queue, &line);
    await_asleep(child, SYS_poll);
    used = cpu_time_of(child);
    for (int i = 0; i < 20; i++)
        await_asleep(child, SYS_poll);
    assert_int_equal(cpu_time_of(child), used);
    put(line.far, "\0\0\0\3END", 7);
    expect_success(child);
    end_line(line);
}

// § Deadlines
static long long now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void conn_poll_does_not_give_up_before_its_deadline(void **state)
{
    static const int waits[] = {0, 1, 20, 100};

    (void)state;
    for (int socket = 0; socket < 2; socket++) {
        struct line line = make_line(socket, true);
        for (size_t i = 0; i < 4; i++) {
            long long start = now_us();
            errno = MARK;
            assert_int_equal(conn_poll(line.c, waits[i]), 0);
            assert_int_equal(errno, MARK);
            assert_true(now_us() - start >= waits[i] * 1000);
        }
        end_line(line);
    }
}

enum { STORM_US = 2000, MOST_TICKS = 10000 };
static volatile sig_atomic_t ticks;

/* A wait that begins anew with every signal never ends: this ends it after 20 seconds. */
static void on_tick(int number)
{
    (void)number;
    if (++ticks == MOST_TICKS)
        _exit(4);
}

static void child_polls_in_storm(const struct line *line)
{
    struct itimerval storm = {{0, STORM_US}, {0, STORM_US}}, calm = {0};
    long long start = now_us(), end;
    int ready;

    require(sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_tick}, NULL) == 0);
    require(setitimer(ITIMER_REAL, &storm, NULL) == 0);
    ready = conn_poll(line->c, 200);
    end = now_us();
    require(setitimer(ITIMER_REAL, &calm, NULL) == 0);
    require(ready == 0 && errno == MARK);
    require(end - start >= 200000);
    require(ticks > 1);
}

static void conn_poll_keeps_its_deadline_in_a_storm_of_signals(void **state)
{
    struct line line = receiver();

    (void)state;
    run_child(child_polls_in_storm, &line);
    end_line(line);
}

static int poll_timeout; /* of child_polls */

static void child_polls(const struct line *line)
{
    close(line->far);
    require(conn_poll(line->c, poll_timeout) == 1);
    require(errno == MARK);
}

/* By a part of a message, or by the end. */
static void wake_poll(int timeout, bool by_end)
{
    struct line line = receiver();
    pid_t child;

    poll_timeout = timeout;
    child = start_child(child_polls, &line);
    await_asleep(child, SYS_poll);
    if (by_end)
        hang_up(&line);
    else
        put(line.far, "", 1);
    expect_success(child);
    end_line(line);
}

static void conn_poll_is_woken_by_a_byte_and_by_the_end(void **state)
{
    static const int waits[] = {-1, INT_MIN, 3600000, INT_MAX};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        wake_poll(waits[i], false);
        wake_poll(waits[i], true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_simplex_pair_goes_from_b_to_a),
        cmocka_unit_test(a_duplex_pair_goes_both_ways),
        cmocka_unit_test(the_wrong_direction_is_EBADF_before_any_byte_moves),
        cmocka_unit_test(one_direction_of_a_socket_can_be_given_up),
        cmocka_unit_test(a_pair_is_close_on_exec_and_blocking_from_birth),
        cmocka_unit_test(a_pair_that_cannot_be_made_leaves_nothing_open),
        cmocka_unit_test(conn_adopt_refuses_what_is_not_open_for_that_direction),
        cmocka_unit_test(conn_adopt_refuses_neither_direction),
        cmocka_unit_test(conn_adopt_sets_close_on_exec_and_leaves_O_NONBLOCK),
        cmocka_unit_test(conn_adopt_refuses_what_is_no_stream_of_bytes),
        cmocka_unit_test(the_read_end_of_a_pipe_of_packets_loses_what_does_not_fit),
        cmocka_unit_test(a_file_can_be_adopted),
        cmocka_unit_test(before_the_first_writer_a_FIFO_says_0_and_conn_poll_waits),
        cmocka_unit_test(conn_close_closes_and_NULL_is_allowed),
        cmocka_unit_test(conn_close_hands_on_the_error_of_close),
        cmocka_unit_test(a_message_is_its_length_big_endian_and_its_bytes),
        cmocka_unit_test(a_string_goes_without_its_terminating_zero),
        cmocka_unit_test(all_bytes_of_the_length_are_used),
        cmocka_unit_test(from_2_GiB_on_the_length_has_8_more_bytes),
        cmocka_unit_test(more_than_SSIZE_MAX_is_EMSGSIZE_and_nothing_is_sent),
        cmocka_unit_test(a_long_header_with_a_small_length_is_accepted),
        cmocka_unit_test(a_negative_length_is_EPROTO),
        cmocka_unit_test(a_length_above_SSIZE_MAX_is_EPROTO),
        cmocka_unit_test(the_end_is_no_error_only_between_two_messages),
        cmocka_unit_test(the_length_is_left_alone_when_a_message_is_torn),
        cmocka_unit_test(nothing_is_allocated_because_a_stranger_says_so),
        cmocka_unit_test(the_largest_length_is_SSIZE_MAX),
        cmocka_unit_test(a_message_that_is_too_large_is_kept),
        cmocka_unit_test(a_buffer_is_not_touched_behind_the_message),
        cmocka_unit_test(conn_poll_says_1_at_once_while_a_message_is_kept),
        cmocka_unit_test(a_text_needs_room_for_its_terminator),
        cmocka_unit_test(a_text_into_no_room_at_all_is_EINVAL),
        cmocka_unit_test(a_zero_byte_in_a_text_is_EBADMSG_and_the_stream_goes_on),
        cmocka_unit_test(empty_messages_are_messages),
        cmocka_unit_test(messages_of_all_sizes_come_whole_and_in_order),
        cmocka_unit_test(ECONNRESET_is_told_once),
        cmocka_unit_test(sending_to_nobody_is_EPIPE_and_no_SIGPIPE),
        cmocka_unit_test(sending_fails_and_receiving_lives),
        cmocka_unit_test(receiving_is_dead_and_sending_lives),
        cmocka_unit_test(a_receiver_that_leaves_in_the_middle_raises_no_SIGPIPE),
        cmocka_unit_test(a_send_that_fails_in_the_middle_leaves_the_direction_dead),
        cmocka_unit_test(a_pending_SIGPIPE_stays_pending_exactly_once),
        cmocka_unit_test(mask_and_disposition_of_SIGPIPE_are_left_alone),
        cmocka_unit_test(no_SIGPIPE_in_a_program_with_threads),
        cmocka_unit_test(a_SIGPIPE_pending_for_the_process_survives_a_failing_send_of_a_thread),
        cmocka_unit_test(a_SIGPIPE_pending_for_the_process_survives_a_long_send_of_a_thread),
        cmocka_unit_test(receiving_and_polling_sleep_on_when_signals_come),
        cmocka_unit_test(receiving_on_a_non_blocking_descriptor_waits_asleep),
        cmocka_unit_test(sending_sleeps_on_when_signals_come),
        cmocka_unit_test(sending_on_a_non_blocking_descriptor_waits_asleep),
        cmocka_unit_test(a_send_left_by_pthread_cancel_is_dead_and_not_torn),
        cmocka_unit_test(a_send_left_by_siglongjmp_is_dead_and_not_torn),
        cmocka_unit_test(a_receive_left_by_pthread_cancel_is_dead_and_not_torn),
        cmocka_unit_test(a_receive_left_by_siglongjmp_is_dead_and_not_torn),
        cmocka_unit_test(conn_poll_may_be_left_by_siglongjmp),
        cmocka_unit_test(a_time_limit_of_the_socket_is_waited_out),
        cmocka_unit_test(an_entry_in_the_error_queue_does_not_keep_it_awake),
        cmocka_unit_test(conn_poll_does_not_give_up_before_its_deadline),
        cmocka_unit_test(conn_poll_keeps_its_deadline_in_a_storm_of_signals),
        cmocka_unit_test(conn_poll_is_woken_by_a_byte_and_by_the_end),
    };

    fill_with_pattern(sent, sizeof sent);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
