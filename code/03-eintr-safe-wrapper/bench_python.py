"""bench_python - the time Python's multiprocessing.Connection takes for messages one way, between two processes.

usage: bench_python.py [-h], started by bench_conn: it reads lines `SIZE COUNT` from stdin, sends COUNT messages of SIZE
bytes through a Pipe(duplex=False) to a child, waits until the child has them all, and prints the seconds that took.
"""
import multiprocessing.connection
import os
import sys
import time


def receive(reader, done):
    """The child: a message with a count, then as many messages, then one byte back; until the pipe ends."""
    try:
        while True:
            count = int(reader.recv_bytes())
            for _ in range(count):
                reader.recv_bytes()
            os.write(done, b"d")
    except EOFError:
        os._exit(0)


def measure(writer, done, size, count):
    message = bytes(size)
    writer.send_bytes(b"0")  # the child is awake, and waits for the next
    os.read(done, 1)
    start = time.perf_counter()
    writer.send_bytes(b"%d" % count)
    for _ in range(count):
        writer.send_bytes(message)
    os.read(done, 1)
    return time.perf_counter() - start


def main():
    if len(sys.argv) > 1:
        print(__doc__.split("\n\n", 1)[1].strip())
        return
    reader, writer = multiprocessing.connection.Pipe(duplex=False)
    done_read, done_write = os.pipe()
    if os.fork() == 0:
        writer.close()
        receive(reader, done_write)
    reader.close()
    for line in sys.stdin:
        size, count = map(int, line.split())
        print(measure(writer, done_read, size, count), flush=True)


main()
