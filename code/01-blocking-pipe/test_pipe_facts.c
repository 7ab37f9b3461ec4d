/* What chapter 1 says about pipes, asked of the kernel. */
#define _GNU_SOURCE /* pipe2, F_GETPIPE_SZ */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"
#include "child.h"
#include "message.h"

static void make_pipe(int fd[2], int flags)
{
    assert_int_equal(pipe2(fd, O_CLOEXEC | flags), 0);
}

static void close_pipe(int fd[2])
{
    close(fd[0]);
    close(fd[1]);
}

static void eof_needs_every_writer_closed(void **state)
{
    int fd[2], copy;
    char byte;

    (void)state;
    make_pipe(fd, O_NONBLOCK);
    copy = dup(fd[1]);
    close(fd[1]);
    assert_int_equal(read(fd[0], &byte, 1), -1); /* a blocking read would wait */
    assert_int_equal(errno, EAGAIN);
    close(copy);
    assert_int_equal(read(fd[0], &byte, 1), 0);
    close(fd[0]);
}

static void what_was_written_before_the_end_is_read_first(void **state)
{
    int fd[2];
    char bytes[8];

    (void)state;
    make_pipe(fd, 0);
    assert_int_equal(write(fd[1], "abc", 3), 3);
    close(fd[1]);
    assert_int_equal(read(fd[0], bytes, sizeof bytes), 3);
    assert_int_equal(read(fd[0], bytes, sizeof bytes), 0);
    assert_int_equal(read(fd[0], bytes, sizeof bytes), 0); /* and again */
    close(fd[0]);
}

static void a_read_takes_what_is_there_and_keeps_no_boundaries(void **state)
{
    int fd[2];
    char bytes[64];

    (void)state;
    make_pipe(fd, 0);
    assert_int_equal(write(fd[1], "fool", 4), 4);
    assert_int_equal(write(fd[1], "END", 3), 3);
    assert_int_equal(read(fd[0], bytes, sizeof bytes), 7);
    assert_memory_equal(bytes, "foolEND", 7);
    close_pipe(fd);
}

static void a_pipe_holds_65536_bytes(void **state)
{
    static char bytes[PIPE_BUF];
    int fd[2];
    long total = 0;
    ssize_t n;

    (void)state;
    make_pipe(fd, O_NONBLOCK);
    assert_int_equal(fcntl(fd[1], F_GETPIPE_SZ), 65536);
    while ((n = write(fd[1], bytes, sizeof bytes)) > 0)
        total += n;
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(total, 65536);
    close_pipe(fd);
}

static void a_full_pipe_puts_the_writer_to_sleep(void **state)
{
    static char bytes[65536];
    int fd[2], status;
    pid_t pid;

    (void)state;
    make_pipe(fd, 0);
    assert_int_equal(write(fd[1], bytes, sizeof bytes), sizeof bytes);
    pid = fork_in_test();
    if (pid == 0)
        _exit(write(fd[1], "x", 1) == 1 ? 0 : 1);
    await_asleep(pid, SYS_write);
    assert_int_equal(read(fd[0], bytes, sizeof bytes), sizeof bytes); /* room again */
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close_pipe(fd);
}

/* Two writers, each with records of one letter; the reader asks for `ask` bytes at a time.
 * Returns how many records were torn: how often the letter changed within a record. */
static long torn_records(size_t size, size_t ask, int records)
{
    static char in[65536];
    int fd[2];
    pid_t pid[2];
    long torn = 0;
    size_t in_record = 0;
    char last = '\0';
    ssize_t n;

    make_pipe(fd, 0);
    for (int writer = 0; writer < 2; writer++) {
        pid[writer] = fork_in_test();
        if (pid[writer] == 0) {
            char *record = malloc(size);
            memset(record, 'A' + writer, size);
            for (int i = 0; i < records; i++)
                if (write(fd[1], record, size) != (ssize_t)size)
                    _exit(1);
            _exit(0);
        }
    }
    close(fd[1]);
    while ((n = read(fd[0], in, ask)) > 0)
        for (ssize_t i = 0; i < n; i++) {
            if (last != '\0' && in[i] != last && in_record % size != 0)
                torn++;
            in_record = in[i] == last ? in_record + 1 : 1;
            last = in[i];
        }
    close(fd[0]);
    for (int writer = 0; writer < 2; writer++) {
        int status;
        assert_int_equal(waitpid(pid[writer], &status, 0), pid[writer]);
        assert_int_equal(status, 0);
    }
    return torn;
}

static void records_up_to_pipe_buf_are_never_torn(void **state)
{
    (void)state;
    assert_int_equal(PIPE_BUF, 4096); /* Linux's promise */
    assert_int_equal(_POSIX_PIPE_BUF, 512); /* that of POSIX */
    assert_int_equal(torn_records(16, 3000, 20000), 0);
    assert_int_equal(torn_records(512, 3000, 5000), 0);
    assert_int_equal(torn_records(PIPE_BUF, 3000, 1000), 0);
}

static void records_above_pipe_buf_can_be_torn(void **state)
{
    long torn = 0;

    (void)state;
    for (int i = 0; i < 50 && torn == 0; i++) /* a storm, until it happens; nearly always the first round */
        torn = torn_records(PIPE_BUF + 1, 3000, 1000);
    assert_true(torn > 0);
}

static void writing_without_a_reader_is_epipe_when_sigpipe_is_ignored(void **state)
{
    int fd[2];

    (void)state;
    make_pipe(fd, 0);
    close(fd[0]);
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    assert_int_equal(write(fd[1], "x", 1), -1);
    assert_int_equal(errno, EPIPE);
    assert_int_equal(write(fd[1], "x", 0), 0); /* but nothing is nothing */
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    close(fd[1]);
}

static void writing_without_a_reader_kills_by_default(void **state)
{
    int fd[2], status;
    pid_t pid;

    (void)state;
    make_pipe(fd, 0);
    close(fd[0]);
    pid = fork_in_test();
    if (pid == 0) {
        sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
        _exit(write(fd[1], "x", 1) == 1 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGPIPE);
    close(fd[1]);
}

static void fork_copies_descriptors_but_not_the_pipe(void **state)
{
    int fd[2], status;
    char byte = '\0';
    pid_t pid;

    (void)state;
    make_pipe(fd, 0);
    pid = fork_in_test();
    if (pid == 0) {
        ssize_t got = read(fd[0], &byte, 1), put = write(fd[1], "c", 1);
        close(fd[0]); /* the child's copies; the parent's stay open */
        close(fd[1]);
        _exit(got == 1 && byte == 'p' && put == 1 ? 0 : 1);
    }
    assert_int_equal(write(fd[1], "p", 1), 1); /* to the child */
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(write(fd[1], "q", 1), 1); /* to itself */
    assert_int_equal(read(fd[0], &byte, 1), 1);
    assert_int_equal(byte, 'c');
    assert_int_equal(read(fd[0], &byte, 1), 1);
    assert_int_equal(byte, 'q');
    close_pipe(fd);
}

static void a_zombie_keeps_its_status_until_it_is_waited_for(void **state)
{
    int status;
    siginfo_t info;
    pid_t pid;

    (void)state;
    pid = fork_in_test();
    if (pid == 0)
        _exit(42);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(state_of(pid), 'Z');
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 42);
    assert_int_equal(state_of(pid), 'X');
}

/* The child uses some CPU time; nobody has asked for it while it lived. */
static void a_zombie_keeps_its_cpu_time_too(void **state)
{
    struct rusage used;
    siginfo_t info;
    pid_t pid;

    (void)state;
    pid = fork_in_test();
    if (pid == 0) {
        while (cpu_time_of(getpid()) < 20000000)
            ;
        _exit(0);
    }
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(state_of(pid), 'Z');
    assert_int_equal(wait4(pid, NULL, 0, &used), pid);
    assert_true(used.ru_utime.tv_sec * 1000000 + used.ru_utime.tv_usec + used.ru_stime.tv_sec * 1000000 +
                    used.ru_stime.tv_usec > 0);
    assert_true(used.ru_maxrss > 0);
}

static void no_status_is_kept_when_SIGCHLD_is_ignored(void **state)
{
    int error;
    pid_t pid, ended;

    (void)state;
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    pid = fork_in_test();
    if (pid == 0)
        _exit(42);
    ended = waitpid(pid, NULL, 0); /* waits for the end all the same */
    error = errno;
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    assert_int_equal(ended, -1);
    assert_int_equal(error, ECHILD);
    assert_int_equal(state_of(pid), 'X');
}

static void a_shell_adds_128_to_the_number_of_the_signal(void **state)
{
    FILE *shell = popen("{ sh -c 'kill -9 $$'; } 2>/dev/null; echo $?", "r");
    char status[16] = "";

    (void)state;
    assert_non_null(shell);
    assert_non_null(fgets(status, sizeof status, shell));
    pclose(shell);
    assert_string_equal(status, "137\n");
    assert_int_equal(SIGKILL, 9);
}

/* What a shell's command prints, stderr too. */
static void output_of(const char *command, char *text, size_t size)
{
    FILE *shell = popen(command, "r");
    size_t n;

    assert_non_null(shell);
    n = fread(text, 1, size - 1, shell);
    text[n] = '\0';
    pclose(shell);
}

static void what_ignores_sigpipe_hands_that_on_to_what_it_starts(void **state)
{
    char text[512];

    (void)state;
    output_of("{ yes | head -n 1; } 2>&1", text, sizeof text);
    assert_string_equal(text, "y\n");
    output_of("{ trap '' PIPE; yes | head -n 1; } 2>&1", text, sizeof text);
    assert_non_null(strstr(text, "Broken pipe"));
}

/* A FIFO has a name, so that a writer can come after the last one has gone. */
static void the_end_of_a_fifo_is_not_the_last_word(void **state)
{
    char folder[] = "/tmp/test_pipe_facts.XXXXXX", fifo[64], byte = 0;
    int in, out;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(fifo, sizeof fifo, "%s/fifo", folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    in = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    out = open(fifo, O_WRONLY | O_CLOEXEC);
    close(out);
    assert_int_equal(read(in, &byte, 1), 0);
    out = open(fifo, O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(out, "x", 1), 1);
    assert_int_equal(read(in, &byte, 1), 1);
    assert_int_equal(byte, 'x');
    close(in);
    close(out);
    unlink(fifo);
    rmdir(folder);
}

/* One position for both; a descriptor opened anew has its own. */
static void a_file_position_belongs_to_the_open_file_description(void **state)
{
    char name[] = "/tmp/test_pipe_facts.XXXXXX", byte;
    int fd = mkstemp(name), anew, status;
    pid_t pid;

    (void)state;
    assert_true(fd != -1);
    assert_int_equal(write(fd, "abc", 3), 3);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    anew = open(name, O_RDONLY | O_CLOEXEC);
    pid = fork_in_test();
    if (pid == 0)
        _exit(read(fd, &byte, 1) == 1 ? 0 : 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(read(fd, &byte, 1), 1);
    assert_int_equal(byte, 'b');
    assert_int_equal(read(anew, &byte, 1), 1);
    assert_int_equal(byte, 'a');
    close(fd);
    close(anew);
    unlink(name);
}

/* The reader of a writer that is stopped waits as for a slow one: the write end is open. */
static void a_stopped_writer_is_no_end_of_file(void **state)
{
    int fd[2], status;
    pid_t writer, reader;
    char byte;

    (void)state;
    make_pipe(fd, 0);
    writer = fork_in_test();
    if (writer == 0) {
        close(fd[0]);
        for (;;)
            pause();
    }
    close(fd[1]);
    kill(writer, SIGSTOP);
    while (state_of(writer) != 'T')
        ;
    reader = fork_in_test();
    if (reader == 0)
        _exit(read(fd[0], &byte, 1) == 0 ? 0 : 1);
    await_asleep(reader, SYS_read);
    kill(writer, SIGKILL); /* this is the end, even of one that is stopped */
    assert_int_equal(waitpid(reader, &status, 0), reader);
    assert_int_equal(status, 0);
    assert_int_equal(waitpid(writer, &status, 0), writer);
    close(fd[0]);
}

static int goodbye_fd;

static void say_goodbye(void)
{
    if (write(goodbye_fd, "goodbye\n", 8) != 8)
        _exit(1);
}

/* A parent that has registered a goodbye and printed a line that is still in its buffer, and a child of it that ends
 * with `leave`. The parent itself writes its line out, and says no goodbye. Puts what both have written in `text`. */
static void text_of_both(void (*leave)(int status), char *text, size_t size)
{
    int fd[2], status;
    ssize_t n;
    pid_t pid;

    make_pipe(fd, 0);
    pid = fork_in_test();
    if (pid == 0) {
        FILE *out = fdopen(fd[1], "w");
        goodbye_fd = fd[1];
        if (out == NULL || atexit(say_goodbye) != 0 || fputs("line\n", out) == EOF)
            _exit(1);
        pid = fork();
        if (pid == 0)
            leave(0);
        _exit(pid == -1 || waitpid(pid, NULL, 0) != pid || fflush(out) == EOF ? 1 : 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(fd[1]);
    n = read(fd[0], text, size - 1); /* it is all there */
    text[n < 0 ? 0 : n] = '\0';
    close(fd[0]);
}

static void a_child_that_calls_exit_does_what_was_left_to_its_parent(void **state)
{
    char text[64];

    (void)state;
    text_of_both(exit, text, sizeof text);
    assert_string_equal(text, "goodbye\nline\nline\n"); /* the child's goodbye, the child's line, the parent's */
    text_of_both(_exit, text, sizeof text);
    assert_string_equal(text, "line\n");
}

static void poll_on_the_write_end_tells_when_the_last_reader_is_gone(void **state)
{
    int fd[2];
    struct pollfd writer = {.events = 0};
    pid_t pid;

    (void)state;
    assert_int_equal(pipe(fd), 0);
    pid = fork_in_test();
    if (pid == 0) {
        close(fd[1]);
        pause();
        _exit(0);
    }
    close(fd[0]);
    writer.fd = fd[1];
    assert_int_equal(poll(&writer, 1, 0), 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(poll(&writer, 1, -1), 1);
    assert_int_equal(writer.revents, POLLERR);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(fd[1]);
}

static void a_parent_that_keeps_the_read_end_sleeps_when_the_child_is_dead(void **state)
{
    static const char bytes[PIPE_BUF];
    int status;
    pid_t pid = fork_in_test();

    (void)state;
    if (pid == 0) {
        int fd[2];
        pid_t child;
        alarm(60); /* if it does not sleep after all */
        if (pipe(fd) == -1 || (child = fork()) == -1)
            _exit(1);
        if (child == 0)
            _exit(0);
        if (waitpid(child, NULL, 0) != child)
            _exit(1);
        while (write(fd[1], bytes, sizeof bytes) == sizeof bytes)
            ; /* nobody will ever read it, and yet it is no error */
        _exit(2);
    }
    await_asleep(pid, SYS_write);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void read_is_system_call_0_and_write_1_on_x86_64(void **state)
{
    (void)state;
#ifdef __x86_64__
    assert_int_equal(SYS_read, 0);
    assert_int_equal(SYS_write, 1);
#endif
}

static void a_message_is_one_record(void **state)
{
    int fd[2];
    char text[MESSAGE_SIZE];

    (void)state;
    make_pipe(fd, 0);
    assert_int_equal(message_send(fd[1], "fool"), 0);
    assert_int_equal(message_send(fd[1], ""), 0);
    assert_int_equal(message_send(fd[1], "fifteen letters"), 0);
    close(fd[1]);
    assert_int_equal(message_recv(fd[0], text), 1);
    assert_string_equal(text, "fool");
    assert_int_equal(message_recv(fd[0], text), 1);
    assert_string_equal(text, "");
    assert_int_equal(message_recv(fd[0], text), 1);
    assert_string_equal(text, "fifteen letters");
    assert_int_equal(message_recv(fd[0], text), 0);
    close(fd[0]);
}

static void a_message_of_sixteen_letters_is_refused(void **state)
{
    int fd[2];
    char byte;

    (void)state;
    make_pipe(fd, O_NONBLOCK);
    assert_int_equal(message_send(fd[1], "sixteen letters!"), -1);
    assert_int_equal(errno, EMSGSIZE);
    assert_int_equal(read(fd[0], &byte, 1), -1); /* and nothing of it was sent */
    close_pipe(fd);
}

static void half_a_record_is_eproto(void **state)
{
    int fd[2];
    char text[MESSAGE_SIZE];

    (void)state;
    make_pipe(fd, 0);
    assert_int_equal(write(fd[1], "fool", 4), 4);
    assert_int_equal(message_recv(fd[0], text), -1);
    assert_int_equal(errno, EPROTO);
    assert_int_equal(write(fd[1], "no zero byte....", 16), 16);
    assert_int_equal(message_recv(fd[0], text), -1);
    assert_int_equal(errno, EPROTO);
    close_pipe(fd);
}

static void message_errors_are_those_of_the_call(void **state)
{
    char text[MESSAGE_SIZE];

    (void)state;
    assert_int_equal(message_send(-1, "fool"), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(message_recv(-1, text), -1);
    assert_int_equal(errno, EBADF);
}

static int reads_until_the_end(int rfd)
{
    char byte;

    return read(rfd, &byte, 1) == 0 ? 0 : 1;
}

static void child_start_leaves_one_end_to_each_side(void **state)
{
    int wfd;
    pid_t pid;

    (void)state;
    pid = child_start(reads_until_the_end, &wfd);
    assert_int_equal(fcntl(wfd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl(wfd, F_GETFL) & O_ACCMODE, O_WRONLY);
    close(wfd); /* the last write end, or the child would wait forever */
    assert_int_equal(child_end(pid, 0), 0);
}

static void child_ending_speaks_of_exits_and_signals(void **state)
{
    char text[64];
    int status;
    pid_t pid;

    (void)state;
    assert_string_equal(child_ending(7 << 8, text, sizeof text), "exited with status 7");
    pid = fork_in_test();
    if (pid == 0)
        for (;;)
            pause();
    kill(pid, SIGTERM);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_string_equal(child_ending(status, text, sizeof text), "was killed by signal 15 (Terminated)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eof_needs_every_writer_closed),
        cmocka_unit_test(what_was_written_before_the_end_is_read_first),
        cmocka_unit_test(a_read_takes_what_is_there_and_keeps_no_boundaries),
        cmocka_unit_test(a_pipe_holds_65536_bytes),
        cmocka_unit_test(a_full_pipe_puts_the_writer_to_sleep),
        cmocka_unit_test(records_up_to_pipe_buf_are_never_torn),
        cmocka_unit_test(records_above_pipe_buf_can_be_torn),
        cmocka_unit_test(writing_without_a_reader_is_epipe_when_sigpipe_is_ignored),
        cmocka_unit_test(writing_without_a_reader_kills_by_default),
        cmocka_unit_test(fork_copies_descriptors_but_not_the_pipe),
        cmocka_unit_test(a_zombie_keeps_its_status_until_it_is_waited_for),
        cmocka_unit_test(a_zombie_keeps_its_cpu_time_too),
        cmocka_unit_test(what_ignores_sigpipe_hands_that_on_to_what_it_starts),
        cmocka_unit_test(the_end_of_a_fifo_is_not_the_last_word),
        cmocka_unit_test(a_file_position_belongs_to_the_open_file_description),
        cmocka_unit_test(a_stopped_writer_is_no_end_of_file),
        cmocka_unit_test(no_status_is_kept_when_SIGCHLD_is_ignored),
        cmocka_unit_test(a_shell_adds_128_to_the_number_of_the_signal),
        cmocka_unit_test(a_child_that_calls_exit_does_what_was_left_to_its_parent),
        cmocka_unit_test(a_parent_that_keeps_the_read_end_sleeps_when_the_child_is_dead),
        cmocka_unit_test(poll_on_the_write_end_tells_when_the_last_reader_is_gone),
        cmocka_unit_test(read_is_system_call_0_and_write_1_on_x86_64),
        cmocka_unit_test(a_message_is_one_record),
        cmocka_unit_test(a_message_of_sixteen_letters_is_refused),
        cmocka_unit_test(half_a_record_is_eproto),
        cmocka_unit_test(message_errors_are_those_of_the_call),
        cmocka_unit_test(child_start_leaves_one_end_to_each_side),
        cmocka_unit_test(child_ending_speaks_of_exits_and_signals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
