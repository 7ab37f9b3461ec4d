/* test_frame_instructor.c - tests that are not handed out: what the public ones let through.
 *
 * usage: test_frame_instructor [PROGRAM]      (see ../judge.h) */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "faultkit.h"
#include "frame.h"
#include "framekit.h"
#include "judge.h"

static const int faults[] = {EINTR, SHORT, EAGAIN, EIO, EPIPE, ECONNRESET, NOTHING};

enum { FAULTS = sizeof faults / sizeof *faults, CALLS = 9 };

/* Runs the function under each pair of faults, in each pair of calls. A read cannot return 0 but at the end. */
static void each_pair(bool writes, size_t at_most, const unsigned char *input, size_t size, void (*run)(void))
{
    for (int a = 0; a < FAULTS * CALLS; a++)
        for (int b = 0; b < FAULTS * CALLS; b++) {
            if (!writes && (faults[a % FAULTS] == NOTHING || faults[b % FAULTS] == NOTHING))
                continue;
            stream[0] = (struct stream){.input = input, .input_size = size, .at_most = at_most};
            stream[0].fault[0].call = a / FAULTS + 1;
            stream[0].fault[0].how = faults[a % FAULTS];
            stream[0].fault[1].call = b / FAULTS + 1;
            stream[0].fault[1].how = faults[b % FAULTS];
            run();
        }
}

static void read_10(void)
{
    try_full_read(10);
}

static void write_10(void)
{
    try_full_write(10);
}

static void send_10(void)
{
    try_send_message(0, letters, 10);
}

static void recv_until_something_is_wrong(void)
{
    for (int i = 0; i < 5; i++) {
        int result = try_recv_message(0, 10);
        if (result == 0 || (result == -1 && stream[0].ended != 0))
            return;
    }
}

TEST(every_pair_of_faults_in_full_read)
{
    for (size_t at_most = 2; at_most < 6; at_most++)
        for (size_t size = 5; size <= 20; size += 5)
            each_pair(false, at_most, letters, size, read_10);
}

TEST(every_pair_of_faults_in_full_write)
{
    for (size_t at_most = 2; at_most < 6; at_most++)
        each_pair(true, at_most, NULL, 0, write_10);
}

TEST(every_pair_of_faults_in_send_message)
{
    for (size_t at_most = 1; at_most < 16; at_most += 2)
        each_pair(true, at_most, NULL, 0, send_10);
}

/* A message, one that does not fit, an empty one, and half of one. */
TEST(every_pair_of_faults_in_recv_message)
{
    unsigned char wire[128];
    size_t size = put_message(wire, 0, "fool", 4);

    size = put_message(wire, size, letters, 21);
    size = put_message(wire, size, "", 0);
    size = put_message(wire, size, "torn", 4) - 2;
    for (size_t at_most = 2; at_most < 16; at_most += 3)
        each_pair(false, at_most, wire, size, recv_until_something_is_wrong);
}

/* A receiver without room asks how long the message is, and the fault comes while the message is thrown away. */
TEST(a_message_is_skipped_under_faults)
{
    unsigned char wire[64];
    size_t size = put_message(wire, 0, letters, 21);

    for (size_t part = 4; part <= size; part++)
        each_pair(false, 3, wire, part, recv_until_something_is_wrong);
}

TEST(a_message_of_any_length_is_skipped)
{
    static unsigned char wire[STREAM_MAX];

    for (uint32_t length = 1; length < 33000;
         length += length < 300 || length % 4096 < 2 || length % 4096 > 4090 ? 1 : 4091 - length % 4096) {
        size_t size = put_message(wire, 0, letters, length);
        size = put_message(wire, size, "next", 4);
        stream[0] = (struct stream){.input = wire, .input_size = size};
        try_recv_message(0, 0);
        try_recv_message(0, 32);
    }
}

/* MESSAGE_MAX itself is allowed: the first write fails, but there is one. */
TEST(the_longest_message_is_not_refused)
{
    void *bytes = mmap(NULL, MESSAGE_MAX, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (bytes == MAP_FAILED)
        wrong("mmap: %s", strerror(errno));
    stream[0] = (struct stream){.fault = {{1, EIO}}};
    errno = 0;
    if (send_message(FD, bytes, MESSAGE_MAX) != -1 || errno != EIO)
        wrong("send_message of MESSAGE_MAX bytes did not report the error of write, EIO: that length is allowed.");
}

TEST(an_old_errno_means_nothing)
{
    static const int errnos[] = {EINTR, EAGAIN, EIO, 0};
    unsigned char wire[16];
    size_t size = put_message(wire, 0, "fool", 4);

    for (size_t i = 0; i < sizeof errnos / sizeof *errnos; i++) {
        callers_errno = errnos[i];
        for (size_t torn = 0; torn < size; torn++) {
            stream[0] = (struct stream){.input = wire, .input_size = torn};
            try_full_read(10);
            stream[0] = (struct stream){.input = wire, .input_size = torn, .interrupt_every = 1};
            try_recv_message(0, 10);
            stream[0] = (struct stream){.fault = {{1, NOTHING}}};
            try_full_write(10);
        }
    }
}

/* Bytes from 128 on: a char may be signed. */
TEST(lengths_with_high_bytes)
{
    static const uint32_t lengths[] = {127, 128, 255, 256, 32767, 32768, 33023, 65535, 65536};
    static unsigned char wire[STREAM_MAX];

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t size = put_message(wire, 0, letters, lengths[i]);
        stream[0] = (struct stream){.input = wire, .input_size = size};
        try_recv_message(0, lengths[i]);
        stream[0] = (struct stream){.input = wire, .input_size = size};
        try_recv_message(0, lengths[i] - 1);
        try_send_message(0, letters, lengths[i]);
    }
}

TEST(a_lying_length_allocates_nothing)
{
    static const uint32_t lengths[] = {0x1000000, 0x10000000, 0x7fffffff, 0x80000000, 0xffffffff};
    static unsigned char wire[200];

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        put_message(wire, 0, NULL, lengths[i]);
        stream[0] = (struct stream){.input = wire, .input_size = sizeof wire};
        largest_allocation = 0;
        try_recv_message(0, 32);
        if (largest_allocation > 1 << 20)
            wrong("recv_message allocated %zu bytes because a header said so: a stranger can ask for 2 GiB.",
                  largest_allocation);
    }
}

/* An error in the middle of one stream must not be remembered in another, nor in the next call. */
TEST(two_streams_do_not_mix)
{
    unsigned char wire[64];
    size_t size = put_message(wire, 0, "fool", 4);

    for (size_t torn = 0; torn <= size; torn++)
        for (int how = 0; how < 2; how++) {
            stream[0] = (struct stream){.input = wire, .input_size = how == 0 ? torn : size, .at_most = 1};
            stream[0].fault[0].call = how == 0 ? 0 : (int)torn + 1;
            stream[0].fault[0].how = EAGAIN;
            stream[1] = (struct stream){.input = wire, .input_size = size};
            try_recv_message(0, 32);
            try_recv_message(1, 32);
            stream[0].fault[0].how = EPIPE;
            stream[0].calls = 0;
            stream[1].fault[0].call = 0;
            try_send_message(0, letters, 10);
            try_send_message(1, letters, 10);
        }
}

int main(int argc, char **argv)
{
    const struct test tests[] = {
        ENTRY(every_pair_of_faults_in_full_read),
        ENTRY(every_pair_of_faults_in_full_write),
        ENTRY(every_pair_of_faults_in_send_message),
        ENTRY(every_pair_of_faults_in_recv_message),
        ENTRY(a_message_is_skipped_under_faults),
        ENTRY(a_message_of_any_length_is_skipped),
        ENTRY(the_longest_message_is_not_refused),
        ENTRY(an_old_errno_means_nothing),
        ENTRY(lengths_with_high_bytes),
        ENTRY(a_lying_length_allocates_nothing),
        ENTRY(two_streams_do_not_mix),
    };

    return RUN_TESTS(tests, argc, argv);
}
