"""The measurements. Each returns samples in the unit that its name says, or raises BenchError."""

import multiprocessing
import os
import signal
import statistics
import time

import probing
from probing import BenchError


def first_answers(manager, ports, deadline):
    """Seconds from the configuration in place to the first 200, one program after the other.

    The first of the ports is for a program that stays: a directory that is suddenly empty deletes nothing."""
    samples = []
    stays = [("stays", ports[0])]
    manager.prepare(stays)
    manager.deploy(stays)
    probing.wait_for_answer(ports[0], 20)
    ports = ports[1:]
    for number, port in enumerate(ports):
        deadline.check()
        program = [(f"first-{number}", port)]
        manager.prepare(program)
        begin = time.monotonic()
        manager.deploy(program)
        probing.wait_for_answer(port, 20)
        samples.append(time.monotonic() - begin)
        # What was just begun is settled before the next one, so that each meets an idle machine.
        time.sleep(0.15)
        manager.withdraw(program[0][0])
        probing.wait_until(lambda: probing.is_free(port), 20, f"port {port} to be free again")
        time.sleep(0.05)
    return samples


def all_at_once(manager, programs, timeout):
    """(seconds until each has answered, seconds until the manager calls each of them running)."""
    manager.prepare(programs)
    begin = time.monotonic()
    manager.deploy(programs)
    probing.wait_for_answers([port for _, port in programs], timeout)
    answered = time.monotonic() - begin
    known = None
    if hasattr(manager, "running"):
        names = {name for name, _ in programs}
        probing.wait_until(
            lambda: names <= manager.running(), timeout, f"{manager.name} to call all running", pause=0.1
        )
        known = time.monotonic() - begin
    return answered, known


def idle(manager, programs, seconds, is_shim):
    """CPU as a share of one core while nothing happens, and memory in bytes."""
    shims = [pid for pid in map(probing.parent, programs) if is_shim(pid, manager.pid)]
    groups = {"manager": [manager.pid], "with_shims": [manager.pid, *shims]}
    before = {name: probing.cpu_seconds(pids) for name, pids in groups.items()}
    time.sleep(seconds)
    result = {
        "cpu_" + name: (probing.cpu_seconds(pids) - before[name]) / seconds for name, pids in groups.items()
    }
    result["rss"], result["private"] = probing.memory(manager.pid)
    result["shims"] = len(shims)
    if shims:
        sizes = [probing.memory(pid) for pid in shims]
        result["shim_rss"] = statistics.median(size[0] for size in sizes)
        result["shim_private"] = statistics.median(size[1] for size in sizes)
    return result


def back_after_kill(manager, programs, deadline):
    """Seconds from SIGKILL of a program to an answer of its successor; another program each time."""
    samples = []
    for _, port in programs:
        deadline.check()
        old = probing.serving_pid(probing.wait_for_answer(port, 10))
        if old is None:
            raise BenchError("the sample server does not tell its PID")
        begin = time.monotonic()
        os.kill(old, signal.SIGKILL)
        probing.wait_for_answer(port, 20, lambda body: probing.serving_pid(body) != old)
        samples.append(time.monotonic() - begin)
        time.sleep(0.05)
    return samples


def manager_back(manager, programs, program, timeout):
    """What becomes of everything when the manager is killed and started again."""
    names = {name for name, _ in programs}
    ports = {port for _, port in programs}

    def identities():
        return {
            port: (pid, probing.start_time(pid))
            for port, pid in probing.servers(program).items()
            if port in ports
        }

    before = identities()
    manager.kill()
    begin = time.monotonic()
    manager.start()
    up = time.monotonic() - begin
    known = None
    end = begin + timeout
    while time.monotonic() < end:
        if names <= manager.running():
            known = time.monotonic() - begin
            break
        time.sleep(0.02)
    after = identities()
    kept = sum(1 for port, identity in before.items() if after.get(port) == identity)
    return {
        "up": up,
        "known": known,
        "programs": len(before),
        "same_process": kept,
        "known_names": len(names & manager.running()),
    }


def client(port, rate, stop, results):
    """Opens `rate` new connections a second until told to stop; in a process of its own."""
    failures, latencies, count = {}, [], 0
    pause = 1 / rate
    due = time.monotonic()
    while not stop.is_set():
        begin = time.monotonic()
        try:
            status, _ = probing.ask(port, timeout=5)
            if status != 200:
                raise ConnectionError(f"status {status}")
        except OSError as error:
            word = type(error).__name__
            failures[word] = failures.get(word, 0) + 1
        latencies.append(time.monotonic() - begin)
        count += 1
        due += pause
        rest = due - time.monotonic()
        if rest > 0:
            time.sleep(rest)
        else:
            due = time.monotonic()
    results.put((count, failures, latencies))


def updates(manager, name, port, count, deadline, **fields):
    """Failed requests while the program is updated `count` times under load."""
    manager.prepare([(name, port)], version="1.0.0", **fields)
    manager.deploy([(name, port)])
    probing.wait_for_answer(port, 20)
    context = multiprocessing.get_context("fork")
    stop, results = context.Event(), context.Queue()
    load = context.Process(target=client, args=(port, 500, stop, results))
    load.start()
    durations = []
    try:
        for number in range(1, count + 1):
            deadline.check()
            version = f"1.0.{number}"
            begin = time.monotonic()
            if fields:
                manager.prepare([(name, port)], version=version, **fields)
                manager.deploy([(name, port)])
            else:
                manager.deploy([(name, port)], version=version)
            probing.wait_for_answer(port, 30, lambda body: f" {version}," in body)
            durations.append(time.monotonic() - begin)
            time.sleep(0.2)
    finally:
        stop.set()
        try:
            total, failures, latencies = results.get(timeout=20)
        finally:
            load.join(5)
            if load.is_alive():
                load.kill()
    latencies.sort()
    return {
        "updates": count,
        "requests": total,
        "failed": sum(failures.values()),
        "failures": failures,
        "slowest": latencies[-1],
        "p99": latencies[int(len(latencies) * 0.99)],
        "update": statistics.median(durations),
    }
