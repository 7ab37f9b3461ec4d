/* The wrong programs of chapter 3 fail, and fail as the chapter says; and the
 * library in front of chapter 2's program mends that. Built with gcc -O2 and
 * without sanitizers. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../b-testing-signals/testkit.h"

/* An alarm that rings late, on a slow machine, can ring twice. */
static void without_repeated_alarms(char *text)
{
    char *twice;

    while ((twice = strstr(text, "alarm(14)\nalarm(14)\n")) != NULL)
        memmove(twice, twice + 10, strlen(twice + 10) + 1);
}

static void a_message_sent_again_from_the_top_is_damaged(void **state)
{
    struct program p = {.name = "resent_whole", .tick_ms = 20};

    (void)state;
    program_run(&p);
    without_repeated_alarms(p.out);
    assert_string_equal(p.out, "alarm(14)\n"
                               "write returned 65536 of 100004: once more\n"
                               "sub process recv: 100000 bytes, good up to byte 65532\n"
                               "sub process: the next message has 1633771873 bytes: Message too long\n");
    assert_int_equal(exit_status(&p), 1);
}

static void a_receive_begun_anew_takes_the_text_for_a_length(void **state)
{
    struct program p = {.name = "restarted_recv", .tick_ms = 50};

    (void)state;
    program_run(&p);
    without_repeated_alarms(p.out);
    assert_string_equal(p.out, "sub process: a message of 4 bytes\n"
                               "alarm(14)\n"
                               "sub process: a message of 1718579052 bytes\n"); /* "fool" */
    assert_int_equal(exit_status(&p), 1);
}

static void a_read_put_in_front_mends_chapter_2(void **state)
{
    char preload[4200] = "LD_PRELOAD=";
    const char *wrapper[] = {"env", preload, NULL};
    struct program p = {.name = "broken_by_sigalrm", .folder = "02-broken-by-sigalrm", .tick_ms = 20, .wrapper = wrapper};

    (void)state;
    strcat(preload, program_path(NULL, "retry_preload.so"));
    program_run(&p);
    assert_true(count_of("alarm(14)\n", p.out) > 0);
    assert_non_null(strstr(p.out, "sub process recv: fool\n"));
    assert_non_null(strstr(p.out, "sub process recv: END\n"));
    assert_int_equal(exit_status(&p), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_sent_again_from_the_top_is_damaged),
        cmocka_unit_test(a_receive_begun_anew_takes_the_text_for_a_length),
        cmocka_unit_test(a_read_put_in_front_mends_chapter_2),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
