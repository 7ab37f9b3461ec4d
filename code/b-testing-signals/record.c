/* record - types a session into a shell on a terminal of its own, and writes down what the terminal shows, and when.
 *
 * usage: record [-r] [-b BUILD] FILE.transcript
 *
 * FILE is code/FOLDER/NAME.transcript; the shell runs in BUILD/code/FOLDER (BUILD is build unless -b says otherwise).
 * The file is script and recording in one:
 *
 *     # text             a comment
 *     $ command          typed when the shell shows its prompt
 *     @3 $ command       typed at tick 3 of the session (and not before the prompt)
 *     @"text" $ command  typed when a line with this text has appeared since the last thing typed
 *     @3 <Ctrl-C>        a key, at a tick or after a text; also <Ctrl-D>, <Ctrl-Z>, <Ctrl-\>
 *     [5.5] text         what the terminal showed, and at which tick (to the nearest half)
 *
 * A key below a line that the terminal showed also waits until it has shown something since the last thing typed: on a
 * slow machine the program may not have begun at its tick.
 *
 * record keeps the first five and writes the last anew. Ticks count from the first command on and last 1000 ms.
 * Process ids of what the shell started become <parent>, of its children <child>.
 *
 * With -r nothing is written: the session runs at ticks of TICK_MS (default 40) and must show the same lines in the
 * same order, none of them earlier than recorded. (`# TICK_MS=100` in the file: at ticks of 100 ms, for a session that
 * would not bear shorter ones.) A row of equal lines matches one or more of them: timer signals merge when a machine
 * is slow. What versions of bash and strace print differently is no difference: see hide_versions. Exit status: 0, 1
 * if the session differs or cannot be run, 2 for usage.
 *
 * Two more comments have a meaning. `# NUMBERS=vary`: a measurement; -r takes any number for any other, but wants the
 * same words around them. `# NEEDS=python2.7`: a session for machines that have this command; on others it is neither
 * run nor recorded.
 *
 * Linux only: /proc, forkpty. */
#define _GNU_SOURCE /* forkpty, asprintf */
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../01-blocking-pipe/tick.h"

enum { LINES = 400, TEXT = 512, RECORD_TICK_MS = 1000, REPLAY_TICK_MS = 40, PATIENCE_TICKS = 200, PATIENCE_MS = 30000 };
enum { PROMPT = 0x1e }; /* the shell's prompt begins with this byte, which no program prints */

struct line {
    enum { COMMENT, TYPED, SHOWN } kind;
    char text[TEXT];  /* the line as it stands in the file; SHOWN: without its tick */
    double tick;      /* SHOWN: when; TYPED: not before this one */
    char after[TEXT]; /* TYPED: not before this has been shown, if not empty */
    char keys[TEXT];  /* TYPED: the bytes to type */
    bool command;     /* TYPED: needs the prompt */
    bool after_output; /* TYPED: something was shown right before it */
};

struct lines {
    int count;
    struct line at[LINES];
};

static const char *file_name;
static int replay_ms = REPLAY_TICK_MS;
static bool numbers_vary;
static char needs[64]; /* a command, or empty */
static struct lines script, session;

static struct line *append(struct lines *lines, int kind, const char *text)
{
    struct line *line = &lines->at[lines->count];

    if (lines->count == LINES)
        errx(1, "%s: more than %d lines", file_name, LINES);
    lines->count++;
    memset(line, 0, sizeof *line);
    line->kind = (unsigned)kind;
    snprintf(line->text, sizeof line->text, "%s", text);
    return line;
}

/* ------------------------------------------------------------------------------------- reading a transcript */

static void bad_line(int number, const char *text)
{
    errx(1, "%s:%d: '%s': expected '# text', '$ command', '@TICK ...', '@\"text\" ...' or '[TICK] text'", file_name,
         number, text);
}

static const char *key_named(const char *name)
{
    static const char *const keys[][2] = {
        {"<Ctrl-C>", "\x03"}, {"<Ctrl-D>", "\x04"}, {"<Ctrl-Z>", "\x1a"}, {"<Ctrl-\\>", "\x1c"}};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(keys[i][0], name) == 0)
            return keys[i][1];
    return NULL;
}

/* `what` is "$ command" or "<Ctrl-C>". */
static bool parse_keys(struct line *line, const char *what)
{
    const char *key = key_named(what);

    line->command = strncmp(what, "$ ", 2) == 0;
    if (line->command)
        snprintf(line->keys, sizeof line->keys, "%s\n", what + 2);
    else if (key != NULL)
        snprintf(line->keys, sizeof line->keys, "%s", key);
    return line->command || key != NULL;
}

/* `text` is "@3 <Ctrl-C>" or "@\"READY\" <Ctrl-C>", with a command or a key. */
static bool parse_directive(struct line *line, const char *text)
{
    const char *what;
    char *end;

    if (text[1] == '"') {
        what = strstr(text + 2, "\" ");
        if (what == NULL)
            return false;
        snprintf(line->after, sizeof line->after, "%.*s", (int)(what - text - 2), text + 2);
        return parse_keys(line, what + 2);
    }
    line->tick = strtod(text + 1, &end);
    return end != text + 1 && *end == ' ' && parse_keys(line, end + 1);
}

static void parse_line(int number, const char *text)
{
    char *end;

    if (text[0] == '#') {
        append(&script, COMMENT, text);
        sscanf(text, "# TICK_MS=%d", &replay_ms);
        sscanf(text, "# NEEDS=%63s", needs);
        numbers_vary = numbers_vary || strcmp(text, "# NUMBERS=vary") == 0;
    } else if (text[0] == '$') {
        if (!parse_keys(append(&script, TYPED, text), text))
            bad_line(number, text);
    } else if (text[0] == '@') {
        const struct line *above = script.count > 0 ? &script.at[script.count - 1] : NULL;
        struct line *line = append(&script, TYPED, text);
        if (!parse_directive(line, text))
            bad_line(number, text);
        line->after_output = !line->command && above != NULL && above->kind == SHOWN;
    } else if (text[0] == '[') {
        double tick = strtod(text + 1, &end);
        if (end == text + 1 || end[0] != ']' || end[1] != ' ')
            bad_line(number, text);
        append(&script, SHOWN, end + 2)->tick = tick;
    } else
        bad_line(number, text);
}

static void read_script(void)
{
    char text[TEXT];
    FILE *f = fopen(file_name, "r");

    if (f == NULL)
        err(1, "%s", file_name);
    for (int number = 1; fgets(text, sizeof text, f) != NULL; number++) {
        text[strcspn(text, "\n")] = '\0';
        parse_line(number, text);
    }
    fclose(f);
}

/* ------------------------------------------------------------------------------------- the shell and its clock */

static int ms_per_tick;
static pid_t shell;
static int terminal;
static bool at_prompt, typed_anything;
static char partial[TEXT]; /* the line the terminal is showing, so far */
static char echo[TEXT];    /* what the terminal will echo of what was typed */
static struct timespec session_start;
static int last_typed; /* index in `session` */

static double now_in_ticks(void)
{
    struct timespec now;

    if (!typed_anything)
        return 0;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return ((double)(now.tv_sec - session_start.tv_sec) * 1e3 + (double)(now.tv_nsec - session_start.tv_nsec) / 1e6) /
           ms_per_tick;
}

/* code/FOLDER/NAME.transcript -> BUILD/code/FOLDER */
static void enter_folder(const char *build)
{
    char *folder = strdup(file_name), *path, *slash = folder == NULL ? NULL : strrchr(folder, '/');

    if (slash == NULL)
        errx(1, "%s: expected a file in code/FOLDER/", file_name);
    *slash = '\0';
    if (asprintf(&path, "%s/%s", build, folder) == -1)
        err(1, "asprintf");
    if (chdir(path) == -1)
        err(1, "%s", path);
    free(path);
    free(folder);
}

static void start_shell(const char *build)
{
    char ms[16], prompt[] = {PROMPT, '$', ' ', '\0'};
    struct winsize size = {.ws_row = 24, .ws_col = 100};

    shell = forkpty(&terminal, NULL, NULL, &size);
    if (shell == -1)
        err(1, "forkpty");
    if (shell != 0)
        return;
    enter_folder(build);
    snprintf(ms, sizeof ms, "%d", ms_per_tick);
    setenv("TICK_MS", ms, 1);
    setenv("PS1", prompt, 1);
    setenv("TERM", "dumb", 1);
    setenv("LC_ALL", "C", 1);
    unsetenv("HISTFILE");
    unsetenv("PROMPT_COMMAND");
    unsetenv("MAKEFLAGS");
    execlp("bash", "bash", "--norc", "--noprofile", "--noediting", "-i", (char *)NULL);
    err(127, "bash");
}

/* ------------------------------------------------------------------------------------- process ids become roles */

static pid_t parent_of(pid_t pid)
{
    char path[64], stat[TEXT] = "", *name_end;
    int ppid = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    f = fopen(path, "r");
    if (f == NULL)
        return 0;
    if (fgets(stat, sizeof stat, f) != NULL && (name_end = strrchr(stat, ')')) != NULL)
        sscanf(name_end, ") %*c %d", &ppid);
    fclose(f);
    return ppid;
}

/* The name for a process id, or NULL if it is none, or of a process that the shell did not start. What was once seen
 * is remembered, since a line may tell of a process that has ended. */
static const char *role_of(pid_t pid)
{
    static struct { pid_t pid; const char *role; } seen[16];
    static size_t count;
    pid_t parent;
    const char *role;

    for (size_t i = 0; i < count; i++)
        if (seen[i].pid == pid)
            return seen[i].role;
    parent = pid > 1 ? parent_of(pid) : 0;
    role = parent == 0 ? NULL : parent == shell ? "<parent>" : parent_of(parent) == shell ? "<child>" : NULL;
    if (role != NULL && count < sizeof seen / sizeof seen[0]) {
        seen[count].pid = pid;
        seen[count++].role = role;
    }
    return role;
}

static void copy_with_roles(char *to, const char *from)
{
    size_t n = 0;

    while (*from != '\0' && n < TEXT - 16) {
        char *end = (char *)from + 1;
        const char *role = NULL;
        if (isdigit((unsigned char)*from))
            role = role_of((pid_t)strtol(from, &end, 10));
        if (role != NULL)
            n += (size_t)sprintf(to + n, "%s", role);
        else
            while (from < end && n < TEXT - 16)
                to[n++] = *from++;
        from = end;
    }
    to[n] = '\0';
}

/* ------------------------------------------------------------------------------------- what the terminal shows */

static void line_shown(void)
{
    char text[TEXT];

    if (echo[0] != '\0' && strcmp(partial, echo) == 0)
        echo[0] = '\0'; /* not shown by a program: typed */
    else if (typed_anything) {
        copy_with_roles(text, partial);
        append(&session, SHOWN, text)->tick = now_in_ticks();
    }
    partial[0] = '\0';
}

static void take_byte(char byte)
{
    size_t n = strlen(partial);

    if (byte == PROMPT) {
        if (n > 0)
            line_shown();
        at_prompt = true;
    } else if (byte == '\n')
        line_shown();
    else if (byte != '\r' && n < sizeof partial - 1) {
        partial[n] = byte;
        partial[n + 1] = '\0';
        if (at_prompt && strcmp(partial, "$ ") == 0)
            partial[0] = '\0';
    }
}

/* Waits up to `ms` for the terminal to show something. Returns false once it has closed. */
static bool watch_terminal(int ms)
{
    struct pollfd fd = {.fd = terminal, .events = POLLIN};
    char bytes[4096];
    ssize_t n;

    if (poll(&fd, 1, ms) <= 0)
        return true;
    n = read(terminal, bytes, sizeof bytes);
    for (ssize_t i = 0; i < n; i++)
        take_byte(bytes[i]);
    return n > 0;
}

/* ------------------------------------------------------------------------------------- typing */

/* Since the last thing typed; no text needs no showing. */
static bool was_shown(const char *text)
{
    if (text[0] == '\0')
        return true;
    for (int i = last_typed; i < session.count; i++)
        if (session.at[i].kind == SHOWN && strstr(session.at[i].text, text) != NULL)
            return true;
    return false;
}

/* A key that comes at a tick is meant for a program that has begun: on a slow machine, it may not have by then. */
static bool was_shown_anything(void)
{
    for (int i = last_typed; i < session.count; i++)
        if (session.at[i].kind == SHOWN)
            return true;
    return false;
}

static bool is_time_for(const struct line *line)
{
    return (at_prompt || !line->command) && now_in_ticks() >= line->tick && was_shown(line->after) &&
           (!line->after_output || was_shown_anything());
}

static void type(const struct line *line)
{
    if (!typed_anything) {
        typed_anything = true;
        clock_gettime(CLOCK_MONOTONIC, &session_start);
    }
    if (line->command) {
        at_prompt = false;
        snprintf(echo, sizeof echo, "%.*s", (int)strlen(line->keys) - 1, line->keys);
    }
    last_typed = session.count;
    append(&session, TYPED, line->text);
    if (write(terminal, line->keys, strlen(line->keys)) == -1)
        err(1, "%s: write to the terminal", file_name);
}

static void wait_to_type(const struct line *line)
{
    struct timespec start, now;

    clock_gettime(CLOCK_MONOTONIC, &start);
    while (!is_time_for(line)) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (!watch_terminal(1) || (now.tv_sec - start.tv_sec) * 1000 > PATIENCE_MS + PATIENCE_TICKS * ms_per_tick) {
            kill(shell, SIGHUP);
            errx(1, "%s: could not type '%s': %s", file_name, line->text,
                 line->command && !at_prompt ? "the shell showed no prompt" : "what it waits for was not shown");
        }
    }
}

/* The shell leaves, and with it all that it started; what does not keeps the terminal open. */
static void await_hang_up(void)
{
    struct timespec start, now;

    clock_gettime(CLOCK_MONOTONIC, &start);
    while (watch_terminal(1000)) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        if ((now.tv_sec - start.tv_sec) * 1000 > PATIENCE_MS)
            errx(1, "%s: the shell has left, but a program that it started has not", file_name);
    }
}

static void run_session(const char *build)
{
    static const struct line leave = {.kind = TYPED, .text = "$ exit", .keys = "exit\n", .command = true};
    int shown;

    start_shell(build);
    for (int i = 0; i < script.count; i++)
        if (script.at[i].kind == TYPED) {
            wait_to_type(&script.at[i]);
            type(&script.at[i]);
        }
    wait_to_type(&leave);
    shown = session.count;
    type(&leave);
    await_hang_up();
    session.count = shown; /* without the way out */
    waitpid(shell, NULL, 0);
}

/* ------------------------------------------------------------------------------------- the results */

static double to_half(double tick)
{
    return (double)(long)(tick * 2 + 0.5) / 2;
}

static void print_line(FILE *f, const char *mark, const struct line *line)
{
    if (line->kind == SHOWN)
        fprintf(f, "%s[%g] %s\n", mark, to_half(line->tick), line->text);
    else
        fprintf(f, "%s%s\n", mark, line->text);
}

/* Comments stay where they are: before the same typed line as they were. */
static void write_transcript(void)
{
    char *temporary;
    FILE *f;
    int next = 0;

    if (asprintf(&temporary, "%s.new", file_name) == -1 || (f = fopen(temporary, "w")) == NULL)
        err(1, "%s.new", file_name);
    for (int i = 0; i < script.count; i++) {
        if (script.at[i].kind == COMMENT)
            print_line(f, "", &script.at[i]);
        if (script.at[i].kind != TYPED)
            continue;
        print_line(f, "", &session.at[next++]);
        while (next < session.count && session.at[next].kind == SHOWN)
            print_line(f, "", &session.at[next++]);
    }
    if (fclose(f) == EOF || rename(temporary, file_name) == -1)
        err(1, "%s", file_name);
    free(temporary);
}

/* Makes each row of blanks one blank. */
static void squeeze_blanks(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; from++)
        if (*from != ' ' || to == text || to[-1] != ' ')
            *to++ = *from;
    *to = '\0';
}

/* Makes each number one '#'; columns of other numbers are then the same text. */
static void hide_numbers(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0';) {
        size_t digits = isdigit((unsigned char)*from) ? strspn(from, "0123456789.,") : 0;
        *to++ = digits > 0 ? '#' : *from;
        from += digits > 0 ? digits : 1;
    }
    *to = '\0';
    squeeze_blanks(text);
}

/* `with` is not longer than `what`. */
static void replace(char *text, const char *what, const char *with)
{
    char *at = strstr(text, what);

    if (at == NULL)
        return;
    memcpy(at, with, strlen(with));
    memmove(at + strlen(with), at + strlen(what), strlen(at + strlen(what)) + 1);
}

/* bash from 5.3 on names the command, too, that a signal has ended in the foreground: leaves the signal alone. */
static void hide_ended_command(char *text)
{
    char *gap = strstr(text, "  ");

    for (int sig = 1; gap != NULL && sig < SIGRTMIN; sig++)
        if (strncmp(text, strsignal(sig), strlen(strsignal(sig))) == 0)
            *gap = '\0';
}

/* Versions of bash set job lines ("[1]+  Done      ...") apart by other numbers of blanks, and those of strace differ
 * in which half of an interrupted line has the comma. */
static void hide_versions(char *text)
{
    if (text[0] == '[' && isdigit((unsigned char)text[1]))
        squeeze_blanks(text);
    hide_ended_command(text);
    replace(text, ", <unfinished", " <unfinished");
    replace(text, " resumed>, ", " resumed>");
}

/* Leaves out comments, and of a row of equal lines all but the first. */
static void condense(struct lines *lines)
{
    int n = 0;

    for (int i = 0; i < lines->count; i++) {
        struct line *line = &lines->at[i];
        if (line->kind == COMMENT)
            continue;
        if (line->kind == SHOWN)
            hide_versions(line->text);
        if (line->kind == SHOWN && numbers_vary)
            hide_numbers(line->text);
        if (line->kind == SHOWN && n > 0 && lines->at[n - 1].kind == SHOWN &&
            strcmp(lines->at[n - 1].text, line->text) == 0)
            continue;
        lines->at[n++] = *line;
    }
    lines->count = n;
}

/* The same line, and not earlier (a recorded tick may have been rounded up by a quarter). */
static bool matches(const struct line *recorded, const struct line *replayed)
{
    return recorded->kind == replayed->kind && strcmp(recorded->text, replayed->text) == 0 &&
           (recorded->kind == TYPED || replayed->tick + 0.3 >= recorded->tick);
}

static int compare(void)
{
    int same = 0;

    condense(&script);
    condense(&session);
    while (same < script.count && same < session.count && matches(&script.at[same], &session.at[same]))
        same++;
    if (same == script.count && same == session.count) {
        printf("%s: the same\n", file_name);
        return 0;
    }
    printf("%s: this run is not as recorded (rows of equal lines shown once)\n", file_name);
    for (int i = 0; i < same; i++)
        print_line(stdout, "    ", &script.at[i]);
    for (int i = same; i < script.count; i++)
        print_line(stdout, "  - ", &script.at[i]);
    for (int i = same; i < session.count; i++)
        print_line(stdout, "  + ", &session.at[i]);
    return 1;
}

/* A name on PATH is not enough: it may be a stand-in that runs nothing. */
static bool is_there(const char *command)
{
    char *line;
    int status;

    if (asprintf(&line, "'%s' --version >/dev/null 2>&1", command) == -1)
        err(1, "asprintf");
    status = system(line);
    free(line);
    return status == 0;
}

static int replay_tick_ms(void)
{
    const char *text = getenv("TICK_MS");
    long ms = text == NULL ? replay_ms : strtol(text, NULL, 10);

    if (ms < 1 || ms > 60000)
        errx(2, "TICK_MS is '%s': expected a whole number from 1 to 60000", text);
    return (int)ms;
}

int main(int argc, char *argv[])
{
    const char *build = "build";
    bool replay = false;
    sigset_t none;
    int option;

    sigemptyset(&none);
    ordinary_start(&none); /* and so does the shell, whatever started us */
    while ((option = getopt(argc, argv, "rb:")) != -1)
        switch (option) {
        case 'r': replay = true; break;
        case 'b': build = optarg; break;
        default: argc = 0; break;
        }
    if (argc - optind != 1) {
        fprintf(stderr, "usage: record [-r] [-b BUILD] code/FOLDER/NAME.transcript\n");
        return 2;
    }
    file_name = argv[optind];
    read_script();
    if (needs[0] != '\0' && !is_there(needs)) {
        printf("%s: not run, for want of %s\n", file_name, needs);
        return 0;
    }
    ms_per_tick = replay ? replay_tick_ms() : RECORD_TICK_MS;
    run_session(build);
    if (replay)
        return compare();
    write_transcript();
    return 0;
}
