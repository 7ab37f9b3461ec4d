/* test_frame.c - the public tests, in the order in which to make them pass.
 *
 * usage: test_frame [PROGRAM]      (see ../judge.h) */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "faultkit.h"
#include "frame.h"
#include "framekit.h"
#include "judge.h"

/* One more than there are calls in any run here: a loop over calls ends because
 * its fault is not met any more. */
enum { LAST_CALL = 40 };

/* Reads 10 of 40 bytes, 4 a call, and the k-th call goes wrong, for each k. */
static void read_with_each_call_going_wrong(int how)
{
    for (int k = 1; k < LAST_CALL; k++) {
        stream[0] = (struct stream){.input = letters, .input_size = 40,
                                    .at_most = 4, .fault = {{k, how}}};
        try_full_read(10);
        if (stream[0].faults_met == 0)
            return;
    }
}

static void write_with_each_call_going_wrong(int how)
{
    for (int k = 1; k < LAST_CALL; k++) {
        stream[0] = (struct stream){.at_most = 4, .fault = {{k, how}}};
        try_full_write(10);
        if (stream[0].faults_met == 0)
            return;
    }
}

static void send_with_each_call_going_wrong(int how, size_t at_most)
{
    for (int k = 1; k < LAST_CALL; k++) {
        stream[0] = (struct stream){.at_most = at_most, .fault = {{k, how}}};
        try_send_message(0, letters, 10);
        if (stream[0].faults_met == 0)
            return;
    }
}

static void recv_with_each_call_going_wrong(int how, size_t at_most)
{
    unsigned char wire[64];
    size_t size = put_message(wire, 0, letters, 10);

    size = put_message(wire, size, "next", 4);
    for (int k = 1; k < LAST_CALL; k++) {
        stream[0] = (struct stream){.input = wire, .input_size = size,
                                    .at_most = at_most, .fault = {{k, how}}};
        try_recv_message(0, 32);
        if (stream[0].faults_met == 0)
            return;
        if (stream[0].ended == 0)
            try_recv_message(0, 32);
    }
}

/* ---- full_read */

TEST(full_read_reads_all_of_it)
{
    for (size_t n = 0; n <= 300; n++) {
        stream[0] = (struct stream){.input = letters, .input_size = 400};
        try_full_read(n);
    }
}

TEST(full_read_goes_on_after_a_short_count)
{
    read_with_each_call_going_wrong(SHORT);
    for (size_t at_most = 1; at_most < 12; at_most++) {
        stream[0] = (struct stream){
            .input = letters, .input_size = 40, .at_most = at_most};
        try_full_read(10);
    }
}

TEST(full_read_goes_on_after_a_signal)
{
    read_with_each_call_going_wrong(EINTR);
}

TEST(full_read_goes_on_after_many_signals)
{
    for (int signals = 2; signals < 100; signals++) {
        stream[0] = (struct stream){.input = letters, .input_size = 40,
                                    .at_most = 4, .interrupt_every = signals};
        try_full_read(10);
    }
}

TEST(full_read_stops_at_the_end_of_file)
{
    for (size_t size = 0; size < 10; size++)
        for (size_t at_most = 1; at_most < 12; at_most++) {
            stream[0] = (struct stream){
                .input = letters, .input_size = size, .at_most = at_most};
            try_full_read(10);
            stream[0] = (struct stream){
                .input = letters, .input_size = size, .interrupt_every = 1};
            try_full_read(10);
        }
}

TEST(full_read_stops_at_an_error)
{
    read_with_each_call_going_wrong(EIO);
    read_with_each_call_going_wrong(ECONNRESET);
}

TEST(full_read_stops_when_it_would_block)
{
    read_with_each_call_going_wrong(EAGAIN);
}

TEST(full_read_leaves_errno_alone)
{
    for (int errnos = 0; errnos < 2; errnos++) {
        callers_errno = errnos == 0 ? EXDEV : 0;
        read_with_each_call_going_wrong(EINTR);
        read_with_each_call_going_wrong(SHORT);
    }
}

/* ---- full_write */

TEST(full_write_writes_all_of_it)
{
    for (size_t n = 0; n <= 300; n++) {
        stream[0] = (struct stream){0};
        try_full_write(n);
    }
}

TEST(full_write_goes_on_after_a_short_count)
{
    write_with_each_call_going_wrong(SHORT);
    for (size_t at_most = 1; at_most < 12; at_most++) {
        stream[0] = (struct stream){.at_most = at_most};
        try_full_write(10);
    }
}

TEST(full_write_goes_on_after_a_signal)
{
    write_with_each_call_going_wrong(EINTR);
}

TEST(full_write_goes_on_after_many_signals)
{
    for (int signals = 2; signals < 100; signals++) {
        stream[0] = (struct stream){.at_most = 4, .interrupt_every = signals};
        try_full_write(10);
    }
}

TEST(full_write_stops_at_an_error)
{
    write_with_each_call_going_wrong(EIO);
    write_with_each_call_going_wrong(EPIPE);
}

TEST(full_write_stops_when_it_would_block)
{
    write_with_each_call_going_wrong(EAGAIN);
}

TEST(full_write_stops_when_nothing_is_accepted)
{
    write_with_each_call_going_wrong(NOTHING);
}

TEST(full_write_leaves_errno_alone)
{
    for (int errnos = 0; errnos < 2; errnos++) {
        callers_errno = errnos == 0 ? EXDEV : 0;
        write_with_each_call_going_wrong(EINTR);
        write_with_each_call_going_wrong(SHORT);
    }
}

/* ---- send_message */

TEST(send_message_writes_the_length_and_the_bytes)
{
    /* 66051 is 00 01 02 03 */
    static const size_t lengths[] = {4, 1, 0, 258, 66051};

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        stream[0] = (struct stream){0};
        try_send_message(0, letters, lengths[i]);
        try_send_message(0, "next", 4);
    }
}

TEST(send_message_goes_on_after_signals_and_short_counts)
{
    for (size_t at_most = 1; at_most < 16; at_most++) {
        send_with_each_call_going_wrong(EINTR, at_most);
        send_with_each_call_going_wrong(SHORT, at_most);
    }
}

TEST(send_message_reports_an_error)
{
    for (size_t at_most = 1; at_most < 16; at_most++) {
        send_with_each_call_going_wrong(EPIPE, at_most);
        send_with_each_call_going_wrong(EIO, at_most);
        send_with_each_call_going_wrong(NOTHING, at_most);
    }
}

TEST(send_message_refuses_a_message_that_is_too_long)
{
    int result;

    stream[0] = (struct stream){0};
    errno = 0;
    result = send_message(FD, letters, MESSAGE_MAX + 1);
    if (stream[0].output_size > 0)
        wrong("send_message wrote something of a message above MESSAGE_MAX: "
              "look at len before the first write.");
    if (result != -1 || errno != EMSGSIZE)
        wrong("send_message must refuse a message above MESSAGE_MAX: -1, and "
              "errno EMSGSIZE.");
}

/* ---- recv_message */

TEST(recv_message_reads_one_message)
{
    static const uint32_t lengths[] = {4, 1, 16, 258, 66051};
    static unsigned char wire[STREAM_MAX];

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t size = put_message(wire, 0, letters, lengths[i]);
        stream[0] = (struct stream){.input = wire, .input_size = size};
        try_recv_message(0, lengths[i]);
    }
}

TEST(recv_message_leaves_the_next_message_alone)
{
    unsigned char wire[64];
    size_t size = put_message(wire, 0, "fool", 4);

    size = put_message(wire, size, "sub process", 11);
    size = put_message(wire, size, "END", 3);
    for (size_t at_most = 0; at_most < 30; at_most++) {
        stream[0] = (struct stream){
            .input = wire, .input_size = size, .at_most = at_most};
        for (int i = 0; i < 4; i++)
            try_recv_message(0, 32);
    }
}

TEST(recv_message_takes_an_empty_message_for_a_message)
{
    unsigned char wire[16];
    size_t size = put_message(wire, 0, "", 0);

    size = put_message(wire, size, "", 0);
    stream[0] = (struct stream){.input = wire, .input_size = size};
    try_recv_message(0, 32);
    try_recv_message(0, 0);
    try_recv_message(0, 32);
}

TEST(recv_message_returns_0_at_the_end)
{
    unsigned char wire[16];
    size_t size = put_message(wire, 0, "fool", 4);

    stream[0] = (struct stream){.input = wire, .input_size = 0};
    try_recv_message(0, 32);
    stream[0] = (struct stream){.input = wire, .input_size = size};
    for (int i = 0; i < 3; i++)
        try_recv_message(0, 32);
}

TEST(recv_message_reports_a_torn_message)
{
    unsigned char wire[16];
    size_t size = put_message(wire, 0, "fool", 4);

    for (size_t torn = 1; torn < size; torn++)
        for (size_t at_most = 1; at_most < 10; at_most++) {
            stream[0] = (struct stream){
                .input = wire, .input_size = torn, .at_most = at_most};
            try_recv_message(0, 32);
        }
}

TEST(recv_message_goes_on_after_signals_and_short_counts)
{
    for (size_t at_most = 1; at_most < 16; at_most++) {
        recv_with_each_call_going_wrong(EINTR, at_most);
        recv_with_each_call_going_wrong(SHORT, at_most);
    }
}

TEST(recv_message_reports_an_error)
{
    for (size_t at_most = 1; at_most < 16; at_most++) {
        recv_with_each_call_going_wrong(EIO, at_most);
        recv_with_each_call_going_wrong(ECONNRESET, at_most);
    }
}

TEST(recv_message_skips_a_message_that_does_not_fit)
{
    static unsigned char wire[STREAM_MAX];
    static const uint32_t lengths[] = {11, 4096, 20000};

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t size = put_message(wire, 0, letters, lengths[i]);
        size = put_message(wire, size, "next", 4);
        stream[0] = (struct stream){.input = wire, .input_size = size};
        try_recv_message(0, 10);
        try_recv_message(0, 10);
        try_recv_message(0, 10);
    }
}

TEST(recv_message_refuses_an_impossible_length)
{
    static const uint32_t lengths[] = {0x80000000, 0xffffffff, 0xfffffffe};
    unsigned char wire[16];

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t size = put_message(wire, 0, NULL, lengths[i]);
        memcpy(wire + size, "nonsense", 8);
        stream[0] = (struct stream){.input = wire, .input_size = size + 8};
        try_recv_message(0, 32);
    }
}

/* ---- two processes, a pipe, and signals in both */

enum { MESSAGES = 60, LONG = 0x17000, LONGEST = LONG + MESSAGES };

static volatile sig_atomic_t alarms;

static void count_alarm(int number)
{
    (void)number;
    alarms++;
}

/* A signal each millisecond (or STORM_US); without SA_RESTART, so that calls
 * come back with EINTR. */
static void start_storm(void)
{
    const char *text = getenv("STORM_US");
    struct timeval period = {0, text != NULL ? atol(text) : 1000};
    struct sigaction action = {.sa_handler = count_alarm};

    die_with_parent();
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &(struct itimerval){period, period}, NULL);
}

static void stop_storm(void)
{
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
}

/* Lets the other side wait, so that the signals find it inside its call. */
static void pause_ms(long ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&left, &left) == -1 && errno == EINTR)
        ;
}

/* 0, 1, 2 ... bytes in the first messages, and then more than a pipe holds. */
static size_t length_of(int message)
{
    return message < 30 ? (size_t)message : (size_t)(LONG + message);
}

static void check_storm(const char *call)
{
    stop_storm();
    note("%s: %d signals, %d calls interrupted, %d short counts", call,
         (int)alarms, storm_interrupted, storm_short);
    if (alarms == 0)
        wrong("no signal arrived while %s was used: do not block signals or "
              "change their handlers.", call);
    if (storm_interrupted == 0)
        wrong("no %s was interrupted in the storm: do not block signals or "
              "change their handlers.", call);
}

static void storm_writer(int fd)
{
    start_storm();
    for (int i = 0; i < MESSAGES; i++) {
        if (i < 20)
            pause_ms(5);
        if (send_message(fd, letters, length_of(i)) == -1)
            wrong("send_message failed in a storm of signals, in message %d: "
                  "%s.", i, strerror(errno));
    }
    check_storm("write");
    _exit(0);
}

static void check_arrived(int i, int result, size_t len,
                          const unsigned char *bytes)
{
    if (result != 1)
        wrong("recv_message returned %d in a storm of signals, in message %d: "
              "%s.", result, i, strerror(errno));
    if (len != length_of(i) || memcmp(bytes, letters, len) != 0)
        wrong("message %d was not what was sent, in a storm of signals: %zu "
              "bytes of %zu.", i, len, length_of(i));
}

TEST(messages_survive_a_storm_of_signals)
{
    static unsigned char bytes[LONGEST];
    size_t len = 0;
    int fd[2], result;

    if (pipe(fd) == -1)
        wrong("pipe: %s", strerror(errno));
    if (fork() == 0)
        storm_writer(fd[1]);
    close(fd[1]);
    start_storm();
    for (int i = 0; i < MESSAGES; i++) {
        if (i >= 40)
            pause_ms(5);
        result = recv_message(fd[0], bytes, sizeof bytes, &len);
        check_arrived(i, result, len, bytes);
    }
    if (recv_message(fd[0], bytes, sizeof bytes, &len) != 0)
        wrong("recv_message did not return 0 at the end, in a storm of "
              "signals.");
    check_storm("read");
}

int main(int argc, char **argv)
{
    const struct test tests[] = {
        ENTRY(full_read_reads_all_of_it),
        ENTRY(full_read_goes_on_after_a_short_count),
        ENTRY(full_read_goes_on_after_a_signal),
        ENTRY(full_read_goes_on_after_many_signals),
        ENTRY(full_read_stops_at_the_end_of_file),
        ENTRY(full_read_stops_at_an_error),
        ENTRY(full_read_stops_when_it_would_block),
        ENTRY(full_read_leaves_errno_alone),
        ENTRY(full_write_writes_all_of_it),
        ENTRY(full_write_goes_on_after_a_short_count),
        ENTRY(full_write_goes_on_after_a_signal),
        ENTRY(full_write_goes_on_after_many_signals),
        ENTRY(full_write_stops_at_an_error),
        ENTRY(full_write_stops_when_it_would_block),
        ENTRY(full_write_stops_when_nothing_is_accepted),
        ENTRY(full_write_leaves_errno_alone),
        ENTRY(send_message_writes_the_length_and_the_bytes),
        ENTRY(send_message_goes_on_after_signals_and_short_counts),
        ENTRY(send_message_reports_an_error),
        ENTRY(send_message_refuses_a_message_that_is_too_long),
        ENTRY(recv_message_reads_one_message),
        ENTRY(recv_message_leaves_the_next_message_alone),
        ENTRY(recv_message_takes_an_empty_message_for_a_message),
        ENTRY(recv_message_returns_0_at_the_end),
        ENTRY(recv_message_reports_a_torn_message),
        ENTRY(recv_message_goes_on_after_signals_and_short_counts),
        ENTRY(recv_message_reports_an_error),
        ENTRY(recv_message_skips_a_message_that_does_not_fit),
        ENTRY(recv_message_refuses_an_impossible_length),
        ENTRY(messages_survive_a_storm_of_signals),
    };

    return RUN_TESTS(tests, argc, argv);
}
