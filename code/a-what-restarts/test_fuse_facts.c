/* A file whose bytes come from another process, by FUSE: what a signal does to a read of it. The other process is this
 * one; it speaks the protocol of linux/fuse.h in a namespace of its own, so that nobody else sees the file. Skipped
 * where there is no /dev/fuse, or no right to mount. */
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
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"

enum { NO_HANDLER = -1 }; /* in the place of sa_flags: stop and continue instead */

static char file[] = "/tmp/test_fuse.XXXXXX";
static int device = -1;

/* ---- the server: one file, which is never ready */

static void answer(uint64_t unique, int error, const void *data, size_t size)
{
    struct fuse_out_header header = {.len = (uint32_t)(sizeof header + size), .error = -error, .unique = unique};
    struct iovec parts[] = {{&header, sizeof header}, {(void *)(uintptr_t)data, size}};

    if (writev(device, parts, 2) == -1 && errno != ENOENT)
        _exit(90);
}

static void answer_init(const struct fuse_in_header *in, const struct fuse_init_in *init)
{
    struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION, .max_write = 4096};

    out.minor = init->minor < FUSE_KERNEL_MINOR_VERSION ? init->minor : FUSE_KERNEL_MINOR_VERSION;
    answer(in->unique, 0, &out, sizeof out);
}

static void answer_one(const struct fuse_in_header *in, const void *data)
{
    const struct fuse_interrupt_in *interrupt = data;
    struct fuse_attr_out attr = {.attr = {.ino = 1, .mode = S_IFREG | 0444, .nlink = 1, .size = 1}};
    struct fuse_open_out opened = {.open_flags = FOPEN_DIRECT_IO};

    if (in->opcode == FUSE_INIT)
        answer_init(in, data);
    else if (in->opcode == FUSE_GETATTR)
        answer(in->unique, 0, &attr, sizeof attr);
    else if (in->opcode == FUSE_OPEN)
        answer(in->unique, 0, &opened, sizeof opened);
    else if (in->opcode == FUSE_INTERRUPT)
        answer(interrupt->unique, EINTR, NULL, 0); /* the read that has waited */
    else if (in->opcode != FUSE_READ && in->opcode != FUSE_FORGET)
        answer(in->unique, ENOSYS, NULL, 0);
}

static void serve(void)
{
    static union {
        struct fuse_in_header header;
        char bytes[1 << 17];
    } request;

    while (read(device, &request, sizeof request) > 0)
        answer_one(&request.header, &request.header + 1);
    _exit(0);
}

/* ---- the mount */

static bool write_to(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool whole = fd != -1 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    close(fd);
    return whole;
}

/* This user and group, as root of the namespace. */
static bool enter_namespace(void)
{
    char users[32], groups[32];

    snprintf(users, sizeof users, "0 %d 1", (int)getuid());
    snprintf(groups, sizeof groups, "0 %d 1", (int)getgid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_to("/proc/self/uid_map", users) &&
           write_to("/proc/self/setgroups", "deny") && write_to("/proc/self/gid_map", groups);
}

static bool mount_file(void)
{
    char options[64];

    if (!enter_namespace())
        return false;
    device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    snprintf(options, sizeof options, "fd=%d,rootmode=100444,user_id=0,group_id=0", device);
    return device != -1 && mount("test", file, "fuse", 0, options) == 0;
}

/* ---- the reader */

static int handled_pipe[2];

static void tell_handled(int sig)
{
    (void)sig;
    if (write(handled_pipe[1], "", 1) != 1)
        _exit(91);
}

static void read_file(int flags)
{
    struct sigaction sa = {.sa_handler = tell_handled, .sa_flags = flags};
    char byte;
    int fd = open(file, O_RDONLY | O_CLOEXEC);

    alarm(60);
    sigemptyset(&sa.sa_mask);
    if (fd == -1 || (flags != NO_HANDLER && sigaction(SIGUSR1, &sa, NULL) == -1))
        _exit(92);
    _exit(read(fd, &byte, 1) == -1 ? errno : 0);
}

static void disturb(pid_t pid, int flags)
{
    siginfo_t info;

    if (flags != NO_HANDLER) {
        kill(pid, SIGUSR1);
        return;
    }
    kill(pid, SIGSTOP);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WSTOPPED), 0);
    kill(pid, SIGCONT);
}

/* The errno of a read that was disturbed while it waited, or 0. */
static int errno_of_read(int flags)
{
    int status;
    pid_t pid = fork_in_test();

    if (pid == 0)
        read_file(flags);
    await_asleep(pid, SYS_read);
    disturb(pid, flags);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_read_from_fuse_fails_with_eintr_despite_sa_restart(void **state)
{
    (void)state;
    if (device == -1) {
        print_message("not run, for want of FUSE\n");
        skip();
    }
    if (fork_in_test() == 0)
        serve();
    assert_int_equal(pipe(handled_pipe), 0);
    assert_int_equal(errno_of_read(0), EINTR);
    assert_int_equal(errno_of_read(SA_RESTART), EINTR);
    assert_int_equal(errno_of_read(NO_HANDLER), EINTR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_from_fuse_fails_with_eintr_despite_sa_restart),
    };
    int failed;

    close(mkstemp(file));
    if (!mount_file())
        device = -1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (device != -1)
        umount2(file, MNT_DETACH);
    unlink(file);
    return failed;
}
