/* The wrong programs of chapter 4 about locks, and how they fail. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "../b-testing-signals/testkit.h"

/* The thread of a process that is not its main one. */
static pid_t other_thread(pid_t pid)
{
    char path[64];
    struct dirent *e;
    pid_t tid = -1;
    DIR *dir;

    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    dir = opendir(path);
    assert_non_null(dir);
    while ((e = readdir(dir)) != NULL)
        if (atoi(e->d_name) > 0 && atoi(e->d_name) != pid)
            tid = atoi(e->d_name);
    closedir(dir);
    assert_true(tid > 0);
    return tid;
}

static void a_lock_that_is_held_during_fork_stays_locked_in_the_child(void **state)
{
    struct program p = {.name = "fork_locked", .tick_ms = 400, .merged = true};

    (void)state;
    program_run(&p);
    assert_string_equal(p.out, "thread: locked\n"
                               "child: 1 thread\n"
                               "child: the lock is taken\n"
                               "thread: unlocked\n"
                               "fork_locked: the child was killed by signal 14 (Alarm clock)\n");
    assert_int_equal(exit_status(&p), 1);
}

/* One thread, asleep in a futex wait: nobody is there to release that lock. */
static void the_child_waits_for_it_with_nobody_to_unlock_it(void **state)
{
    struct program p = {.name = "fork_locked", .tick_ms = 30000};
    pid_t child;

    (void)state;
    program_launch(&p);
    await_line(&p, "child: the lock is taken\n");
    child = await_child(p.pid);
    await_asleep(child, SYS_futex);
    kill(p.pid, SIGKILL);
    program_finish(&p);
    assert_string_equal(p.out, "thread: locked\nchild: 1 thread\nchild: the lock is taken\n");
}

static void a_callback_that_needs_mains_lock_waits_until_main_returns_from_waitpid(void **state)
{
    struct program p = {.name = "locked_callback", .tick_ms = 100};

    (void)state;
    program_run(&p);
    assert_string_equal(p.out, "timer: awake at its time\n"
                               "child: done\n"
                               "main: the child has ended\n"
                               "timer: tick\n");
    assert_string_equal(p.err, "");
    assert_int_equal(exit_status(&p), 0);
}

/* What the author of the post saw: the timer is alive, and does not run; it sleeps, and not in its own sleep. */
static void the_timer_is_alive_and_asleep_in_the_lock(void **state)
{
    struct program p = {.name = "locked_callback", .tick_ms = 1000};

    (void)state;
    program_launch(&p);
    await_line(&p, "timer: awake at its time\n");
    await_asleep(p.pid, SYS_wait4);
    await_asleep(other_thread(p.pid), SYS_futex);
    assert_null(strstr(p.out, "timer: tick"));
    kill(await_child(p.pid), SIGKILL); /* a child that ends earlier brings the tick earlier */
    program_finish(&p);
    assert_string_equal(p.out, "timer: awake at its time\nmain: the child has ended\ntimer: tick\n");
    assert_string_equal(p.err, "locked_callback: the child was killed by signal 9 (Killed)\n");
    assert_int_equal(exit_status(&p), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lock_that_is_held_during_fork_stays_locked_in_the_child),
        cmocka_unit_test(the_child_waits_for_it_with_nobody_to_unlock_it),
        cmocka_unit_test(a_callback_that_needs_mains_lock_waits_until_main_returns_from_waitpid),
        cmocka_unit_test(the_timer_is_alive_and_asleep_in_the_lock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
