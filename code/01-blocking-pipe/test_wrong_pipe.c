/* The wrong programs of chapter 1 fail, and fail as the chapter says. Built with gcc -O2 and without sanitizers. */
#define _GNU_SOURCE /* asprintf */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"

/* Reads what a link in /proc points to; "" if it cannot. */
static void read_link(pid_t pid, const char *fd, char *text, size_t size)
{
    char path[512];
    ssize_t n;

    snprintf(path, sizeof path, "/proc/%d/fd/%s", (int)pid, fd);
    n = readlink(path, text, size - 1);
    text[n < 0 ? 0 : n] = '\0';
}

static bool is_open_for_writing(pid_t pid, const char *fd)
{
    char path[512], line[128];
    unsigned flags = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/fdinfo/%s", (int)pid, fd);
    f = fopen(path, "r");
    if (f == NULL)
        return false;
    while (fgets(line, sizeof line, f) != NULL)
        sscanf(line, "flags: %o", &flags);
    fclose(f);
    return (flags & 3) != 0;
}

/* How many write ends of the pipe called `pipe` ("pipe:[123]") a process has open. */
static int write_ends(pid_t pid, const char *pipe)
{
    char path[64], link[64];
    struct dirent *e;
    DIR *dir;
    int n = 0;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    dir = opendir(path);
    assert_non_null(dir);
    while ((e = readdir(dir)) != NULL) {
        read_link(pid, e->d_name, link, sizeof link);
        if (strcmp(link, pipe) == 0 && is_open_for_writing(pid, e->d_name))
            n++;
    }
    closedir(dir);
    return n;
}

/* The pipe that a process asleep in read(2) reads from: "pipe:[123]". */
static void pipe_read_by(pid_t pid, char *pipe, size_t size)
{
    char path[64], call[128], fd[16];
    FILE *f;

    await_asleep(pid, SYS_read);
    snprintf(path, sizeof path, "/proc/%d/syscall", (int)pid);
    f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(call, sizeof call, f));
    fclose(f);
    snprintf(fd, sizeof fd, "%ld", strtol(strchr(call, ' '), NULL, 16));
    read_link(pid, fd, pipe, size);
}

/* It waits in read for the end of a pipe whose last write end is its own: no time limit is needed to know that this
 * never ends. */
static void open_end_waits_for_its_own_end_of_file(void **state)
{
    struct program p = {.name = "open_end", .tick_ms = 20, .terminal = true};
    char pipe[64];
    pid_t child;

    (void)state;
    program_launch(&p);
    await_line(&p, "sub process recv: fool");
    child = await_child(p.pid);
    await_asleep(p.pid, SYS_wait4); /* the parent has closed its end */
    pipe_read_by(child, pipe, sizeof pipe);
    assert_int_equal(write_ends(child, pipe), 1);
    assert_int_equal(write_ends(p.pid, pipe), 0);
    assert_int_equal(write(p.out_fd, "\x03", 1), 1);
    program_finish(&p);
    assert_int_equal(exit_status(&p), 1000 + SIGINT);
    assert_null(strstr(p.out, "end of file"));
}

static void two_as_one_reads_two_messages_as_one(void **state)
{
    struct program p = {.name = "two_as_one", .tick_ms = 20, .merged = true};

    (void)state;
    program_run(&p);
    assert_string_equal(p.out, "recv: foolEND\ntwo_as_one: end of file before END\n");
    assert_int_equal(exit_status(&p), 1);
}

/* The post's program in Python 3, up to the first recv; with a `True`, each process closes the end it does not use. */
static const char *const python[] = {
    "python3", "-I", "-c",
    "import multiprocessing, sys, time\n"
    "def child(r, w, closes):\n"
    "    if closes: w.close()\n"
    "    try: r.recv()\n"
    "    except EOFError: print('the parent is gone', flush=True)\n"
    "r, w = multiprocessing.Pipe(False)\n"
    "closes = sys.argv[2] == 'True'\n"
    "multiprocessing.get_context('fork').Process(target=child, args=(r, w, closes)).start()\n"
    "if closes: r.close()\n"
    "print('ready', flush=True)\n"
    "time.sleep(3600)\n",
    NULL};

static void in_python_a_child_that_keeps_its_write_end_outlives_its_parent(void **state)
{
    static const char *const closes[] = {"False", "True"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        const char *args[] = {closes[i], NULL};
        struct program p = {.name = "open_end", .wrapper = python, .args = args}; /* argv[1], not run */
        char pipe[64];
        pid_t child;
        program_launch(&p);
        await_line(&p, "ready\n");
        child = await_child(p.pid);
        pipe_read_by(child, pipe, sizeof pipe);
        assert_int_equal(write_ends(child, pipe), i == 0);
        kill(p.pid, SIGKILL);
        while (state_of(p.pid) != 'Z')
            ;
        if (i == 0) {
            await_asleep(child, SYS_read); /* there is a write end, its own, and so no end of file */
            kill(child, SIGKILL);
        }
        program_finish(&p);
        assert_string_equal(p.out, i == 0 ? "ready\n" : "ready\nthe parent is gone\n");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_end_waits_for_its_own_end_of_file),
        cmocka_unit_test(two_as_one_reads_two_messages_as_one),
        cmocka_unit_test(in_python_a_child_that_keeps_its_write_end_outlives_its_parent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
