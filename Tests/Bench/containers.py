#!/usr/bin/env python3
"""Measures how long a container takes from its manifest in place to the first 200, beside `podman kube play` of the
same image with the same engine, in one run.

Needs root, the release build (make programs), and Debian's packages runc, podman, docker-registry and skopeo.
Everything lies in a temporary directory, podman's images and containers too; what was started is ended."""

import sys

sys.dont_write_bytecode = True  # the repository stays as it is

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time

import probing
import report
from fetching import Registry
from probing import BenchError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BEGIN, END = "<!-- containers:begin -->", "<!-- containers:end -->"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def call(words, environment=None):
    """Runs a command to its end."""
    done = subprocess.run(
        words,
        env={"PATH": PATH, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=120,
    )
    if done.returncode != 0:
        raise BenchError(f"{words} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-600:]}")
    return done.stdout.decode(errors="replace")


class ERA:
    """A daemon with a directory of its own."""

    def __init__(self, options, directory, registry):
        self.options = options
        self.registry = registry
        self.root = tempfile.mkdtemp(prefix="era-", dir=directory)
        for name in ("manifests", "data", "run"):
            os.mkdir(f"{self.root}/{name}", 0o700)
        self.log = open(f"{self.root}/log", "wb")
        self.daemon = subprocess.Popen(
            [
                f"{options.bin}/era", "daemon", "--manifests", f"{self.root}/manifests",
                "--data-dir", f"{self.root}/data", "--run-dir", f"{self.root}/run",
                "--insecure-registry", registry.host, "--no-table",
            ],
            env={"PATH": PATH},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.log,
        )
        probing.wait_until(lambda: os.path.exists(f"{self.root}/run/era.sock"), 20, "the socket of era")

    def era(self, *words):
        return call([f"{self.options.bin}/era", *words], {"ERA_RUN_DIR": f"{self.root}/run"})

    def place(self, name, port, runtime):
        """Puts a manifest into place; returns when that was."""
        path = f"{self.root}/{name}.yaml"
        spec = {
            "version": "1.0.0",
            "args": ["--port", str(port), "--name", name],
            "ports": [{"name": "http", "port": port}],
            "update": {"bakeSeconds": 0},
            "health": {
                "startup": {
                    "httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 1, "failureThreshold": 30,
                }
            },
            **runtime,
        }
        with open(path, "w") as file:
            # JSON is YAML: no quoting to get wrong.
            json.dump(
                {"apiVersion": "era.dev/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}, file
            )
        begin = time.monotonic()
        os.rename(path, f"{self.root}/manifests/{name}.yaml")
        return begin

    def container(self, name, port):
        return self.place(
            name,
            port,
            {"runtime": {"plugin": "container"}, "artifact": {"source": f"oci://{self.registry.host}/bench/web:1"}},
        )

    def withdraw(self, name):
        """Removes a manifest, and waits until nothing is left of it."""
        os.unlink(f"{self.root}/manifests/{name}.yaml")
        probing.wait_until(
            lambda: not os.path.exists(f"{self.root}/data/instances/default/{name}"), 30, f"the end of {name}"
        )
        time.sleep(0.2)

    def end(self):
        self.daemon.kill()
        self.daemon.wait(10)
        self.log.close()
        probing.kill_all(os.path.basename(self.root))
        # Of containers that were killed the engine knows still, and of their control groups.
        for boot in os.scandir(f"{self.root}/run/containers") if os.path.exists(f"{self.root}/run/containers") else []:
            for name in os.listdir(boot.path):
                call(["runc", "--root", boot.path, "delete", "--force", name])
        shutil.rmtree(self.root, ignore_errors=True)


def first_answer(begin, port):
    probing.wait_for_answer(port, 60)
    return time.monotonic() - begin


def era(options, directory, registry, ports, take):
    """ERA's samples: the image unpacked already, in the store, and in the registry alone."""
    manager = ERA(options, directory, registry)
    try:
        # A directory that is suddenly empty deletes nothing.
        stays = ports.take(1)[0]
        first_answer(
            manager.place("stays", stays, {"runtime": {"plugin": "process"}, "command": [f"{options.bin}/sample-web"]}),
            stays,
        )
        manager.era("artifact", "pull", f"oci://{registry.host}/bench/web:1")
        for kind in ("stored", "unpacked"):
            if kind == "unpacked":
                other = ports.take(1)[0]
                first_answer(manager.container("other", other), other)
                time.sleep(1)
            for number in range(options.rounds):
                port = ports.take(1)[0]
                name = f"{kind}-{number}"
                take(kind, first_answer(manager.container(name, port), port))
                time.sleep(0.5)
                manager.withdraw(name)
                if kind == "stored":
                    # What was just removed slows down what is written: neither podman nor a fetch meets that here.
                    time.sleep(3)
    finally:
        manager.end()
    for number in range(options.rounds):
        manager = ERA(options, directory, registry)
        try:
            # After the first tidying of its memory.
            time.sleep(1)
            port = ports.take(1)[0]
            take("fetched", first_answer(manager.container("fetched", port), port))
            time.sleep(0.5)
        finally:
            manager.end()


class Podman:
    """podman with storage of its own, and the engine that ERA has."""

    def __init__(self, directory, registry):
        self.root = os.path.join(directory, "podman")
        self.image = f"{registry.host}/bench/web:1"
        os.mkdir(self.root, 0o700)
        with open(f"{self.root}/containers.conf", "w") as file:
            # Its own default is more than some hosts allow.
            file.write('[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n')
        self.environment = {
            "HOME": self.root, "TMPDIR": self.root, "CONTAINERS_CONF": f"{self.root}/containers.conf",
        }

    def words(self, *words):
        return [
            "podman", "--root", f"{self.root}/storage", "--runroot", f"{self.root}/run", "--tmpdir", f"{self.root}/tmp",
            "--runtime", "runc", "--cgroup-manager", "cgroupfs", "--events-backend", "none", *words,
        ]

    def call(self, *words):
        return call(self.words(*words), self.environment)

    def pod(self, name, port):
        """The file of a pod; returns its path."""
        path = f"{self.root}/{name}.yaml"
        container = {
            "name": "web",
            "image": self.image,
            "imagePullPolicy": "IfNotPresent",
            "args": ["--port", str(port), "--name", name],
        }
        with open(path, "w") as file:
            json.dump(
                {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "metadata": {"name": name},
                    "spec": {"hostNetwork": True, "containers": [container]},
                },
                file,
            )
        return path

    def play(self, name, port):
        """Seconds from the start of the command to the first 200, with the pod removed after that."""
        path = self.pod(name, port)
        begin = time.monotonic()
        command = subprocess.Popen(
            self.words("kube", "play", "--tls-verify=false", path),
            env={"PATH": PATH, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            found = first_answer(begin, port)
        except BenchError as error:
            command.kill()
            said = command.communicate()[1].decode(errors="replace")[-600:]
            raise BenchError(f"podman kube play: {error}: {said}") from error
        command.communicate(timeout=60)
        self.call("kube", "down", path)
        return found

    def end(self):
        for words in (("pod", "rm", "--all", "--force", "--time", "0"), ("system", "reset", "--force")):
            try:
                self.call(*words)
            except (BenchError, subprocess.TimeoutExpired) as error:
                print(f"bench: {error}", file=sys.stderr)


def podman(options, directory, registry, ports, take):
    manager = Podman(directory, registry)
    try:
        # The first pod ever makes podman's own image for its pause process.
        manager.play("first", ports.take(1)[0])
        for number in range(options.rounds):
            take("unpacked", manager.play(f"unpacked-{number}", ports.take(1)[0]))
        for number in range(options.rounds):
            manager.call("rmi", manager.image)
            take("fetched", manager.play(f"fetched-{number}", ports.take(1)[0]))
    finally:
        manager.end()


def measure(options, directory):
    ports = probing.Ports()
    registry = Registry(directory, ports.take(1)[0])
    samples = {}
    try:
        name = f"{registry.host}/bench/web:1"
        path = os.path.join(directory, "image.tar")
        call(["sh", f"{ROOT}/samples/image.sh", name, path, f"{options.bin}/sample-web"])
        call(["skopeo", "copy", "-q", "--dest-tls-verify=false", f"oci-archive:{path}", f"docker://{name}"])
        for kind, body in (("era", era), ("podman", podman)):
            print(kind, file=sys.stderr, flush=True)
            body(
                options, directory, registry, ports,
                lambda what, sample: samples.setdefault(kind, {}).setdefault(what, []).append(sample),
            )
    finally:
        registry.end()
    return samples


HEADINGS = ("manifest in place → first 200 (median)", "era", "podman kube play", "podman : era")


def rows(samples):
    found = {
        kind: {what: report.median(taken) for what, taken in parts.items()} for kind, parts in samples.items()
    }
    table = []
    for what, text in (
        ("unpacked", "image unpacked already"),
        ("stored", "image in the store, not unpacked"),
        ("fetched", "image fetched from the registry"),
    ):
        own, peer = (found[kind].get(what) for kind in ("era", "podman"))
        table.append((text, report.duration(own), report.duration(peer), report.ratio(own, peer)))
    return table


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default=os.path.join(ROOT, ".build", "release"), help="where the programs are")
    parser.add_argument("--rounds", type=int, default=7, help="the median of so many is taken (7)")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args(arguments)
    options.bin = os.path.abspath(options.bin)
    if os.geteuid() != 0:
        parser.error("containers need root here")
    for name in ("runc", "podman", "docker-registry", "skopeo"):
        if not shutil.which(name, path=PATH):
            parser.error(f"{name} is not installed: apt-get install {name}")
    return options


def main():
    options = parse(sys.argv[1:])
    probing.adopt_orphans()
    directory = tempfile.mkdtemp(prefix="era-containers-")
    try:
        samples = measure(options, directory)
    finally:
        probing.kill_all(os.path.basename(directory))
        shutil.rmtree(directory, ignore_errors=True)
    table = [HEADINGS, *rows(samples)]
    print(report.markdown(table))
    print(json.dumps(samples), file=sys.stderr)
    if options.write_docs:
        version = call(["podman", "--version"]).split()[-1]
        remarks = f", podman {version}; medians of {options.rounds}"
        path = os.path.join(ROOT, "docs", "benchmarks.md")
        date = time.strftime("%Y-%m-%d")
        report.write_table(path, (BEGIN, END), table, date, report.machine(), remarks)
    return 0


if __name__ == "__main__":
    sys.exit(main())
