# A program that runs while it is imported, and a timer that imports, too.
import multiprocessing
import os
import sys
import threading
import time

sys.dont_write_bytecode = True
tick = float(os.environ.get("TICK_MS", 1000)) / 1000


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def callback():
    import os  # it is there already, and yet: a lock for all imports
    say("timer: fired")


def child():
    time.sleep(3.5 * tick)
    say("child: done")


def main():
    timer = threading.Timer(tick, callback)
    process = multiprocessing.Process(target=child)
    process.start()
    timer.start()
    process.join()
    say("parent: joined; timer alive: %s, threads: %d" %
        (timer.is_alive(), threading.active_count()))


if __name__ != "__main__":
    main()
else:
    if sys.version_info[0] > 2:
        multiprocessing.set_start_method("fork")
    import import_lock
