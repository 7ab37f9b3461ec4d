/* The wrong programs of chapter 3 fail, and fail as the chapter says; and the
 * library in front of chapter 2's program mends that. Built with gcc -O2 and
 * without sanitizers. The last two tests count what the chapter says how many
 * there are of: they read files beside this one, and run in the repository's
 * root. */
#include <signal.h>
#include <stdio.h>
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
    char *out = p.out;

    (void)state;
    program_run(&p);
    without_repeated_alarms(p.out);
    if (strncmp(out, "alarm(14)\n", 10) == 0) /* a slow machine: it rang before the length was sent, too */
        out += 10;
    assert_string_equal(out, "sub process: a message of 4 bytes\n"
                               "alarm(14)\n"
                               "sub process: a message of 1718579052 bytes\n"); /* "fool" */
    assert_int_equal(exit_status(&p), 1);
}

static void a_read_put_in_front_mends_chapter_2(void **state)
{
    char folder[4200];
    const char *wrapper[] = {"env", "-C", folder, "LD_PRELOAD=./retry_preload.so", NULL}; /* the path may have blanks */
    struct program p = {
        .name = "broken_by_sigalrm", .folder = "02-broken-by-sigalrm", .tick_ms = 20, .wrapper = wrapper};

    (void)state;
    strcpy(folder, program_path(NULL, ""));
    program_run(&p);
    assert_true(count_of("alarm(14)\n", p.out) > 0);
    assert_non_null(strstr(p.out, "sub process recv: fool\n"));
    assert_non_null(strstr(p.out, "sub process recv: END\n"));
    assert_int_equal(exit_status(&p), 0);
}

/* Is this the name of a function that a program calls, built with these options? */
static bool calls(const char *function, const char *options)
{
    static const char source[] =
        "#include <unistd.h>\n"
        "int main(int n, char **v) { char b[16]; (void)v; return (int)read(0, b, (size_t)n); }\n";
    char command[256], line[4096], file[] = "/tmp/test_wrong_wrapper.XXXXXX";
    bool found = false;
    int fd = mkstemp(file);
    FILE *f;

    assert_int_equal(write(fd, source, sizeof source - 1), sizeof source - 1);
    close(fd);
    snprintf(command, sizeof command, "gcc -w -O2 -U_FORTIFY_SOURCE %s -x c -S -o - %s", options, file);
    f = popen(command, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL)
        found = found || strstr(line, function) != NULL;
    assert_int_equal(pclose(f), 0);
    unlink(file);
    return found;
}

static void with_FORTIFY_SOURCE_a_read_is_read_chk(void **state)
{
    (void)state;
    assert_false(calls("__read_chk", ""));
    assert_true(calls("__read_chk", "-D_FORTIFY_SOURCE=2"));
}

/* How many lines of a file of this folder have `what` in them. */
static int lines_with(const char *what, const char *file)
{
    char path[4096], line[4096];
    int n = 0;
    FILE *f;

    snprintf(path, sizeof path, "%s", __FILE__);
    snprintf(strrchr(path, '/') + 1, 64, "%s", file);
    f = fopen(path, "r");
    if (f == NULL)
        fail_msg("no %s from here: run this test in the repository's root", path);
    while (fgets(line, sizeof line, f) != NULL)
        n += line[0] != '#' && strstr(line, what) != NULL;
    fclose(f);
    return n;
}

/* That each does what its line says, `make mutants` finds out: it needs minutes. */
static void there_are_208_mutants_and_9_of_them_cannot_be_told_from_the_library(void **state)
{
    (void)state;
    assert_int_equal(lines_with(" | ", "mutants.list"), 208);
    assert_int_equal(lines_with(" | equivalent: ", "mutants.list"), 9);
}

static void the_assignment_has_30_public_tests(void **state)
{
    (void)state;
    assert_int_equal(lines_with(" ENTRY(", "../../grade/03-eintr-safe-wrapper/test_frame.c"), 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_sent_again_from_the_top_is_damaged),
        cmocka_unit_test(a_receive_begun_anew_takes_the_text_for_a_length),
        cmocka_unit_test(a_read_put_in_front_mends_chapter_2),
        cmocka_unit_test(with_FORTIFY_SOURCE_a_read_is_read_chk),
        cmocka_unit_test(there_are_208_mutants_and_9_of_them_cannot_be_told_from_the_library),
        cmocka_unit_test(the_assignment_has_30_public_tests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
