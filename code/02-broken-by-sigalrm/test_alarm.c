/* alarm_line, the handler of chapters 2 and 3, in a bad place: stdout is a full pipe. */
#define _GNU_SOURCE /* pipe2 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"
#include "alarm.h"

enum { MARK = 4242 }; /* an errno that nobody sets */

/* A pipe with no room left. */
static void make_full_pipe(int fd[2], int flags)
{
    static const char bytes[4096];

    assert_int_equal(pipe2(fd, O_CLOEXEC | O_NONBLOCK), 0);
    while (write(fd[1], bytes, sizeof bytes) > 0)
        ;
    assert_int_equal(fcntl(fd[0], F_SETFL, 0), 0);
    assert_int_equal(fcntl(fd[1], F_SETFL, flags), 0);
}

/* A child that is given this stdout, and calls the handler. It ends with 0 if that came back and kept errno. */
static pid_t start_in_handler(const int fd[2])
{
    pid_t pid = fork_in_test();

    if (pid != 0)
        return pid;
    close(fd[0]);
    dup2(fd[1], STDOUT_FILENO);
    errno = MARK;
    alarm_line(SIGALRM);
    _exit(errno != MARK);
}

static void expect_success(pid_t pid)
{
    int status = -1;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void the_line_is_dropped_if_a_non_blocking_stdout_is_full(void **state)
{
    int fd[2];

    (void)state;
    make_full_pipe(fd, O_NONBLOCK);
    expect_success(start_in_handler(fd));
    close(fd[0]);
    close(fd[1]);
}

static int ran[2];
static void on_usr1(int sig)
{
    (void)sig;
    if (write(ran[1], "!", 1) != 1)
        _exit(2);
}

/* Another handler, without SA_RESTART, interrupts the write in this one. */
static void the_line_comes_though_another_handler_interrupts_its_write(void **state)
{
    static char bytes[1 << 20];
    struct sigaction sa = {.sa_handler = on_usr1}, old;
    size_t got = 0;
    ssize_t n;
    int fd[2];
    pid_t pid;

    (void)state;
    make_full_pipe(fd, 0);
    assert_int_equal(pipe2(ran, O_CLOEXEC), 0);
    sigaction(SIGUSR1, &sa, &old);
    pid = start_in_handler(fd);
    sigaction(SIGUSR1, &old, NULL);
    await_asleep(pid, SYS_write);
    kill(pid, SIGUSR1);
    assert_int_equal(read(ran[0], bytes, 1), 1);
    await_asleep(pid, SYS_write);
    close(fd[1]);
    while ((n = read(fd[0], bytes + got, sizeof bytes - got)) > 0)
        got += (size_t)n;
    expect_success(pid);
    assert_memory_equal(bytes + got - 10, "alarm(14)\n", 10);
    close(fd[0]);
    close(ran[0]);
    close(ran[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_is_dropped_if_a_non_blocking_stdout_is_full),
        cmocka_unit_test(the_line_comes_though_another_handler_interrupts_its_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
