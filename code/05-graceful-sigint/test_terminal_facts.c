/* What chapter 5 says about terminals, process groups and shells, asked of the kernel, of dash and of bash. */
#define _GNU_SOURCE /* forkpty, openpty */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"

static void press(int terminal, char key)
{
    assert_int_equal(write(terminal, &key, 1), 1);
}

enum { CTRL_C = 0x03, CTRL_Z = 0x1a, CTRL_BACKSLASH = 0x1c };

/* ---- who_gets_it, started by a shell on a terminal of its own */

/* Slow enough for a test that has something to do in the two and a half ticks before the report, and may not be
 * scheduled for a while. */
enum { SLOWLY = 250, AT_ONCE = 10 };

/* Starts `script` in `shell`; "$W" in it is who_gets_it. Returns when that is ready and its first line, the first of
 * all, has been read: Ctrl-C would throw away what has not. */
static void start(struct program *p, int tick_ms, const char *shell, const char *script)
{
    static const char *args[] = {"-c", NULL, NULL};

    args[1] = script;
    setenv("W", program_path(NULL, "who_gets_it"), 1);
    *p = (struct program){.name = shell, .args = args, .terminal = true, .tick_ms = tick_ms};
    program_launch(p);
    await_line(p, ", ignoring");
    await_line(p, "\r\n");
}

/* What who_gets_it finds when `script` starts it in `shell`. */
static void finds(const char *shell, const char *script, const char *expected)
{
    struct program p;

    start(&p, AT_ONCE, shell, script);
    program_finish(&p);
    if (strstr(p.out, expected) == NULL)
        fail_msg("%s -c '%s': no '%s' in: %s", shell, script, expected, p.out);
}

static void parent_and_child_got(struct program *p, const char *parent, const char *child)
{
    char expected[128];

    program_finish(p);
    snprintf(expected, sizeof expected, "parent got: %s\r\nchild got: %s\r\n", parent, child);
    if (strstr(p->out, expected) == NULL)
        fail_msg("no '%s' in: %s", expected, p->out);
}

static void ctrl_c_and_ctrl_backslash_go_to_the_whole_foreground_group(void **state)
{
    struct program p = {.name = "who_gets_it", .terminal = true, .tick_ms = SLOWLY};

    (void)state;
    skip_if_signals_are_deferred();
    program_launch(&p);
    await_line(&p, "in the foreground, ignoring nothing\r\n");
    press(p.out_fd, CTRL_C);
    press(p.out_fd, CTRL_BACKSLASH);
    parent_and_child_got(&p, "SIGINT SIGQUIT", "SIGINT SIGQUIT");
    assert_int_equal(exit_status(&p), 0);
}

static void kill_reaches_one_process(void **state)
{
    struct program p = {.name = "who_gets_it", .tick_ms = SLOWLY};

    (void)state;
    skip_if_signals_are_deferred();
    program_launch(&p);
    await_line(&p, "ignoring nothing\n");
    kill(p.pid, SIGINT);
    kill(await_child(p.pid), SIGTERM);
    program_finish(&p);
    assert_non_null(strstr(p.out, "parent got: SIGINT\nchild got: SIGTERM\n"));
}

/* On a terminal of its own the program leads a session, and so a group. */
static void kill_with_a_negative_number_reaches_the_group(void **state)
{
    struct program p = {.name = "who_gets_it", .terminal = true, .tick_ms = SLOWLY};

    (void)state;
    skip_if_signals_are_deferred();
    program_launch(&p);
    await_line(&p, "ignoring nothing\r\n");
    assert_true(p.pid > 1);
    assert_int_equal(getpgid(p.pid), p.pid);
    assert_int_equal(kill(-p.pid, SIGTERM), 0);
    parent_and_child_got(&p, "SIGTERM", "SIGTERM");
}

/* set -m is the job control that a shell at a prompt has. It reads a line when the program is ready. */
static void a_job_is_a_group_and_kill_with_its_number_is_for_all_of_it(void **state)
{
    struct program p;

    (void)state;
    skip_if_signals_are_deferred();
    start(&p, SLOWLY, "/bin/bash",
          "set -m; \"$W\" & read line; kill -HUP $!; kill -INT %1; kill -TERM -- -$!; wait");
    press(p.out_fd, '\n');
    parent_and_child_got(&p, "SIGHUP SIGINT SIGTERM", "SIGINT SIGTERM");
    assert_non_null(strstr(p.out, "in the background, ignoring nothing\r\n"));
}

static void ctrl_c_does_not_reach_a_background_job(void **state)
{
    struct program p;

    (void)state;
    start(&p, SLOWLY, "/bin/bash", "set -m; trap : INT; \"$W\" & wait; wait");
    press(p.out_fd, CTRL_C);
    parent_and_child_got(&p, "nothing", "nothing");
    assert_non_null(strstr(p.out, "in the background, ignoring nothing\r\n"));
}

static void a_command_of_a_script_is_in_the_foreground(void **state)
{
    (void)state;
    finds("/bin/dash", "\"$W\"; true", "in the foreground, ignoring nothing\r\n");
    finds("/bin/bash", "\"$W\"; true", "in the foreground, ignoring nothing\r\n");
}

static void a_background_command_of_a_script_ignores_sigint_and_sigquit(void **state)
{
    (void)state;
    finds("/bin/dash", "\"$W\" & wait", "in the foreground, ignoring SIGINT SIGQUIT\r\n");
    finds("/bin/bash", "\"$W\" & wait", "in the foreground, ignoring SIGINT SIGQUIT\r\n");
}

static void it_does_not_hear_kill_int_either(void **state)
{
    struct program p;

    (void)state;
    skip_if_signals_are_deferred();
    start(&p, SLOWLY, "/bin/dash", "\"$W\" & read line; kill -INT $!; kill -TERM $!; wait");
    press(p.out_fd, '\n');
    parent_and_child_got(&p, "SIGTERM", "nothing");
}

/* The shell of the script dies; an outer one, with a handler, keeps the terminal until all is over. */
static void ctrl_c_ends_the_script_and_not_its_background_command(void **state)
{
    struct program p;

    (void)state;
    start(&p, SLOWLY, "/bin/bash", "trap : INT; export W; "
                           "bash -c '\"$W\" & wait; echo next' | tee -i; echo status ${PIPESTATUS[0]}");
    press(p.out_fd, CTRL_C);
    parent_and_child_got(&p, "nothing", "nothing");
    assert_null(strstr(p.out, "next"));
    assert_non_null(strstr(p.out, "status 130\r\n"));
}

/* Up to 5.2, bash takes back the ignoring of SIGQUIT with that of SIGINT. */
static void bash_can_take_the_ignoring_back_and_dash_cannot(void **state)
{
    bool both = system("bash -c '((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 503))'") == 0;

    (void)state;
    finds("/bin/bash", "(trap - INT; exec \"$W\") & wait",
          both ? ", ignoring nothing\r\n" : ", ignoring SIGQUIT\r\n");
    finds("/bin/dash", "(trap - INT; exec \"$W\") & wait", ", ignoring SIGINT SIGQUIT\r\n");
}

static void with_job_control_a_script_ignores_nothing(void **state)
{
    (void)state;
    finds("/bin/dash", "set -m; \"$W\" & wait", "in the background, ignoring nothing\r\n");
    finds("/bin/bash", "set -m; \"$W\" & wait", "in the background, ignoring nothing\r\n");
}

static void nohup_ignores_sighup_only(void **state)
{
    struct program p;

    (void)state;
    skip_if_signals_are_deferred();
    start(&p, SLOWLY, "/bin/bash", "nohup \"$W\" </dev/null 2>&1 | tee -i");
    press(p.out_fd, CTRL_C);
    parent_and_child_got(&p, "SIGINT", "SIGINT");
    assert_non_null(strstr(p.out, "in the foreground, ignoring SIGHUP\r\n"));
}

static void setsid_leaves_the_terminal(void **state)
{
    struct program p;

    (void)state;
    start(&p, SLOWLY, "/bin/bash", "trap : INT; setsid -w \"$W\"; true");
    press(p.out_fd, CTRL_C);
    parent_and_child_got(&p, "nothing", "nothing");
    assert_non_null(strstr(p.out, "without a terminal, ignoring nothing\r\n"));
}

/* Ctrl-C reaches the shell alone. dash dies of it afterwards; bash, whose command has not died of it, goes on. */
static void timeout_puts_its_command_into_the_background(void **state)
{
    struct program p;

    (void)state;
    start(&p, SLOWLY, "/bin/bash", "timeout 60 \"$W\"; echo next");
    await_asleep(p.pid, SYS_wait4);
    press(p.out_fd, CTRL_C);
    parent_and_child_got(&p, "nothing", "nothing");
    assert_non_null(strstr(p.out, "in the background, ignoring nothing\r\n"));
    assert_non_null(strstr(p.out, "next"));

    start(&p, SLOWLY, "/bin/dash", "timeout 60 \"$W\"; echo next");
    press(p.out_fd, CTRL_C);
    parent_and_child_got(&p, "nothing", "nothing");
    assert_null(strstr(p.out, "next"));
    assert_int_equal(exit_status(&p), 1000 + SIGINT);
}

/* At a prompt too: a job of several is not the group that timeout makes for its command. */
static void timeout_in_a_pipeline_or_a_subshell_puts_it_into_the_background(void **state)
{
    static const char *const lines[] = {"set -m; true | timeout 60 \"$W\"; :", "set -m; (timeout 60 \"$W\"; true); :"};
    struct program p;

    (void)state;
    finds("/bin/bash", "set -m; timeout 60 \"$W\"; :", "in the foreground, ignoring nothing\r\n");
    for (int i = 0; i < 2; i++) {
        start(&p, SLOWLY, "/bin/bash", lines[i]);
        press(p.out_fd, CTRL_C);
        parent_and_child_got(&p, "nothing", "nothing");
        assert_non_null(strstr(p.out, "in the background, ignoring nothing\r\n"));
    }
}

static void timeout_hands_on_the_signal_that_it_gets(void **state)
{
    struct program p;

    (void)state;
    skip_if_signals_are_deferred();
    start(&p, SLOWLY, "/bin/bash", "exec timeout 60 \"$W\"");
    kill(p.pid, SIGINT); /* and nobody else */
    parent_and_child_got(&p, "SIGINT", "SIGINT");
}

static void timeout_foreground_leaves_it_where_it_is(void **state)
{
    struct program p;

    (void)state;
    skip_if_signals_are_deferred();
    start(&p, SLOWLY, "/bin/bash", "timeout --foreground 60 \"$W\"; true");
    press(p.out_fd, CTRL_C);
    parent_and_child_got(&p, "SIGINT", "SIGINT");
    assert_non_null(strstr(p.out, "in the foreground, ignoring nothing\r\n"));
}

static void python_in_the_background_of_a_script_has_no_keyboard_interrupt(void **state)
{
    static const char *const args[] = {
        "-c", "python3 -c 'import signal; print(signal.getsignal(signal.SIGINT) == signal.SIG_IGN)' & wait", NULL};
    struct program p = {.name = "/bin/sh", .args = args};

    (void)state;
    if (system("python3 -c '' 2>/dev/null") != 0)
        skip();
    program_run(&p);
    assert_string_equal(p.out, "True\n");
}

/* ---- what the terminal sends: handlers in a child, which writes each signal's number into a pipe */

static int rang[2];

static void ring(int sig)
{
    int saved = errno;
    char byte = (char)sig;

    if (write(rang[1], &byte, 1) != 1)
        _exit(99);
    errno = saved;
}

static void set(int sig, void (*handler)(int), int flags)
{
    struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};

    sigemptyset(&sa.sa_mask);
    if (sigaction(sig, &sa, NULL) == -1)
        _exit(98);
}

static int next_ring(void)
{
    char byte;

    return read(rang[0], &byte, 1) == 1 ? byte : -1;
}

static void pause_forever(void)
{
    for (;;)
        pause();
}

/* A child on a new terminal that does `body`. It is alive for as long as the write end of `rang` is open. */
static pid_t on_terminal(int *terminal, void (*body)(void))
{
    pid_t pid;

    assert_int_equal(pipe(rang), 0);
    fflush(NULL);
    pid = forkpty(terminal, NULL, NULL, NULL);
    assert_int_not_equal(pid, -1);
    if (pid == 0) {
        alarm(60);
        body();
        _exit(0);
    }
    close(rang[1]);
    assert_int_equal(next_ring(), 0); /* ready */
    return pid;
}

static void ready(void)
{
    ring(0);
}

static int status_of(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void end(pid_t pid, int terminal)
{
    assert_true(pid > 1);
    kill(pid, SIGKILL);
    assert_int_equal(status_of(pid), 1000 + SIGKILL);
    if (terminal != -1)
        close(terminal);
    close(rang[0]);
}

static void hear_all(void)
{
    static const int signals[] = {SIGINT, SIGQUIT, SIGTSTP, SIGWINCH, SIGHUP, SIGCONT};

    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        set(signals[i], ring, 0);
    ready();
    pause_forever();
}

static void three_keys_and_a_resize_send_signals(void **state)
{
    struct winsize size = {.ws_row = 10, .ws_col = 20};
    int terminal;
    pid_t pid = on_terminal(&terminal, hear_all);

    (void)state;
    press(terminal, CTRL_C);
    assert_int_equal(next_ring(), SIGINT);
    press(terminal, CTRL_BACKSLASH);
    assert_int_equal(next_ring(), SIGQUIT);
    press(terminal, CTRL_Z);
    assert_int_equal(next_ring(), SIGTSTP);
    assert_int_equal(ioctl(terminal, TIOCSWINSZ, &size), 0);
    assert_int_equal(next_ring(), SIGWINCH);
    end(pid, terminal);
}

static void a_hang_up_sends_sighup_and_sigcont(void **state)
{
    int terminal, first, second;
    pid_t pid = on_terminal(&terminal, hear_all);

    (void)state;
    close(terminal);
    first = next_ring();
    second = next_ring();
    assert_true(first == SIGHUP || second == SIGHUP);
    assert_true(first == SIGCONT || second == SIGCONT);
    end(pid, -1);
}

/* For the child of the session's leader, in its group: 100 more, to be told from the leader, and the end. */
static void ring_higher_and_exit(int sig)
{
    ring(100 + sig);
    _exit(0);
}

/* The leader has SIGHUP blocked until SIGUSR1 tells it to die of it. */
static void lead_a_child(void)
{
    sigset_t hup_only, before;
    pid_t pid;

    sigemptyset(&hup_only);
    sigaddset(&hup_only, SIGHUP);
    sigprocmask(SIG_BLOCK, &hup_only, &before);
    set(SIGUSR1, ring, 0);
    pid = fork();
    if (pid == -1)
        _exit(97);
    if (pid == 0) {
        alarm(60);
        set(SIGHUP, ring_higher_and_exit, 0);
        sigprocmask(SIG_SETMASK, &before, NULL);
        ready();
        pause_forever();
    }
    sigsuspend(&hup_only);
    sigprocmask(SIG_SETMASK, &before, NULL);
    pause_forever();
}

/* The first to know is the session's leader, which is the shell; its foreground group hears of it when it ends. */
static void a_hang_up_reaches_the_foreground_group_through_the_shell(void **state)
{
    int terminal;
    pid_t leader = on_terminal(&terminal, lead_a_child);

    (void)state;
    await_asleep(leader, SYS_rt_sigsuspend);
    close(terminal);
    kill(leader, SIGUSR1);
    assert_int_equal(next_ring(), SIGUSR1); /* and not 100 + SIGHUP: the child has heard nothing yet */
    assert_int_equal(status_of(leader), 1000 + SIGHUP);
    assert_int_equal(next_ring(), 100 + SIGHUP);
    assert_int_equal(next_ring(), -1); /* all have ended */
    close(rang[0]);
}

/* A handler that is told more: who sent the signal. */
static void ring_sender(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)context;
    ring(info->si_code == SI_KERNEL ? 'k' : info->si_code == SI_USER && info->si_pid == getppid() ? 'u' : '?');
}

static void hear_senders(void)
{
    struct sigaction sa = {.sa_sigaction = ring_sender, .sa_flags = SA_SIGINFO};

    sigemptyset(&sa.sa_mask);
    sigaction(SIGINT, &sa, NULL);
    ready();
    pause_forever();
}

static void a_handler_can_tell_ctrl_c_from_kill(void **state)
{
    int terminal;
    pid_t pid = on_terminal(&terminal, hear_senders);

    (void)state;
    press(terminal, CTRL_C);
    assert_int_equal(next_ring(), 'k');
    kill(pid, SIGINT);
    assert_int_equal(next_ring(), 'u');
    end(pid, terminal);
}

static void read_a_byte(void)
{
    char byte;

    _exit(read(STDIN_FILENO, &byte, 1) == 1 ? 2 : 3);
}

static void set_tostop(void)
{
    struct termios t;

    if (tcgetattr(STDIN_FILENO, &t) == -1)
        _exit(97);
    t.c_lflag |= TOSTOP;
    tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

static void write_and_set_tostop(void)
{
    if (write(STDOUT_FILENO, "x", 1) == 1)
        set_tostop();
}

static void write_a_byte(void)
{
    _exit(write(STDOUT_FILENO, "x", 1) == 1 ? 2 : 3);
}

/* Runs `body` in a background group, and rings with the signal that stops it. */
static void ring_what_stops(void (*body)(void))
{
    pid_t pid = fork();
    int status;

    if (pid == -1)
        _exit(97);
    if (pid == 0) {
        setpgid(0, 0);
        body();
        _exit(4);
    }
    if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
        _exit(96);
    ring(WSTOPSIG(status));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void stop_three_times(void)
{
    ready();
    ring_what_stops(read_a_byte);
    ring_what_stops(write_and_set_tostop); /* it comes to the second */
    set_tostop();
    ring_what_stops(write_a_byte);
}

static void who_reads_or_changes_the_terminal_in_the_background_is_stopped(void **state)
{
    int terminal;
    pid_t pid = on_terminal(&terminal, stop_three_times);

    (void)state;
    assert_int_equal(next_ring(), SIGTTIN);
    assert_int_equal(next_ring(), SIGTTOU);
    assert_int_equal(next_ring(), SIGTTOU);
    assert_int_equal(status_of(pid), 0);
    close(terminal);
    close(rang[0]);
}

static void hear_once(void)
{
    set(SIGINT, ring, (int)SA_RESETHAND);
    ready();
    pause_forever();
}

static void with_sa_resethand_the_second_ctrl_c_kills(void **state)
{
    int terminal;
    pid_t pid = on_terminal(&terminal, hear_once);

    (void)state;
    press(terminal, CTRL_C);
    assert_int_equal(next_ring(), SIGINT);
    press(terminal, CTRL_C);
    assert_int_equal(status_of(pid), 1000 + SIGINT);
    assert_int_equal(next_ring(), -1);
    close(terminal);
    close(rang[0]);
}

/* Rings with each byte of the line that it reads, and then 0. SIGINT would ring with 2, and Ctrl-C is byte 3. */
static void spell_a_line(void)
{
    char line[16];
    ssize_t n;

    set(SIGINT, ring, SA_RESTART);
    ready();
    n = read(STDIN_FILENO, line, sizeof line);
    for (ssize_t i = 0; i < n; i++)
        ring(line[i]);
    ring(0);
}

static void spell_a_line_without_isig(void)
{
    struct termios t;

    tcgetattr(STDIN_FILENO, &t);
    t.c_lflag &= ~(tcflag_t)ISIG;
    tcsetattr(STDIN_FILENO, TCSANOW, &t);
    spell_a_line();
}

static void without_isig_ctrl_c_is_a_byte(void **state)
{
    int terminal;
    pid_t pid = on_terminal(&terminal, spell_a_line_without_isig);

    (void)state;
    press(terminal, CTRL_C);
    press(terminal, '\n');
    assert_int_equal(next_ring(), CTRL_C);
    assert_int_equal(next_ring(), '\n');
    assert_int_equal(next_ring(), 0);
    assert_int_equal(status_of(pid), 0);
    close(terminal);
    close(rang[0]);
}

static void spell_a_line_with_noflsh(void)
{
    struct termios t;

    tcgetattr(STDIN_FILENO, &t);
    t.c_lflag |= NOFLSH;
    tcsetattr(STDIN_FILENO, TCSANOW, &t);
    spell_a_line();
}

static void ctrl_c_throws_away_what_was_typed_ahead(void **state)
{
    int terminal;
    pid_t pid;

    (void)state;
    for (int noflsh = 0; noflsh < 2; noflsh++) {
        pid = on_terminal(&terminal, noflsh ? spell_a_line_with_noflsh : spell_a_line);
        press(terminal, 'a');
        press(terminal, CTRL_C);
        assert_int_equal(next_ring(), SIGINT);
        press(terminal, 'b');
        press(terminal, '\n');
        if (noflsh)
            assert_int_equal(next_ring(), 'a');
        assert_int_equal(next_ring(), 'b');
        assert_int_equal(next_ring(), '\n');
        assert_int_equal(next_ring(), 0);
        assert_int_equal(status_of(pid), 0);
        close(terminal);
        close(rang[0]);
    }
}

/* A terminal that is nobody's controlling terminal has no foreground group: openpty(3) without login_tty(3). */
static void a_terminal_that_controls_nobody_sends_nothing(void **state)
{
    int terminal, slave;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe(rang), 0);
    assert_int_equal(openpty(&terminal, &slave, NULL, NULL, NULL), 0);
    pid = fork_in_test();
    if (pid == 0) {
        alarm(60);
        setsid();
        dup2(slave, STDIN_FILENO);
        spell_a_line();
        _exit(0);
    }
    close(rang[1]);
    assert_int_equal(next_ring(), 0);
    press(terminal, CTRL_C);
    press(terminal, 'x');
    press(terminal, '\n');
    assert_int_equal(next_ring(), 'x'); /* neither SIGINT nor the byte */
    assert_int_equal(next_ring(), '\n');
    assert_int_equal(next_ring(), 0);
    assert_int_equal(status_of(pid), 0);
    close(terminal);
    close(slave);
    close(rang[0]);
}

/* ---- what a child inherits */

static volatile sig_atomic_t handled;

static void count(int sig)
{
    (void)sig;
    handled++;
}

static void a_handler_installed_before_fork_is_the_childs_as_well_with_a_flag_of_its_own(void **state)
{
    pid_t pid;

    (void)state;
    handled = 0;
    set(SIGINT, count, 0);
    pid = fork_in_test();
    if (pid == 0) {
        raise(SIGINT);
        raise(SIGINT);
        _exit(handled);
    }
    assert_int_equal(status_of(pid), 2);
    assert_int_equal(handled, 0);
    raise(SIGINT);
    assert_int_equal(handled, 1);
    set(SIGINT, SIG_DFL, 0);
}

/* A shell sends itself SIGINT, which was caught, ignored or blocked before exec. 7: it has survived. */
static int after_exec(void (*disposition)(int), bool blocked)
{
    pid_t pid = fork_in_test();
    sigset_t mask;

    if (pid == 0) {
        set(SIGINT, disposition, 0);
        sigemptyset(&mask);
        if (blocked)
            sigaddset(&mask, SIGINT);
        sigprocmask(SIG_SETMASK, &mask, NULL);
        execl("/bin/bash", "bash", "-c", "kill -INT $$; exit 7", (char *)NULL);
        _exit(127);
    }
    return status_of(pid);
}

static void exec_resets_a_handler_and_keeps_ignored_and_blocked(void **state)
{
    (void)state;
    assert_int_equal(after_exec(count, false), 1000 + SIGINT);
    assert_int_equal(after_exec(SIG_IGN, false), 7);
    assert_int_equal(after_exec(SIG_DFL, true), 7);
}

int main(void)
{
    static const int asking[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ctrl_c_and_ctrl_backslash_go_to_the_whole_foreground_group),
        cmocka_unit_test(kill_reaches_one_process),
        cmocka_unit_test(kill_with_a_negative_number_reaches_the_group),
        cmocka_unit_test(a_job_is_a_group_and_kill_with_its_number_is_for_all_of_it),
        cmocka_unit_test(ctrl_c_does_not_reach_a_background_job),
        cmocka_unit_test(a_command_of_a_script_is_in_the_foreground),
        cmocka_unit_test(a_background_command_of_a_script_ignores_sigint_and_sigquit),
        cmocka_unit_test(it_does_not_hear_kill_int_either),
        cmocka_unit_test(ctrl_c_ends_the_script_and_not_its_background_command),
        cmocka_unit_test(bash_can_take_the_ignoring_back_and_dash_cannot),
        cmocka_unit_test(with_job_control_a_script_ignores_nothing),
        cmocka_unit_test(nohup_ignores_sighup_only),
        cmocka_unit_test(setsid_leaves_the_terminal),
        cmocka_unit_test(timeout_puts_its_command_into_the_background),
        cmocka_unit_test(timeout_in_a_pipeline_or_a_subshell_puts_it_into_the_background),
        cmocka_unit_test(timeout_hands_on_the_signal_that_it_gets),
        cmocka_unit_test(timeout_foreground_leaves_it_where_it_is),
        cmocka_unit_test(python_in_the_background_of_a_script_has_no_keyboard_interrupt),
        cmocka_unit_test(three_keys_and_a_resize_send_signals),
        cmocka_unit_test(a_hang_up_sends_sighup_and_sigcont),
        cmocka_unit_test(a_hang_up_reaches_the_foreground_group_through_the_shell),
        cmocka_unit_test(a_handler_can_tell_ctrl_c_from_kill),
        cmocka_unit_test(who_reads_or_changes_the_terminal_in_the_background_is_stopped),
        cmocka_unit_test(with_sa_resethand_the_second_ctrl_c_kills),
        cmocka_unit_test(without_isig_ctrl_c_is_a_byte),
        cmocka_unit_test(ctrl_c_throws_away_what_was_typed_ahead),
        cmocka_unit_test(a_terminal_that_controls_nobody_sends_nothing),
        cmocka_unit_test(a_handler_installed_before_fork_is_the_childs_as_well_with_a_flag_of_its_own),
        cmocka_unit_test(exec_resets_a_handler_and_keeps_ignored_and_blocked),
    };

    /* whatever started us may have ignored some of them, and nobody below would then hear of them */
    for (size_t i = 0; i < sizeof asking / sizeof asking[0]; i++)
        set(asking[i], SIG_DFL, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
