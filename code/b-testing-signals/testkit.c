/* testkit.c - see testkit.h. Linux only: /proc, PR_SET_CHILD_SUBREAPER. */
#define _GNU_SOURCE /* pipe2, forkpty, wait4 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../01-blocking-pipe/tick.h"
#include "testkit.h"

enum { DEADLINE_MS = 60000 };

/* Whatever started the tests, they start as from a shell, and so do the programs that they start. Orphans become our
 * children, so that they can be seen and reaped. */
__attribute__((constructor)) static void start_tests(void)
{
    sigset_t none;

    sigemptyset(&none);
    ordinary_start(&none);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) == -1)
        err(1, "prctl");
}

static long long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

const char *program_path(const char *folder, const char *name)
{
    static char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, 3000);

    if (n == -1)
        fail_msg("readlink /proc/self/exe: %s", strerror(errno));
    path[n] = '\0';
    *strrchr(path, '/') = '\0';
    if (folder != NULL) {
        *strrchr(path, '/') = '\0';
        strcat(strcat(path, "/"), folder);
    }
    return strcat(strcat(path, "/"), name);
}

/* ---- the child's side of program_launch: only exec, or _exit with a reason on stderr */

static void set_environment(const struct program *p)
{
    char ms[16];

    unsetenv("TICK_MS");
    if (p->tick_ms != 0) {
        snprintf(ms, sizeof ms, "%d", p->tick_ms);
        setenv("TICK_MS", ms, 1);
    }
    if (p->tick_text != NULL)
        setenv("TICK_MS", p->tick_text, 1);
}

static void set_signals(const struct program *p)
{
    sigset_t set;

    sigemptyset(&set);
    ordinary_start(&set);
    if (p->ignored_signal != 0)
        sigaction(p->ignored_signal, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    if (!p->block_signals)
        return;
    for (int sig = 1; sig <= SIGRTMAX; sig++)
        if (sig != SIGINT) /* program_start would leave it so, and tests send it */
            sigaction(sig, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    sigfillset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
}

static void set_stdout(const struct program *p)
{
    int fd[2];

    if (p->stdout_path != NULL)
        dup2(open(p->stdout_path, O_WRONLY), STDOUT_FILENO);
    if (p->stdout_closed_pipe && pipe(fd) == 0) {
        dup2(fd[1], STDOUT_FILENO);
        close(fd[0]);
        close(fd[1]);
    }
}

/* All but `keep`, which is how the test knows that somebody of the family is alive. */
static void close_descriptors(const struct program *p, int keep)
{
    for (int fd = 3; fd < 256; fd++)
        if (fd != keep)
            close(fd);
    for (int fd = 0; fd < p->close_below; fd++)
        close(fd);
}

/* TESTKIT_RUNNER is a command, such as valgrind with options, to run every program with (make check-sanitizers). A
 * wrapper traces the program, and so takes its place; nor can LeakSanitizer work beside it. */
static int put_runner(const struct program *p, const char **argv)
{
    char *runner = getenv("TESTKIT_RUNNER");
    int n = 0;

    if (p->wrapper != NULL) {
        setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
        return 0;
    }
    for (char *word = runner == NULL ? NULL : strtok(runner, " "); word != NULL; word = strtok(NULL, " "))
        argv[n++] = word;
    return n;
}

static void exec_program(const struct program *p, int keep)
{
    const char *argv[32];
    int n = put_runner(p, argv);

    for (int i = 0; p->wrapper != NULL && p->wrapper[i] != NULL; i++)
        argv[n++] = p->wrapper[i];
    argv[n++] = strchr(p->name, '/') != NULL ? p->name : program_path(p->folder, p->name);
    for (int i = 0; p->args != NULL && p->args[i] != NULL; i++)
        argv[n++] = p->args[i];
    argv[n] = NULL;
    set_environment(p);
    set_stdout(p);
    set_signals(p);
    close_descriptors(p, keep);
    execvp(argv[0], (char *const *)argv);
    perror(argv[0]);
    _exit(127);
}

/* ---- the test's side */

static void launch_on_terminal(struct program *p, int alive)
{
    p->pid = forkpty(&p->out_fd, NULL, NULL, NULL);
    if (p->pid == 0)
        exec_program(p, alive);
    p->err_fd = -1;
}

static void launch_on_pipes(struct program *p, int alive)
{
    int out[2], err[2];

    if (pipe2(out, O_CLOEXEC) == -1 || pipe2(err, O_CLOEXEC) == -1)
        fail_msg("pipe: %s", strerror(errno));
    p->pid = fork();
    if (p->pid == 0) {
        dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        dup2(p->merged ? out[1] : err[1], STDERR_FILENO);
        exec_program(p, alive);
    }
    close(out[1]);
    close(err[1]);
    p->out_fd = out[0];
    p->err_fd = err[0];
}

void program_launch(struct program *p)
{
    int alive[2];

    fflush(NULL);
    if (pipe2(alive, O_CLOEXEC) == -1)
        fail_msg("pipe: %s", strerror(errno));
    fcntl(alive[1], F_SETFD, 0);
    if (p->terminal)
        launch_on_terminal(p, alive[1]);
    else
        launch_on_pipes(p, alive[1]);
    close(alive[1]);
    p->alive_fd = alive[0];
    p->out_size = p->err_size = 0;
    if (p->pid == -1)
        fail_msg("fork: %s", strerror(errno));
}

/* Not only those of this thread: an orphan becomes the child of any. */
static void kill_children(void)
{
    glob_t files;
    int pid;

    if (glob("/proc/self/task/*/children", 0, NULL, &files) != 0)
        return;
    for (size_t i = 0; i < files.gl_pathc; i++) {
        FILE *children = fopen(files.gl_pathv[i], "r");
        while (children != NULL && fscanf(children, "%d", &pid) == 1)
            kill(pid, SIGKILL);
        if (children != NULL)
            fclose(children);
    }
    globfree(&files);
}

/* What is killed leaves us its children, whatever their session, and the kernel's list may miss one that comes or goes
 * meanwhile: so again and again, until there is none. (wait4, since a test may have put its own waitpid in place.) */
int kill_family(void **state)
{
    pid_t pid;

    (void)state;
    do {
        kill_children();
        pid = wait4(-1, NULL, WNOHANG, NULL);
        if (pid == 0)
            sched_yield();
    } while (pid != -1 || errno == EINTR);
    return 0;
}

/* Reads what has come on one descriptor; closes it at its end. */
static void take(int *fd, char *text, size_t *size)
{
    ssize_t n = read(*fd, text + *size, TESTKIT_TEXT - 1 - *size);

    if (n > 0)
        *size += (size_t)n;
    if (n == 0 || (n == -1 && errno != EINTR)) { /* a terminal whose last user has left says EIO */
        close(*fd);
        *fd = -1;
    }
    text[*size] = '\0';
}

/* Waits for something to happen to the program. Returns false once no process of it is alive and all is read. */
static bool watch(struct program *p, long long deadline)
{
    struct pollfd fds[3] = {{p->out_fd, POLLIN, 0}, {p->err_fd, POLLIN, 0}, {p->alive_fd, POLLIN, 0}};
    long long left = deadline - now_ms();

    if (p->out_fd == -1 && p->err_fd == -1 && p->alive_fd == -1)
        return false;
    if (poll(fds, 3, left > 0 ? (int)left : 0) == 0)
        fail_msg("%s: still running after %d ms; it printed: %s%s", p->name, DEADLINE_MS, p->out, p->err);
    if (fds[0].revents != 0)
        take(&p->out_fd, p->out, &p->out_size);
    if (fds[1].revents != 0)
        take(&p->err_fd, p->err, &p->err_size);
    if (fds[2].revents != 0) { /* nobody writes to it: this is the end of the last process that held it */
        close(p->alive_fd);
        p->alive_fd = -1;
    }
    return true;
}

void await_line(struct program *p, const char *text)
{
    long long deadline = now_ms() + DEADLINE_MS;

    while (strstr(p->out, text) == NULL)
        if (!watch(p, deadline))
            fail_msg("%s ended and never printed '%s' but: %s%s", p->name, text, p->out, p->err);
}

void program_finish(struct program *p)
{
    long long deadline = now_ms() + DEADLINE_MS;

    while (watch(p, deadline))
        ;
    if (waitpid(p->pid, &p->status, 0) != p->pid)
        fail_msg("waitpid: %s", strerror(errno));
    while (waitpid(-1, NULL, 0) > 0) /* orphans of it, which have ended too */
        ;
}

void program_run(struct program *p)
{
    program_launch(p);
    program_finish(p);
}

int exit_status(const struct program *p)
{
    return WIFEXITED(p->status) ? WEXITSTATUS(p->status) : 1000 + WTERMSIG(p->status);
}

int count_of(const char *what, const char *text)
{
    int n = 0;

    for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what))
        n++;
    return n;
}

int count_lines(const char *text)
{
    return count_of("\n", text);
}

pid_t fork_in_test(void)
{
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == -1)
        fail_msg("fork: %s", strerror(errno));
    return pid;
}

void skip_if_signals_are_deferred(void)
{
    if (getenv("TESTKIT_DEFERS_SIGNALS") != NULL)
        skip();
}

/* ---- what /proc says */

static void read_proc(pid_t pid, const char *file, char *text, size_t size)
{
    char path[64];
    FILE *f;

    text[0] = '\0';
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    f = fopen(path, "r");
    if (f == NULL)
        return;
    if (fgets(text, (int)size, f) == NULL)
        text[0] = '\0';
    fclose(f);
}

char state_of(pid_t pid)
{
    char stat[512], *name_end;

    read_proc(pid, "stat", stat, sizeof stat);
    name_end = strrchr(stat, ')');
    return name_end == NULL ? 'X' : name_end[2];
}

long long cpu_time_of(pid_t pid)
{
    clockid_t clock;
    struct timespec t;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) == -1)
        fail_msg("no CPU clock of process %d", (int)pid);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

pid_t await_child(pid_t parent)
{
    long long deadline = now_ms() + DEADLINE_MS;
    char file[64], children[512];

    snprintf(file, sizeof file, "task/%d/children", (int)parent);
    do {
        read_proc(parent, file, children, sizeof children);
        if (children[0] != '\0')
            return atoi(children);
        sched_yield();
    } while (now_ms() < deadline && state_of(parent) != 'Z' && state_of(parent) != 'X');
    fail_msg("process %d has no child", (int)parent);
    return -1;
}

void await_asleep(pid_t pid, long number)
{
    long long deadline = now_ms() + DEADLINE_MS;
    char call[256], *end;

    do {
        read_proc(pid, "syscall", call, sizeof call); /* "running", or the number of the call it sleeps in */
        if (strtol(call, &end, 10) == number && end != call && state_of(pid) == 'S')
            return;
        sched_yield();
    } while (now_ms() < deadline && state_of(pid) != 'Z' && state_of(pid) != 'X');
    fail_msg("process %d does not sleep in system call %ld: state %c, %s", (int)pid, number, state_of(pid), call);
}
