"""What the benchmark sees of the machine: ports that answer, and processes in /proc."""

import ctypes
import os
import re
import signal
import socket
import time

HOST = "127.0.0.1"
PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>
CPUCLOCK_SCHED = 2  # include/linux/posix-timers_types.h: what the scheduler counts, of the whole process
REQUEST = b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"


class BenchError(Exception):
    """A measurement that could not be made; the text says why."""


def ask(port, timeout=2.0):
    """One request on a connection of its own.

    Returns (status, body); raises OSError when the connection is refused, reset or too slow."""
    with socket.create_connection((HOST, port), timeout=timeout) as connection:
        connection.settimeout(timeout)
        connection.sendall(REQUEST)
        answer = b""
        while chunk := connection.recv(4096):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        raise ConnectionError("the connection ended before an answer")
    return int(words[1]), body.decode(errors="replace")


def serving_pid(body):
    """The PID that the sample web server writes into its answer."""
    match = re.search(r"PID (\d+)", body)
    return int(match.group(1)) if match else None


def wait_for_answer(port, timeout, accept=lambda body: True):
    """Polls one port every 0.2 ms until it answers 200; returns the body."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        try:
            status, body = ask(port)
            if status == 200 and accept(body):
                return body
        except OSError:
            pass
        time.sleep(0.0002)
    raise BenchError(f"port {port} did not answer within {timeout:.0f} s")


def wait_for_answers(ports, timeout):
    """Goes round the ports until each has answered 200 once. At most 50 are asked in a row, with a pause after
    them, so that the asking does not take the processors from those who are starting."""
    waiting = list(ports)
    end = time.monotonic() + timeout
    while waiting:
        if time.monotonic() > end:
            raise BenchError(f"{len(waiting)} of {len(ports)} did not answer within {timeout:.0f} s")
        turn, waiting = waiting[:50], waiting[50:]
        for port in turn:
            try:
                if ask(port)[0] == 200:
                    continue
            except OSError:
                pass
            waiting.append(port)
        time.sleep(0.002)


def wait_until(condition, timeout, what, pause=0.01):
    """Polls a condition; raises BenchError that names `what` when it does not come true."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise BenchError(f"{what}: not within {timeout:.0f} s")
        time.sleep(pause)


def is_free(port):
    """Whether nothing listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            return True
        except OSError:
            return False


class Ports:
    """Hands out free ports, each once; below the range from which the kernel takes those of clients."""

    def __init__(self, first=18_000, last=32_000):
        self._ports = (port for port in range(first, last) if is_free(port))

    def take(self, count):
        ports = [port for port, _ in zip(self._ports, range(count))]
        if len(ports) < count:
            raise BenchError(f"there are no {count} free ports; end what listens on them")
        return ports


def read(path):
    """The content of a file of /proc; empty when the process is gone or not ours."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def arguments(pid):
    return read(f"/proc/{pid}/cmdline").split(b"\0")[:-1]


def parent(pid):
    fields = read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return int(fields[1]) if len(fields) > 1 else None


def start_time(pid):
    """In clock ticks since boot; with the PID it names a process for good. None when it is gone."""
    fields = read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return int(fields[19]) if len(fields) > 19 and fields[0] != b"Z" else None


def cpu_seconds(pids):
    """What the processes have used of the processors so far, to the nanosecond and with their ended threads:
    /proc/PID/stat counts ticks of 10 ms, too coarse for a thousandth of a core."""
    total = 0.0
    for pid in pids:
        try:
            # The clock of another process, as clock_getcpuclockid(3) numbers it.
            total += time.clock_gettime(~pid << 3 | CPUCLOCK_SCHED)
        except OSError:
            continue
    return total


def memory(pid):
    """(resident, private) in bytes."""
    sizes = {"Rss": 0, "Private_Clean": 0, "Private_Dirty": 0}
    for line in read(f"/proc/{pid}/smaps_rollup").decode(errors="replace").splitlines():
        name, _, rest = line.partition(":")
        if name in sizes:
            sizes[name] = int(rest.split()[0]) * 1024
    return sizes["Rss"], sizes["Private_Clean"] + sizes["Private_Dirty"]


def servers(program):
    """Maps the --port of each running sample server to its PID."""
    found = {}
    for pid in processes():
        words = arguments(pid)
        if words and os.path.basename(words[0]) == os.path.basename(program.encode()) and b"--port" in words:
            place = words.index(b"--port") + 1
            if place < len(words) and words[place].isdigit() and start_time(pid) is not None:
                found[int(words[place])] = pid
    return found


def belonging(token):
    """Processes that carry the token of this run in arguments, environment or directory, and their supervisors."""
    mark = token.encode()
    own = set()
    for pid in processes():
        if pid == os.getpid():
            continue
        try:
            directory = os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            directory = ""
        if (
            mark in read(f"/proc/{pid}/cmdline")
            or mark in read(f"/proc/{pid}/environ")
            or token in directory
        ):
            own.add(pid)
    for pid in list(own):
        above = parent(pid)
        words = arguments(above) if above else []
        if words and os.path.basename(words[0]) == b"era-shim":
            own.add(above)
    return own


def kill_all(token, timeout=10):
    """Ends every process of this run, by PID, supervisors first so that nothing is restarted."""
    end = time.monotonic() + timeout
    while own := belonging(token):
        def rank(pid):
            words = arguments(pid)
            return os.path.basename(words[0]) == b"sample-web" if words else True

        for pid in sorted(own, key=rank):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        reap()
        if time.monotonic() > end:
            alive = [pid for pid in own if start_time(pid) is not None]
            if alive:
                raise BenchError(f"processes {alive} did not end")
            return
        time.sleep(0.02)


def adopt_orphans():
    """Makes this process the parent of what its dead children leave, so that it can collect all of it."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise BenchError("cannot become the reaper of orphans")


def reap():
    """Collects children of our own that have ended."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return
