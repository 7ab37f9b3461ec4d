/* bench_conn - what safe_io and conn cost, beside the bare calls and beside Python.
 *
 * usage: bench_conn [-h] [-t] [-r ROUNDS] [-p FILE]
 *     -t  only the measurements between two processes, as the chapter's table
 *     -r  rounds of the measurements between two processes (default 60)
 *     -p  bench_python.py (default: the one below code/, from the top of the repository)
 *
 * Everything is measured in short batches, in turn, and compared within one round; printed are medians over the rounds.
 * What other programs do on this machine meanwhile hits all alike. Takes less than a minute. Linux only.
 *
 * Exit status: 0 every goal was met, or -t; 1 one was missed; 2 the measurement failed. */
#define _GNU_SOURCE /* pipe2, pwritev2 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "conn.h"
#include "safe_io.h"

/* The same conn.c again, with every name of conn.h another: for struct conn and the frame. */
#define conn_pair twin_pair
#define conn_adopt twin_adopt
#define conn_send_bytes twin_send_bytes
#define conn_recv_bytes twin_recv_bytes
#define conn_send twin_send
#define conn_recv twin_recv
#define conn_poll twin_poll
#define conn_fileno twin_fileno
#define conn_close twin_close
#include "conn.c"
#undef conn_pair
#undef conn_adopt
#undef conn_send_bytes
#undef conn_recv_bytes
#undef conn_send
#undef conn_recv
#undef conn_poll
#undef conn_fileno
#undef conn_close

enum { MAX_SIZE = 1 << 20, MAX_ROUNDS = 1000 };

static char buffer[MAX_SIZE];
static bool as_tables;
static int missed;

// § Numbers
static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The number that `part` (0 to 1) of them are below. */
static double quantile(const double *numbers, int n, double part)
{
    static double sorted[MAX_ROUNDS];

    memcpy(sorted, numbers, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, compare);
    return sorted[(int)(part * (n - 1) + 0.5)];
}

static double median(const double *numbers, int n)
{
    return quantile(numbers, n, 0.5);
}

/* The median of a[i] / b[i]. */
static double median_ratio(const double *a, const double *b, int n)
{
    static double ratio[MAX_ROUNDS];

    for (int i = 0; i < n; i++)
        ratio[i] = a[i] / b[i];
    return median(ratio, n);
}

static const char *size_name(size_t size)
{
    static char name[4][32];
    static int next;
    char *to = name[next++ % 4];

    if (size >= 1 << 20)
        snprintf(to, sizeof name[0], "%zu MiB", size >> 20);
    else if (size >= 1 << 10)
        snprintf(to, sizeof name[0], "%zu KiB", size >> 10);
    else
        snprintf(to, sizeof name[0], "%zu B", size);
    return to;
}

static void goal(bool met, const char *text)
{
    missed += !met;
    if (!as_tables)
        printf("goal %s: %s\n", met ? "met" : "MISSED", text);
}

static void check(bool ok, const char *what)
{
    if (!ok)
        err(2, "%s", what);
}

// § One process
/* In one process: n bytes into a pipe and out again, `times` times. */
typedef void round_trip(const int fd[2], size_t n, int times);

static void bare_trip(const int fd[2], size_t n, int times)
{
    while (times-- > 0)
        check(write(fd[1], buffer, n) > 0 && read(fd[0], buffer, n) > 0, "bare calls");
}

static void safe_trip(const int fd[2], size_t n, int times)
{
    while (times-- > 0)
        check(safe_write(fd[1], buffer, n) > 0 && safe_read(fd[0], buffer, n) > 0, "safe calls");
}

static void full_trip(const int fd[2], size_t n, int times)
{
    while (times-- > 0)
        check(full_write(fd[1], buffer, n) == n && full_read(fd[0], buffer, n) == n, "full calls");
}

/* Once more under another name, or the compiler could see that it is the first. */
static round_trip *volatile bare_again = bare_trip;

enum { TRIPS = 4, TRIP_ROUNDS = 600 };

static void measure_trips(const int fd[2], size_t n, double ns[TRIPS][MAX_ROUNDS])
{
    round_trip *const trips[TRIPS] = {bare_trip, bare_again, safe_trip, full_trip};
    const int times = 1000;

    for (int r = 0; r < TRIP_ROUNDS; r++)
        for (int k = 0; k < TRIPS; k++) {
            int i = (k + r) % TRIPS;
            double start = now();
            trips[i](fd, n, times);
            ns[i][r] = (now() - start) / times * 1e9;
        }
}

/* The rounds in GROUPS groups, and in each the median of a beside that of b. */
enum { GROUPS = 20 };

static void group_ratios(const double *a, const double *b, double ratio[GROUPS])
{
    const int each = TRIP_ROUNDS / GROUPS;

    for (int g = 0; g < GROUPS; g++)
        ratio[g] = median(a + g * each, each) / median(b + g * each, each);
}

static void report_trips(size_t n, double ns[TRIPS][MAX_ROUNDS])
{
    static const char *const names[TRIPS] = {"`write`, `read`", "the same again", "`safe_write`, `safe_read`",
                                             "`full_write`, `full_read`"};
    double spread[GROUPS], low, high, bare = median(ns[0], TRIP_ROUNDS);
    char text[160];

    group_ratios(ns[1], ns[0], spread);
    low = quantile(spread, GROUPS, 0), high = quantile(spread, GROUPS, 1);
    for (int k = 0; k < TRIPS; k++) {
        double ratio[GROUPS], middle;
        group_ratios(ns[k], ns[0], ratio);
        middle = median(ratio, GROUPS);
        printf("%-8s %-28s %7.0f ns  %+5.1f %%\n", size_name(n), names[k], median(ns[k], TRIP_ROUNDS),
               (middle - 1) * 100);
        snprintf(text, sizeof text, "%s %s differ from the bare calls by %+.1f %% (%+.1f ns), "
                 "two runs of those by %+.1f to %+.1f %%",
                 size_name(n), names[k], (middle - 1) * 100, (middle - 1) * bare, (low - 1) * 100, (high - 1) * 100);
        if (k >= 2)
            goal(middle >= low && middle <= high, text);
    }
}

static void one_process(void)
{
    static double ns[TRIPS][MAX_ROUNDS];
    const size_t sizes[] = {1, 4096};
    int fd[2];

    check(pipe2(fd, O_CLOEXEC) == 0, "pipe2");
    puts("Written to a pipe and read back, in one process:");
    for (int s = 0; s < 2; s++) {
        measure_trips(fd, sizes[s], ns);
        report_trips(sizes[s], ns);
    }
    puts("");
    safe_close(fd[0]);
    safe_close(fd[1]);
}

// § One way, between two processes
enum kind { BARE, FULL, FRAMED, GUARDED, CONN, KINDS, PYTHON = KINDS };

static const char *const kind_names[] = {"`write`, `read`", "`full_write`, `full_read`",
                                         "a frame: `writev`, two `read`", "`conn`, with the guard",
                                         "`conn`, with the flag", "Python"};

struct ends {
    int fd;
    conn *c;
};

/* Returns false if anything is not as it should be. */
static bool send_one(enum kind kind, struct ends *to, size_t size)
{
    unsigned char header[LONG_HEADER];
    struct iovec piece[2] = {{header, SHORT_HEADER}, {buffer, size}};

    switch (kind) {
    case BARE:
        return write(to->fd, buffer, size) == (ssize_t)size;
    case FULL:
        return full_write(to->fd, buffer, size) == size;
    case FRAMED:
        put_header(header, size);
        return writev(to->fd, piece, 2) == (ssize_t)size + SHORT_HEADER;
    case GUARDED:
        to->c->has_flag = false; /* as on a kernel before 6.18 */
        return conn_send_bytes(to->c, buffer, size) == 0;
    default:
        to->c->has_flag = true;
        return conn_send_bytes(to->c, buffer, size) == 0;
    }
}

/* As many reads as it takes, and nothing else. */
static bool bare_read_all(int fd, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = read(fd, buffer + done, size - done);
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

static bool receive_one(enum kind kind, struct ends *from, size_t size)
{
    unsigned char header[SHORT_HEADER];
    size_t len = 0;

    switch (kind) {
    case BARE:
        return bare_read_all(from->fd, size);
    case FULL:
        return full_read(from->fd, buffer, size) == size;
    case FRAMED:
        return read(from->fd, header, sizeof header) == sizeof header &&
               bare_read_all(from->fd, get_big_endian(header, SHORT_HEADER));
    default:
        return conn_recv_bytes(from->c, buffer, sizeof buffer, &len) == 1 && len == size;
    }
}

struct order {
    enum kind kind;
    int count;
    size_t size;
};

static int order_fd[2], done_fd[2];
static struct ends ends[2]; /* 0 reads, 1 writes */

/* The child: takes an order, receives that many, says done; until there are no more orders. */
_Noreturn static void receiver(void)
{
    struct order order;

    safe_close(order_fd[1]);
    conn_close(ends[1].c);
    while (full_read(order_fd[0], &order, sizeof order) == sizeof order) {
        bool ok = full_write(done_fd[1], "r", 1) == 1;
        for (int i = 0; i < order.count && ok; i++)
            ok = receive_one(order.kind, &ends[0], order.size);
        if (!ok || full_write(done_fd[1], "d", 1) != 1)
            _exit(1);
    }
    _exit(0);
}

static pid_t start_receiver(void)
{
    pid_t pid;

    check(pipe2(order_fd, O_CLOEXEC) == 0 && pipe2(done_fd, O_CLOEXEC) == 0 &&
              conn_pair(&ends[0].c, &ends[1].c, false) == 0, "pipe2");
    ends[0].fd = conn_fileno(ends[0].c);
    ends[1].fd = conn_fileno(ends[1].c);
    pid = fork();
    check(pid != -1, "fork");
    if (pid == 0)
        receiver();
    safe_close(order_fd[0]);
    safe_close(done_fd[1]);
    conn_close(ends[0].c);
    return pid;
}

static void stop_receiver(pid_t pid)
{
    int status;

    safe_close(order_fd[1]);
    safe_close(done_fd[0]);
    conn_close(ends[1].c);
    check(safe_waitpid(pid, &status, 0) == pid && status == 0, "the receiver");
}

/* The seconds for one batch: from the first byte sent to the last message received. */
static double batch(enum kind kind, size_t size, int count)
{
    struct order order = {kind, count, size};
    char answer;
    double start;

    check(full_write(order_fd[1], &order, sizeof order) == sizeof order && full_read(done_fd[0], &answer, 1) == 1,
          "the receiver");
    start = now();
    for (int i = 0; i < count; i++)
        check(send_one(kind, &ends[1], size), "sending");
    check(full_read(done_fd[0], &answer, 1) == 1, "the receiver");
    return now() - start;
}

// § Python
static FILE *to_python, *from_python;

static pid_t start_python(const char *script)
{
    int in[2], out[2];
    pid_t pid;

    check(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0, "pipe2");
    pid = fork();
    check(pid != -1, "fork");
    if (pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        execlp("python3", "python3", script, (char *)NULL);
        _exit(127);
    }
    safe_close(in[0]);
    safe_close(out[1]);
    to_python = fdopen(in[1], "w");
    from_python = fdopen(out[0], "r");
    check(to_python != NULL && from_python != NULL, "fdopen");
    return pid;
}

static void stop_python(pid_t pid)
{
    fclose(to_python);
    fclose(from_python);
    safe_waitpid(pid, NULL, 0);
}

static double python_batch(size_t size, int count)
{
    double seconds;

    fprintf(to_python, "%zu %d\n", size, count);
    if (fflush(to_python) != 0 || fscanf(from_python, "%lf", &seconds) != 1)
        errx(2, "python3 and its script did not answer (-p says where bench_python.py is)");
    return seconds;
}

// § The table of messages
enum { SIZES = 3 };

static const size_t sizes[SIZES] = {64, 1 << 16, 1 << 20};
static const int counts[SIZES] = {6000, 200, 16};
static double us[SIZES][KINDS + 1][MAX_ROUNDS]; /* microseconds a message */

static void measure_messages(int rounds)
{
    for (int r = -2; r < rounds; r++) /* two to warm up */
        for (int s = 0; s < SIZES; s++)
            for (int k = 0; k <= KINDS; k++) {
                int i = (k + r + 2) % (KINDS + 1), count = i == PYTHON ? counts[s] / 4 : counts[s];
                double seconds = i == PYTHON ? python_batch(sizes[s], count) : batch((enum kind)i, sizes[s], count);
                us[s][i][r < 0 ? 0 : r] = seconds / count * 1e6;
            }
}

static void report_messages(int rounds)
{
    printf(as_tables ? "| bytes | one way, between two processes | µs a message | speed beside the bare calls |\n"
                       "|--:|:--|--:|--:|\n"
                     : "One way, through a pipe between two processes (medians of %d rounds):\n", rounds);
    for (int s = 0; s < SIZES; s++)
        for (int k = 0; k <= KINDS; k++)
            printf(as_tables ? "| %s | %s | %.2f | %.2f |\n"
                             : "%-8s %-32s %8.2f us a message  %.2f of bare  %.1f of Python\n",
                   size_name(sizes[s]), kind_names[k], median(us[s][k], rounds),
                   median_ratio(us[s][BARE], us[s][k], rounds), median_ratio(us[s][PYTHON], us[s][k], rounds));
}

static void check_messages(int rounds)
{
    static const double least[SIZES] = {0.55, 0.95, 0.9}; /* on Linux 6.18 */
    char text[160];

    for (int s = 0; s < SIZES; s++) {
        enum kind beside = sizes[s] == 1 << 16 ? FRAMED : BARE; /* 64 KiB and a length do not fit into a pipe */
        double ratio = median_ratio(us[s][beside], us[s][CONN], rounds);
        snprintf(text, sizeof text, "%s: conn has %.2f of the speed of %s, at least %.2f is wanted",
                 size_name(sizes[s]), ratio, kind_names[beside], least[s]);
        goal(ratio >= least[s], text);
    }
    if (!as_tables)
        puts("");
}

static void two_processes(int rounds, const char *script)
{
    pid_t python = start_python(script), child = start_receiver();

    measure_messages(rounds);
    report_messages(rounds);
    check_messages(rounds);
    stop_receiver(child);
    stop_python(python);
}

// § System calls
/* Runs `bench_conn -c KIND,SIZE,COUNT` under strace, and adds `sign` times its system calls to `calls`. */
static const char *const call_names[] = {"read", "write", "writev", "pwritev2", "rt_sigprocmask", "poll"};
enum { CALLS = sizeof call_names / sizeof call_names[0] };

static bool count_calls(enum kind kind, size_t size, int count, int sign, double calls[CALLS])
{
    char command[256], name[64];
    long n;
    FILE *f;

    snprintf(command, sizeof command, "strace -f -qq -c -U calls,name -o '|cat >&3' /proc/%d/exe -c %d,%zu,%d 3>&1 >&2",
             (int)getpid(), (int)kind, size, count);
    f = popen(command, "r");
    if (f == NULL)
        return false;
    while (fgets(command, sizeof command, f) != NULL)
        for (int i = 0; i < CALLS; i++)
            if (sscanf(command, "%ld %63s", &n, name) == 2 && strcmp(name, call_names[i]) == 0)
                calls[i] += (double)(sign * n);
    return pclose(f) == 0;
}

static void system_calls(void)
{
    const int count = 100;

    puts("System calls a message, seen by strace (which changes who waits for whom):");
    for (int s = 0; s < SIZES; s++)
        for (int k = 0; k < KINDS; k++) {
            double calls[CALLS] = {0};
            if (!count_calls((enum kind)k, sizes[s], 0, -1, calls) ||
                !count_calls((enum kind)k, sizes[s], count, 1, calls)) {
                puts("not counted: strace does not run here\n");
                return;
            }
            printf("%-8s %-32s", size_name(sizes[s]), kind_names[k]);
            for (int i = 0; i < CALLS; i++)
                printf("  %s %.2f", call_names[i], calls[i] / count);
            puts("");
        }
    puts("");
}

/* What strace runs. */
static int counted_run(const char *what)
{
    int kind, count;
    size_t size;
    pid_t child;

    if (sscanf(what, "%d,%zu,%d", &kind, &size, &count) != 3 || kind < 0 || kind >= KINDS || size > MAX_SIZE)
        errx(2, "-c is '%s'", what);
    child = start_receiver();
    batch((enum kind)kind, size, count);
    stop_receiver(child);
    return 0;
}

// § Idle
enum { WAITERS = 4, IDLE_SECONDS = 5 };

static const char *const waiter_names[WAITERS] = {"receiving from an empty pipe", "sending into a full pipe",
                                                  "receiving, O_NONBLOCK", "sending, O_NONBLOCK"};

/* Forks a process that waits in conn_recv_bytes (even) or conn_send_bytes (odd), for ever. */
static pid_t start_waiter(int which)
{
    int fd[2], end = which % 2, flags = which >= 2 ? O_NONBLOCK : 0;
    size_t len;
    conn *c;
    pid_t pid;

    check(pipe2(fd, O_CLOEXEC | O_NONBLOCK) == 0, "pipe2");
    while (end == 1 && write(fd[1], buffer, 4096) > 0)
        ;
    check(fcntl(fd[end], F_SETFL, flags) == 0 && conn_adopt(&c, fd[end], end == 0, end == 1) == 0, "conn_adopt");
    pid = fork();
    check(pid != -1, "fork");
    if (pid == 0) {
        if (end == 0)
            conn_recv_bytes(c, buffer, sizeof buffer, &len);
        else
            conn_send_bytes(c, buffer, 4096);
        _exit(1); /* it should never come back */
    }
    conn_close(c);
    return pid; /* the other end stays open here */
}

/* The CPU time a process has used so far, in microseconds. */
static double cpu_us(pid_t pid)
{
    struct timespec t = {0};
    clockid_t id;

    if (clock_getcpuclockid(pid, &id) == 0)
        clock_gettime(id, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void idle(void)
{
    pid_t pid[WAITERS];
    double before[WAITERS];
    char text[160];

    for (int i = 0; i < WAITERS; i++)
        pid[i] = start_waiter(i);
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    for (int i = 0; i < WAITERS; i++)
        before[i] = cpu_us(pid[i]);
    nanosleep(&(struct timespec){.tv_sec = IDLE_SECONDS}, NULL);
    printf("Waiting for %d s:\n", IDLE_SECONDS);
    for (int i = 0; i < WAITERS; i++) {
        double used = cpu_us(pid[i]) - before[i];
        bool asleep = waitpid(pid[i], NULL, WNOHANG) == 0;
        printf("%-32s %.0f us of CPU time\n", waiter_names[i], used);
        snprintf(text, sizeof text, "%s waits asleep", waiter_names[i]);
        goal(asleep && used == 0, text);
        if (asleep) {
            kill(pid[i], SIGKILL);
            safe_waitpid(pid[i], NULL, 0);
        }
    }
    puts("");
}

// § The whole
static void machine(void)
{
    struct utsname u;
    double load[1] = {0};

    if (uname(&u) == -1 || getloadavg(load, 1) == -1)
        return;
    u.release[strcspn(u.release, "-")] = '\0'; /* without the name that its builder gave it */
    printf(as_tables ? "%ld processors, %s %s, load %.1f when it began.\n\n" : "%ld processors, %s %s, load %.1f\n\n",
           sysconf(_SC_NPROCESSORS_ONLN), u.sysname, u.release, load[0]);
}

int main(int argc, char *argv[])
{
    const char *script = "code/03-eintr-safe-wrapper/bench_python.py";
    int option, rounds = 60;

    while ((option = getopt(argc, argv, "htr:p:c:")) != -1)
        switch (option) {
        case 'h':
            puts("usage: bench_conn [-h] [-t] [-r ROUNDS] [-p FILE]");
            return 0;
        case 't': as_tables = true; break;
        case 'r': rounds = atoi(optarg); break;
        case 'p': script = optarg; break;
        case 'c': return counted_run(optarg);
        default: return 2;
        }
    if (optind < argc || rounds < 1 || rounds > MAX_ROUNDS)
        errx(2, "usage: bench_conn [-h] [-t] [-r ROUNDS] [-p FILE], ROUNDS from 1 to %d", MAX_ROUNDS);
    setvbuf(stdout, NULL, _IOLBF, 0);
    /* python3 may fail */
    check(sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL) == 0, "sigaction");
    machine();
    if (as_tables) {
        two_processes(rounds, script);
        return 0;
    }
    one_process();
    two_processes(rounds, script);
    system_calls();
    idle();
    return missed > 0;
}
