"""CPython's own tests of multiprocessing.connection, run against conn.c through ctypes.

usage: python3 cpython_tests.py LIBRARY [TEST]...

LIBRARY is safe_io.c and conn.c as a shared object: gcc -shared -fPIC -o libconn.so safe_io.c conn.c

The tests are those of the package `test` of the Python that runs this; `make deps` installs Debian's. Every Connection
in them, in the test's process and in its children, sends, receives, polls and closes with the functions of conn.h. The
last line is "N passed, M failed"; the exit status is 1 if a test failed, if none ran, or if none used the library.
"""
import ctypes
import errno
import io
import math
import os
import selectors
import signal
import sys
import tempfile
import unittest
from multiprocessing import connection, reduction

PATIENCE_S = 40  # for one test; the longest takes about 5 s
CLASSES = """
    WithProcessesTestConnection WithProcessesTestPoll WithProcessesTestPollEintr TestIgnoreEINTR TestWait
    TestInvalidHandle WithProcessesTestListener WithProcessesTestListenerClient WithProcessesTestPicklingConnections
""".split()


# ---- calls into the library

class Library:
    """conn.h, and a file to which each call, of whatever process, adds one letter."""

    def __init__(self, path):
        self.dll = ctypes.CDLL(os.path.abspath(path), use_errno=True)
        self.calls = tempfile.TemporaryFile("a+b", buffering=0)
        pointer, size, out = ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER
        self.declare("conn_adopt", out(pointer), ctypes.c_int, ctypes.c_bool, ctypes.c_bool)
        self.declare("conn_send_bytes", pointer, ctypes.c_char_p, size)
        self.declare("conn_recv_bytes", pointer, pointer, size, out(size))
        self.declare("conn_poll", pointer, ctypes.c_int)
        self.declare("conn_close", pointer)

    def declare(self, name, *types):
        function = getattr(self.dll, name)
        function.argtypes, function.restype = types, ctypes.c_int

    def call(self, name, *arguments):
        """Returns what the function returns; raises OSError if that is -1."""
        os.write(self.calls.fileno(), name[5:6].encode())
        result = getattr(self.dll, name)(*arguments)
        if result == -1:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
        return result

    def counts(self):
        self.calls.seek(0)
        letters = self.calls.read()
        names = {b"a": "adopt", b"s": "send_bytes", b"r": "recv_bytes", b"p": "poll", b"c": "close"}
        return {name: letters.count(letter) for letter, name in names.items()}


library = None


# ---- CPython's Connection, with our functions below

class CConnection(connection.Connection):
    """What CPython does in _send_bytes, _recv_bytes, _poll and _close is done by the library."""

    _conn = None

    def _c(self):
        """The library's connection; made on the first call, since a test may open a wrong descriptor and not use it."""
        if self._conn is None:
            conn = ctypes.c_void_p()
            library.call("conn_adopt", ctypes.byref(conn), self._handle, self._readable, self._writable)
            self._conn = conn
        return self._conn

    def _send_bytes(self, buf):
        data = bytes(buf)
        library.call("conn_send_bytes", self._c(), data, len(data))

    def _recv_into(self, buf, size, length):
        if library.call("conn_recv_bytes", self._c(), buf, size, ctypes.byref(length)) == 0:
            raise EOFError

    def _recv_bytes(self, maxsize=None):
        length = ctypes.c_size_t()
        try:
            self._recv_into(None, 0, length)
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
            if maxsize is not None and length.value > maxsize:
                return None
            data = ctypes.create_string_buffer(length.value)
            self._recv_into(data, length.value, length)
            result = io.BytesIO(data.raw)
        else:
            result = io.BytesIO()  # an empty message
        result.seek(0, io.SEEK_END)
        return result

    def _poll(self, timeout):
        milliseconds = -1 if timeout is None else math.ceil(max(timeout, 0) * 1000)
        return library.call("conn_poll", self._c(), milliseconds) == 1

    def _close(self):
        conn, self._conn = self._c(), None
        library.call("conn_close", conn)


def load_tests_of_cpython():
    """Puts CPython's tests into this module, with CConnection below them."""
    try:
        from test import _test_multiprocessing
    except ImportError as error:
        package = "libpython{}.{}-testsuite".format(*sys.version_info)
        sys.exit(f"cpython_tests: {error}: Debian has the tests of {sys.executable} in {package}\n0 passed, 1 failed")
    connection.Connection = CConnection
    reduction.register(CConnection, connection.reduce_connection)
    _test_multiprocessing.install_tests_in_module_dict(globals(), "fork")


def suite_of(names):
    loader = unittest.TestLoader()
    return unittest.TestSuite(loader.loadTestsFromName(name, sys.modules[__name__]) for name in names)


# ---- one process runs the tests and tells of each, another one counts and does not wait for ever

class Tell(unittest.TestResult):
    def __init__(self, pipe):
        super().__init__()
        self.pipe = pipe

    def tell(self, what, test, reason=""):
        os.write(self.pipe, f"{what} {test.id() if hasattr(test, 'id') else test}\n".encode())
        if reason:
            print(reason, file=sys.stderr)

    def startTest(self, test):
        super().startTest(test)
        self.tell("begin", test)

    def addSuccess(self, test):
        self.tell("ok", test)

    def addSkip(self, test, reason):
        self.tell("skip", test)

    def addFailure(self, test, err):
        self.tell("fail", test, self._exc_info_to_string(err, test))

    addError = addFailure

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.tell("fail", subtest, self._exc_info_to_string(err, test))


def run_tests(names, pipe, folder):
    os.setpgid(0, 0)
    os.chdir(folder)  # some tests make files
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    load_tests_of_cpython()
    suite_of(names or CLASSES).run(Tell(pipe))
    os.write(pipe, b"over\n")
    os._exit(0)


def lines_of(pipe):
    """The lines of a pipe, until its end, or until none has come for a long time."""
    text = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while selector.select(PATIENCE_S):
            more = os.read(pipe, 65536)
            if not more:
                return
            *lines, text = (text + more).split(b"\n")
            for line in lines:
                yield line.decode()
                if line == b"over":  # the end of the pipe comes later if a test has left a child behind
                    return
    print(f"cpython_tests: nothing for {PATIENCE_S} s, killed", file=sys.stderr)


def kill_group(pid):
    """Kills the process of the tests, and what they have left behind."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    os.waitpid(pid, 0)


def count_tests(pid, pipe):
    """Returns the tests passed, failed and skipped."""
    results = {"ok": set(), "fail": set(), "skip": set()}
    running, over = None, False
    try:
        for line in lines_of(pipe):
            what, _, test = line.partition(" ")
            if what == "begin":
                running = test
            elif what == "over":
                over = True
            else:
                print(f"{what:4} {test}", flush=True)
                results[what].add(test)
    finally:
        kill_group(pid)
    if not over:
        print(f"fail {running}: it did not come to an end", flush=True)
        results["fail"].add(running)
    return len(results["ok"] - results["fail"]), len(results["fail"]), len(results["skip"])


def main():
    global library
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    library = Library(sys.argv[1])
    ours, theirs = os.pipe()
    with tempfile.TemporaryDirectory() as folder:
        pid = os.fork()
        if pid == 0:
            os.close(ours)
            run_tests(sys.argv[2:], theirs, folder)
        os.close(theirs)
        signal.signal(signal.SIGTERM, lambda signum, frame: sys.exit(1))  # timeout(1), for one
        passed, failed, skipped = count_tests(pid, ours)
    counts = library.counts()
    print(f"CPython {sys.version.split()[0]}: {passed + failed} tests ran, {skipped} skipped; {sum(counts.values())} "
          f"calls of the library: " + ", ".join(f"{n} {name}" for name, n in counts.items()))
    if passed + failed == 0 or min(counts.values()) == 0:
        print("cpython_tests: no test ran, or a function of the library was never called", file=sys.stderr)
        failed += 1
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
