/* A read from a file that is no disk: a small FUSE file system, in a mount namespace of its own, whose one file never
 * has an answer, and which gives up a read when the kernel says that the reader was interrupted. Skipped where /dev/fuse
 * or the namespace cannot be had. */
#define _GNU_SOURCE /* unshare */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"

enum { ROOT = 1, FILE_NODE = 2, NOT_HERE = 200 };

static int told[2]; /* the server: it has the read; a handler: it has run */

/* ---- the server */

static void answer(int fuse, uint64_t unique, int error, const void *body, size_t size)
{
    struct fuse_out_header head = {.len = (uint32_t)(sizeof head + size), .error = -error, .unique = unique};
    char out[sizeof head + 256];

    memcpy(out, &head, sizeof head);
    if (size > 0)
        memcpy(out + sizeof head, body, size);
    if (write(fuse, out, head.len) != (ssize_t)head.len)
        _exit(1);
}

static struct fuse_attr attributes_of(uint64_t node)
{
    struct fuse_attr attr = {.ino = node, .nlink = 1, .blksize = 512};

    attr.mode = node == ROOT ? S_IFDIR | 0755 : S_IFREG | 0644;
    attr.size = node == ROOT ? 0 : 1;
    return attr;
}

static void serve(int fuse)
{
    static union {
        struct fuse_in_header head;
        char bytes[FUSE_MIN_READ_BUFFER + 65536];
    } in;
    struct fuse_init_out init = {.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_write = 4096};
    struct fuse_entry_out entry = {.nodeid = FILE_NODE, .attr = attributes_of(FILE_NODE)};
    struct fuse_open_out opened = {.open_flags = FOPEN_DIRECT_IO};
    uint64_t unanswered = 0;

    while (read(fuse, in.bytes, sizeof in.bytes) > 0) {
        struct fuse_attr_out attr = {.attr = attributes_of(in.head.nodeid)};
        switch (in.head.opcode) {
        case FUSE_INIT: answer(fuse, in.head.unique, 0, &init, sizeof init); break;
        case FUSE_LOOKUP: answer(fuse, in.head.unique, 0, &entry, sizeof entry); break;
        case FUSE_GETATTR: answer(fuse, in.head.unique, 0, &attr, sizeof attr); break;
        case FUSE_OPEN: answer(fuse, in.head.unique, 0, &opened, sizeof opened); break;
        case FUSE_READ:
            unanswered = in.head.unique;
            if (write(told[1], "R", 1) != 1)
                _exit(1);
            break;
        case FUSE_INTERRUPT: answer(fuse, unanswered, EINTR, NULL, 0); break;
        case FUSE_FORGET: break; /* wants no answer */
        default: answer(fuse, in.head.unique, ENOSYS, NULL, 0);
        }
    }
    _exit(0);
}

/* ---- the reader */

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written = fd != -1 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    close(fd);
    return written;
}

/* A mount namespace of this process's own, in which it may mount. */
static bool enter_namespace(void)
{
    char user[64], group[64];

    if (getuid() == 0)
        return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
    snprintf(user, sizeof user, "0 %u 1", getuid());
    snprintf(group, sizeof group, "0 %u 1", getgid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_file("/proc/self/uid_map", user) &&
           write_file("/proc/self/setgroups", "deny") && write_file("/proc/self/gid_map", group);
}

static int open_slow_file(const char *folder)
{
    char options[128], path[128];
    int fuse;

    if (!enter_namespace() || (fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC)) == -1)
        _exit(NOT_HERE);
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
    if (mount("test_fuse", folder, "fuse", MS_NOSUID | MS_NODEV, options) == -1)
        _exit(NOT_HERE);
    if (fork_in_test() == 0)
        serve(fuse);
    snprintf(path, sizeof path, "%s/file", folder);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static void say_called(int sig)
{
    int saved = errno;

    (void)sig;
    if (write(told[1], "H", 1) != 1)
        _exit(1);
    errno = saved;
}

/* Its read ends in what the exit status tells: its errno, or 0 if it is over without one. */
static pid_t start_reader(const char *folder, bool with_handler)
{
    pid_t pid = fork_in_test();

    if (pid == 0) {
        struct sigaction sa = {.sa_handler = say_called, .sa_flags = SA_RESTART};
        int fd = open_slow_file(folder);
        char byte;
        sigemptyset(&sa.sa_mask);
        if (with_handler)
            sigaction(SIGUSR1, &sa, NULL);
        _exit(fd != -1 && read(fd, &byte, 1) == -1 ? errno : 0);
    }
    return pid;
}

/* ---- the tests */

static char next_told(void)
{
    char what = 0;

    return read(told[0], &what, 1) == 1 ? what : 0;
}

/* Returns the errno of a read that was interrupted: by SIGUSR1, or by a stop. */
static int interrupted(bool by_handler)
{
    char folder[] = "/tmp/test_fuse.XXXXXX";
    int status;
    pid_t pid;

    assert_non_null(mkdtemp(folder));
    assert_int_equal(pipe2(told, O_CLOEXEC), 0);
    pid = start_reader(folder, by_handler);
    close(told[1]);
    if (next_told() == 'R') {
        kill(pid, by_handler ? SIGUSR1 : SIGSTOP);
        while (!by_handler && state_of(pid) != 'T')
            ;
        kill(pid, by_handler ? 0 : SIGCONT);
    }
    if (by_handler)
        next_told();
    assert_int_equal(waitpid(pid, &status, 0), pid);
    kill_family(NULL);
    close(told[0]);
    rmdir(folder);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_HERE)
        skip();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_read_from_fuse_fails_with_eintr_in_spite_of_sa_restart(void **state)
{
    (void)state;
    assert_int_equal(interrupted(true), EINTR);
}

static void a_read_from_fuse_fails_with_eintr_after_a_stop_without_any_handler(void **state)
{
    (void)state;
    assert_int_equal(interrupted(false), EINTR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_from_fuse_fails_with_eintr_in_spite_of_sa_restart),
        cmocka_unit_test(a_read_from_fuse_fails_with_eintr_after_a_stop_without_any_handler),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
