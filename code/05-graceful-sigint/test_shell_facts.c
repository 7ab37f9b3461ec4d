/* What chapter 5 says about shells, asked of bash and dash, and of zsh, fish, mksh, ksh93 and yash where they are
 * installed. */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"

enum { AT_ONCE = 10 }; /* the ticks of who_gets_it, in ms */

/* Is it installed? If not, the test says so. */
static bool have(const char *shell)
{
    char command[64];

    snprintf(command, sizeof command, "command -v %s >/dev/null", shell);
    if (system(command) == 0)
        return true;
    print_message("not run, for want of %s\n", shell);
    return false;
}

/* `shell -c script`, found on PATH. "$W" in it is who_gets_it. */
static struct program in(const char *shell, const char *script)
{
    static const char *args[4] = {NULL, "-c"};

    args[0] = shell;
    args[2] = script;
    setenv("W", program_path(NULL, "who_gets_it"), 1);
    return (struct program){.name = "/usr/bin/env", .args = args, .tick_ms = AT_ONCE};
}

/* A shell on a terminal of its own, to be typed at. */
static struct program at_a_prompt(const char *shell)
{
    static const char *args[5] = {"ENV="};

    args[1] = shell;
    args[2] = "-i";
    args[3] = NULL;
    if (strcmp(shell, "bash") == 0)
        args[2] = "--norc", args[3] = "-i";
    return (struct program){.name = "/usr/bin/env", .args = args, .terminal = true};
}

static void type(const struct program *p, const char *keys)
{
    assert_int_equal(write(p->out_fd, keys, strlen(keys)), strlen(keys));
}

static void await_anew(struct program *p, const char *text)
{
    p->out[0] = '\0';
    p->out_size = 0;
    await_line(p, text);
}

/* ---- */

/* What they were born with; what they ignore themselves, for a command with &, is in test_terminal_facts. */
static void most_shells_cannot_undo_an_ignored_sigint_and_zsh_and_fish_can(void **state)
{
    static const struct {
        const char *shell, *script;
        bool undone;
    } cases[] = {{"bash", "trap - INT; \"$W\"; :", false}, {"dash", "trap - INT; \"$W\"; :", false},
                 {"mksh", "trap - INT; \"$W\"; :", false}, {"ksh93", "trap - INT; \"$W\"; :", false},
                 {"yash", "trap - INT; \"$W\"; :", false}, {"zsh", "trap - INT; \"$W\"; :", true},
                 {"fish", "$W; :", true}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct program p = in(cases[i].shell, cases[i].script);
        if (!have(cases[i].shell))
            continue;
        p.ignored_signal = SIGINT;
        program_run(&p);
        if (strstr(p.out, cases[i].undone ? "ignoring nothing\n" : "ignoring SIGINT\n") == NULL)
            fail_msg("%s: %s%s", cases[i].shell, p.out, p.err);
    }
}

/* /proc has the mask that the program was started with. */
static void dash_starts_its_programs_with_an_empty_mask_and_bash_does_not(void **state)
{
    static const struct {
        const char *shell;
        bool emptied;
    } cases[] = {{"bash", false}, {"zsh", false}, {"yash", false}, {"dash", true}, {"mksh", true}, {"ksh93", true}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct program p = in(cases[i].shell, "grep SigBlk: /proc/self/status; :");
        if (!have(cases[i].shell))
            continue;
        p.block_signals = true;
        program_run(&p);
        if ((strcmp(p.out, "SigBlk:\t0000000000000000\n") == 0) != cases[i].emptied || count_lines(p.out) != 1)
            fail_msg("%s: %s%s", cases[i].shell, p.out, p.err);
    }
}

/* The process that was started is the command, or a shell that waits for it: whoever kills it kills that. */
static void most_shells_become_the_last_command_of_c_and_dash_and_fish_wait_for_it(void **state)
{
    static const struct {
        const char *shell;
        bool waits;
    } cases[] = {{"bash", false}, {"zsh", false}, {"mksh", false}, {"ksh93", false},
                 {"yash", false}, {"dash", true}, {"fish", true}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct program p = in(cases[i].shell, "/bin/sleep 1000");
        pid_t sleeper;
        if (!have(cases[i].shell))
            continue;
        program_launch(&p);
        sleeper = cases[i].waits ? await_child(p.pid) : p.pid;
        await_asleep(sleeper, SYS_clock_nanosleep);
        kill(p.pid, SIGKILL);
        if (cases[i].waits) {
            await_asleep(sleeper, SYS_clock_nanosleep); /* nobody has told it */
            kill(sleeper, SIGKILL);
        }
        program_finish(&p);
        assert_int_equal(exit_status(&p), 1000 + SIGKILL);
    }
}

/* The loop is the shell's own, and its program is a job with a group of its own: the shell gets no SIGINT. */
static void a_loop_that_was_typed_goes_on_after_exit_130_in_every_shell(void **state)
{
    static const char *const shells[] = {"bash", "dash", "zsh", "mksh", "ksh93", "yash"};
    char line[4200];

    (void)state;
    snprintf(line, sizeof line, "for i in 1 2 3; do \"%s\"; done; echo EN''D; exit\n", program_path(NULL, "exit_130"));
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        struct program p = at_a_prompt(shells[i]);
        if (!have(shells[i]))
            continue;
        program_launch(&p);
        type(&p, line);
        for (int round = 1; round <= 3; round++) {
            await_anew(&p, "READY");
            type(&p, "\x03");
        }
        await_anew(&p, "END");
        program_finish(&p);
    }
}

/* 128 + 2 is what most say. */
static void a_command_killed_by_sigint_is_130_but_258_in_ksh93_and_386_in_yash(void **state)
{
    static const struct {
        const char *shell, *status;
    } cases[] = {{"bash", "130\n"}, {"dash", "130\n"},  {"zsh", "130\n"},
                 {"mksh", "130\n"}, {"ksh93", "258\n"}, {"yash", "386\n"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct program p = in(cases[i].shell, "dash -c 'kill -INT $$'; echo $?");
        if (!have(cases[i].shell))
            continue;
        program_run(&p);
        if (strcmp(p.out, cases[i].status) != 0)
            fail_msg("%s: %s%s", cases[i].shell, p.out, p.err);
    }
}

/* The job has stopped itself, and the shell has seen it. `kill` is the shell's own. */
static void bash_continues_a_stopped_job_that_it_kills_and_dash_does_not(void **state)
{
    static const struct {
        const char *shell;
        bool continues;
    } cases[] = {{"bash", true}, {"mksh", true}, {"dash", false}, {"yash", false}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct program p = at_a_prompt(cases[i].shell);
        pid_t job;
        if (!have(cases[i].shell))
            continue;
        program_launch(&p);
        type(&p, "dash -c 'kill -STOP $$; exec sleep 1000'; echo STO''PPED\n");
        await_anew(&p, "STOPPED");
        job = await_child(p.pid);
        type(&p, "kill %1; echo KIL''LED\n");
        await_anew(&p, "KILLED");
        while (cases[i].continues && state_of(job) == 'T')
            sched_yield();
        if (!cases[i].continues) {
            assert_int_equal(state_of(job), 'T');
            kill(job, SIGKILL);
        }
        type(&p, "exit\nexit\n");
        program_finish(&p);
    }
}

/* The terminal is closed while the job runs in the background, where the kernel sends nothing. */
static void bash_hands_a_hang_up_on_to_a_background_job_and_dash_does_not(void **state)
{
    static const struct {
        const char *shell;
        bool hands_on;
    } cases[] = {{"bash", true}, {"zsh", true}, {"dash", false}, {"mksh", false}, {"ksh93", false}, {"yash", false}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct program p = at_a_prompt(cases[i].shell);
        pid_t sleeper;
        if (!have(cases[i].shell))
            continue;
        program_launch(&p);
        type(&p, "/bin/sleep 1000 & echo 'P'ID $! 'o'k\n");
        await_line(&p, " ok\r\n");
        await_line(&p, "PID ");
        sleeper = (pid_t)atoi(strstr(p.out, "PID ") + 4);
        await_asleep(sleeper, SYS_clock_nanosleep);
        close(p.out_fd);
        p.out_fd = -1;
        if (!cases[i].hands_on) {
            while (state_of(p.pid) != 'Z')
                ;
            await_asleep(sleeper, SYS_clock_nanosleep);
            kill(sleeper, SIGKILL);
        }
        program_finish(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(most_shells_cannot_undo_an_ignored_sigint_and_zsh_and_fish_can),
        cmocka_unit_test(dash_starts_its_programs_with_an_empty_mask_and_bash_does_not),
        cmocka_unit_test(most_shells_become_the_last_command_of_c_and_dash_and_fish_wait_for_it),
        cmocka_unit_test(a_loop_that_was_typed_goes_on_after_exit_130_in_every_shell),
        cmocka_unit_test(a_command_killed_by_sigint_is_130_but_258_in_ksh93_and_386_in_yash),
        cmocka_unit_test(bash_continues_a_stopped_job_that_it_kills_and_dash_does_not),
        cmocka_unit_test(bash_hands_a_hang_up_on_to_a_background_job_and_dash_does_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
