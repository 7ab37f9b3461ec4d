"""The other end of test_python_peer: CPython's own multiprocessing.connection.Connection.

usage: python_peer.py READ_FD WRITE_FD PERIOD_US MESSAGES LARGEST REPORT_FD

Receives MESSAGES messages of up to LARGEST bytes on READ_FD, then sends as many on WRITE_FD (the same number: one
socket for both), in a storm of SIGALRM every PERIOD_US microseconds (0: none). Says on REPORT_FD how many alarms it has
seen, and on stderr what went wrong; exit status 0 if nothing did.
"""
import os
import signal
import sys
from multiprocessing.connection import Connection

SIZES = [0, 1, 4091, 4092, 4093, 16383, 16384, 16385, 65535, 65536, 65537]
BLOCK = 65521  # a prime: content that moves by a page or a buffer is not the same content
alarms = 0


class Numbers:
    """The generator of test_python_peer.c."""

    def __init__(self, seed):
        self.x = seed

    def next(self):
        self.x = (self.x * 1103515245 + 12345) & 0x7FFFFFFF
        return self.x >> 8


class Messages:
    """Content and size follow from the seed and the number of the message."""

    def __init__(self, seed, count, largest):
        numbers = Numbers(seed)
        self.block = bytes(numbers.next() & 0xFF for _ in range(BLOCK))
        self.sizes = [self.size(numbers, i, count, largest) for i in range(count)]

    @staticmethod
    def size(numbers, number, count, largest):
        chosen, any_size = numbers.next() % len(SIZES), numbers.next() % 70000
        if number < len(SIZES):
            return SIZES[number]
        if number >= count - 3:
            return largest if number == count - 1 else 1 << 20
        return SIZES[chosen] if number % 2 else any_size

    def message(self, number):
        size, start = self.sizes[number], number * 7919 % BLOCK
        block = self.block[start:] + self.block[:start]
        return (block * (size // BLOCK + 1))[:size]


def count_alarm(signum, frame):
    global alarms
    alarms += 1


def receive_all(reader, messages):
    for number in range(len(messages.sizes)):
        expected = messages.message(number)
        got = reader.recv_bytes()
        if got != expected:
            sys.exit(f"python_peer: message {number}: {len(got)} bytes that are not the {len(expected)} expected")


def send_all(writer, messages):
    for number in range(len(messages.sizes)):
        writer.send_bytes(messages.message(number))


def expect_end(reader):
    try:
        extra = reader.recv_bytes()
    except EOFError:
        return
    sys.exit(f"python_peer: {len(extra)} bytes after the last message")


def talk(read_fd, write_fd, count, largest):
    one = read_fd == write_fd
    reader = Connection(read_fd, writable=one)
    writer = reader if one else Connection(write_fd, readable=False)
    receive_all(reader, Messages(1, count, largest))
    if not one:
        expect_end(reader)
    send_all(writer, Messages(2, count, largest))
    writer.close()


def main():
    read_fd, write_fd, period_us, count, largest, report_fd = map(int, sys.argv[1:])
    signal.signal(signal.SIGALRM, count_alarm)
    signal.setitimer(signal.ITIMER_REAL, period_us / 1e6, period_us / 1e6)
    try:
        talk(read_fd, write_fd, count, largest)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)  # at its end, Python has no handler any more
    os.write(report_fd, b"%d" % alarms)


main()
