#!/usr/bin/env python3
"""Measures ERA against supervisord and a bare fork+exec, all in one run, with one sample program.

Needs the release build (make programs) and Debian's package supervisor. Listens on the loopback interface only, keeps
everything in a temporary directory, and ends every process that it started."""

import sys

sys.dont_write_bytecode = True  # the repository stays as it is

import argparse
import os
import resource
import shutil
import tempfile
import time
import traceback

import measures
import probing
import report
from managers import ERA, Bare, Supervisord
from probing import BenchError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Deadline:
    """The end of the whole run; what is not measured by then stays out."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds

    def check(self):
        if time.monotonic() > self.end:
            raise BenchError("the time for the whole run is over")


class Bench:
    def __init__(self, options, directory):
        self.options = options
        self.directory = directory
        self.token = os.path.basename(directory)
        self.ports = probing.Ports()
        self.program = os.path.join(options.bin, "sample-web")
        self.deadline = Deadline(options.limit)
        self.results = {}
        self.problems = []

    def manager(self, kind, part):
        root = os.path.join(self.directory, f"{kind}-{part}")
        if kind == "era":
            return ERA(root, self.program, os.path.join(self.options.bin, "era"))
        return {"supervisord": Supervisord, "bare": Bare}[kind](root, self.program)

    def measure(self, kind, part, body):
        """Runs one part with a manager of its own, and clears everything away after it."""
        say(f"{kind}: {part}")
        try:
            self.deadline.check()
            manager = self.manager(kind, part.replace(" ", "-"))
            manager.start()
            body(manager, self.results.setdefault(kind, {}))
        except BenchError as problem:
            self.problems.append(f"{kind}, {part}: {problem}")
            say(f"  not measured: {problem}")
        except Exception:
            # A defect of one part must not cost the others their numbers.
            self.problems.append(f"{kind}, {part}: {traceback.format_exc(limit=3)}")
            say(traceback.format_exc())
        finally:
            probing.kill_all(self.token)

    def run(self):
        quick = self.options.quick
        for kind in self.options.only:
            self.measure(kind, "first answer", lambda manager, into: into.update(
                empty=self.empty(manager),
                first=measures.first_answers(manager, self.ports.take(6 if quick else 21), self.deadline),
            ))
            self.measure(kind, "a hundred", self.hundred)
            self.measure(kind, "many", self.many)
            if kind != "bare":
                self.measure(kind, "updates", self.updates)

    def empty(self, manager):
        """Memory before anything was deployed."""
        if manager.pid is None:
            return {}
        time.sleep(1)
        rss, private = probing.memory(manager.pid)
        return {"rss": rss, "private": private}

    def programs(self, prefix, count):
        return [(f"{prefix}-{number}", port) for number, port in enumerate(self.ports.take(count))]

    def hundred(self, manager, into):
        programs = self.programs("hundred", 100)
        answered, known = measures.all_at_once(manager, programs, 60)
        into.setdefault("at_once", {})["100"] = {"answered": answered, "known": known}
        if manager.pid is None:
            return
        # supervisord restarts at once only what ran for a second.
        time.sleep(1.5)
        count = 5 if self.options.quick else 20
        into["back"] = measures.back_after_kill(manager, programs[:count], self.deadline)

    def many(self, manager, into):
        count = self.options.many
        programs = self.programs("many", count)
        answered, known = measures.all_at_once(manager, programs, 90)
        into.setdefault("at_once", {})[str(count)] = {"answered": answered, "known": known}
        if manager.pid is None:
            return
        time.sleep(3)
        pids = probing.servers(self.program)
        own = [pids[port] for _, port in programs if port in pids]
        into["idle"] = measures.idle(manager, own, 5 if self.options.quick else 30, is_shim)
        into["manager_back"] = measures.manager_back(manager, programs, self.program, 15)

    def updates(self, manager, into):
        count = 5 if self.options.quick else 20
        fields = {"pass_socket": True} if manager.name == "era" else {}
        into["updates"] = measures.updates(
            manager, "updated", self.ports.take(1)[0], count, self.deadline, **fields
        )


def is_shim(pid, manager):
    """Whether a process stands between a program and the manager."""
    words = probing.arguments(pid) if pid not in (None, 0, 1, manager) else []
    return bool(words) and os.path.basename(words[0]) == b"era-shim"


def say(line):
    print(line, file=sys.stderr, flush=True)


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, a fifth of the programs")
    parser.add_argument("--bin", default=os.path.join(ROOT, ".build", "release"), help="where the programs are")
    parser.add_argument("--many", type=int, help="programs of the large case (500; 100 with --quick)")
    parser.add_argument(
        "--only", action="append", choices=["era", "supervisord", "bare"], help="measure these alone"
    )
    parser.add_argument("--limit", type=float, default=600, help="seconds for the whole run (600)")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args(arguments)
    options.only = options.only or ["bare", "supervisord", "era"]
    options.many = options.many or (120 if options.quick else 500)
    needed = ["sample-web"] + (["era"] if "era" in options.only else [])
    for name in needed:
        if not os.access(os.path.join(options.bin, name), os.X_OK):
            parser.error(f"{options.bin}/{name} is not there; run: make programs")
    return options


def main():
    options = parse(sys.argv[1:])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536) if hard > 0 else 65_536, hard))
    probing.adopt_orphans()
    directory = tempfile.mkdtemp(prefix="era-bench-")
    bench = Bench(options, directory)
    begin = time.monotonic()
    try:
        bench.run()
    finally:
        probing.kill_all(bench.token)
        shutil.rmtree(directory, ignore_errors=True)
    document = {
        "date": time.strftime("%Y-%m-%d"),
        "quick": options.quick,
        "machine": report.machine(),
        "seconds": round(time.monotonic() - begin, 1),
        "results": bench.results,
        "problems": bench.problems,
    }
    report.write_json(os.path.join(ROOT, "bench-results", "latest.json"), document)
    print(report.text(bench.results))
    if options.write_docs:
        report.write_docs(os.path.join(ROOT, "docs", "benchmarks.md"), document)
    for problem in bench.problems:
        say(f"bench: {problem}")
    return 1 if bench.problems else 0


if __name__ == "__main__":
    sys.exit(main())
