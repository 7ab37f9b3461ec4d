# How long a sleep of one tick is, to the half tick. For Python 2 and 3.
from __future__ import print_function
import os
import signal
import sys
import time

TICK = int(os.environ.get("TICK_MS", 1000)) / 1000.0


def on_sigint(signum, frame):
    pass


signal.signal(signal.SIGINT, on_sigint)
for _ in range(3):
    start = time.time()
    time.sleep(TICK)
    halves = round((time.time() - start) / TICK * 2)
    print("slept %.1f ticks" % (halves / 2))
    sys.stdout.flush()
