#!/usr/bin/env python3
"""Measures how ERA fetches from a registry on this machine, beside curl and skopeo, all in one run.

Needs the release build (make programs) and Debian's packages docker-registry, skopeo and curl. Everything lies in a
temporary directory; what was started is ended."""

import sys

sys.dont_write_bytecode = True  # the repository stays as it is

import argparse
import gzip
import hashlib
import io
import json
import os
import resource
import shutil
import sqlite3
import statistics
import subprocess
import tarfile
import tempfile
import threading
import time
import urllib.request

import probing
import report
from probing import HOST, BenchError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BEGIN, END = "<!-- fetch:begin -->", "<!-- fetch:end -->"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Registry:
    """A docker-registry of its own, and how things come into it."""

    def __init__(self, directory, port):
        self.host = f"{HOST}:{port}"
        path = os.path.join(directory, "registry.yaml")
        with open(path, "w") as file:
            json.dump(
                {
                    "version": "0.1",
                    "log": {"level": "error", "accesslog": {"disabled": True}},
                    "storage": {"filesystem": {"rootdirectory": os.path.join(directory, "registry")}},
                    "http": {"addr": self.host},
                },
                file,
            )
        self.process = subprocess.Popen(
            ["docker-registry", "serve", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        probing.wait_until(lambda: self.answers(), 20, "the registry")

    def answers(self):
        try:
            with urllib.request.urlopen(f"http://{self.host}/v2/", timeout=1):
                return True
        except OSError:
            return False

    def blob(self, repository, content):
        """Uploads a blob; returns its descriptor without a media type."""
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        begin = urllib.request.Request(f"http://{self.host}/v2/{repository}/blobs/uploads/", method="POST")
        with urllib.request.urlopen(begin, timeout=60) as answer:
            place = answer.headers["Location"]
        put = urllib.request.Request(
            f"{place}&digest={digest}",
            data=content,
            method="PUT",
            headers={"Content-Type": "application/octet-stream"},
        )
        urllib.request.urlopen(put, timeout=300).close()
        return {"digest": digest, "size": len(content)}

    def manifest(self, repository, document):
        put = urllib.request.Request(
            f"http://{self.host}/v2/{repository}/manifests/1",
            data=json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, **document}).encode(),
            method="PUT",
            headers={"Content-Type": MANIFEST},
        )
        urllib.request.urlopen(put, timeout=60).close()

    def push_file(self, repository, size):
        """One blob of random bytes with a title, as ORAS pushes a file; returns its digest."""
        blob = self.blob(repository, os.urandom(size))
        empty = {"mediaType": "application/vnd.oci.empty.v1+json", **self.blob(repository, b"{}")}
        title = {"org.opencontainers.image.title": "blob.bin"}
        layer = {"mediaType": "application/octet-stream", "annotations": title, **blob}
        self.manifest(
            repository, {"artifactType": "application/vnd.example.file", "config": empty, "layers": [layer]}
        )
        return blob["digest"]

    def push_image(self, repository, layers, size):
        """An image of layers with one random file each; compressed already, or skopeo would do it."""
        descriptors, identities = [], []
        for number in range(layers):
            buffer = io.BytesIO()
            with tarfile.open(fileobj=buffer, mode="w") as archive:
                entry = tarfile.TarInfo(f"layer-{number}")
                entry.size = size
                archive.addfile(entry, io.BytesIO(os.urandom(size)))
            tar = buffer.getvalue()
            identities.append("sha256:" + hashlib.sha256(tar).hexdigest())
            blob = self.blob(repository, gzip.compress(tar, 1, mtime=0))
            descriptors.append({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **blob})
        architecture = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
        config = {
            "architecture": architecture,
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": identities},
        }
        blob = self.blob(repository, json.dumps(config).encode())
        self.manifest(
            repository,
            {
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **blob},
                "layers": descriptors,
            },
        )

    def end(self):
        self.process.terminate()
        self.process.wait(10)


def command(words, shell=False):
    """Runs a command; returns its wall time, and the processor time of all that it started."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.monotonic()
    done = subprocess.run(words, shell=shell, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=300)
    wall = time.monotonic() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise BenchError(f"{words} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-300:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": cpu}


class Peak(threading.Thread):
    """The most that a process had resident, looked at every 5 ms."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid = pid
        self.most = 0
        self.done = threading.Event()

    def run(self):
        page = os.sysconf("SC_PAGESIZE")
        while not self.done.wait(0.005):
            fields = probing.read(f"/proc/{self.pid}/statm").split()
            if len(fields) > 1:
                self.most = max(self.most, int(fields[1]) * page)


def is_fetched(options, root):
    """Whether the daemon is past the download."""
    answer = subprocess.run(
        [os.path.join(options.bin, "era"), "get", "fetched", "-o", "json"],
        env={"ERA_RUN_DIR": f"{root}/run"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
    )
    try:
        phase = json.loads(answer.stdout).get("status", {}).get("phase")
    except ValueError:
        return False
    return phase not in (None, "Requested", "Validating", "Fetching")


def era(options, directory, host, repository):
    """One fetch by a daemon that knows nothing yet: the step's time as its journal has it."""
    root = tempfile.mkdtemp(prefix="era-", dir=directory)
    for name in ("manifests", "data", "run"):
        os.mkdir(os.path.join(root, name), 0o700)
    daemon = subprocess.Popen(
        [
            os.path.join(options.bin, "era"), "daemon", "--manifests", f"{root}/manifests", "--data-dir",
            f"{root}/data", "--run-dir", f"{root}/run", "--insecure-registry", host, "--no-table",
        ],
        stdout=subprocess.DEVNULL,
        stderr=open(f"{root}/log", "wb"),
    )
    try:
        probing.wait_until(lambda: os.path.exists(f"{root}/run/era.sock"), 20, "the socket of era")
        # After the first tidying of its memory.
        time.sleep(1.5)
        rss = probing.memory(daemon.pid)[0]
        cpu = probing.cpu_seconds([daemon.pid])
        peak = Peak(daemon.pid)
        peak.start()
        with open(f"{root}/manifest.yaml", "w") as file:
            json.dump(
                {
                    "apiVersion": "era.dev/v1",
                    "kind": "Deployment",
                    "metadata": {"name": "fetched"},
                    "spec": {
                        "version": "1.0.0",
                        "runtime": {"plugin": "process"},
                        "artifact": {"source": f"oci://{host}/{repository}:1", "format": "raw"},
                        "command": ["/bin/sleep", "1000"],
                    },
                },
                file,
            )
        os.rename(f"{root}/manifest.yaml", f"{root}/manifests/fetched.yaml")
        probing.wait_until(lambda: is_fetched(options, root), 120, "the fetch", pause=0.2)
        peak.done.set()
        cpu = probing.cpu_seconds([daemon.pid]) - cpu
        # The database is the daemon's alone while it runs.
        daemon.terminate()
        daemon.wait(20)
        rows = {}
        with sqlite3.connect(f"{root}/data/era.db") as database:
            for at, kind in database.execute("SELECT at, kind FROM journal ORDER BY seq"):
                rows.setdefault(kind, at)
        begin = next(at for kind, at in rows.items() if kind.startswith("stepSucceeded(Validate"))
        end = next(at for kind, at in rows.items() if kind.startswith("stepSucceeded(Fetch"))
        return {"wall": (end - begin) / options.unit, "cpu": cpu, "growth": peak.most - rss}
    finally:
        daemon.kill()
        daemon.wait(10)
        probing.kill_all(os.path.basename(root))
        shutil.rmtree(root, ignore_errors=True)


def measure(options, directory):
    registry = Registry(directory, probing.Ports().take(1)[0])
    samples = {}

    def take(name, sample):
        samples.setdefault(name, []).append(sample)

    try:
        size = options.size << 20
        digest = registry.push_file("bench/file", size)
        registry.push_image("bench/image", 4, size // 4)
        address = f"http://{registry.host}/v2/bench/file/blobs/{digest}"
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
            path = os.path.join(directory, "copied")
            take("curl", command(f"curl -sSf {address} | sha256sum", shell=True))
            take("disk", command(f"curl -sSf {address} | tee {path} | sha256sum && sync {path}", shell=True))
            os.unlink(path)
            take("era file", era(options, directory, registry.host, "bench/file"))
            layout = os.path.join(directory, "layout")
            source = f"docker://{registry.host}/bench/image:1"
            words = ["skopeo", "copy", "-q", "--src-tls-verify=false", source, f"oci:{layout}:1"]
            take("skopeo", command(words))
            shutil.rmtree(layout)
            take("era image", era(options, directory, registry.host, "bench/image"))
    finally:
        registry.end()
    return {
        name: {key: statistics.median(sample[key] for sample in taken) for key in taken[0]}
        for name, taken in samples.items()
    }


def rows(found, size):
    curl, disk, skopeo = found["curl"], found["disk"], found["skopeo"]

    def row(what, sample, peer):
        times = f"{sample['wall'] / peer['wall']:.2f}×"
        work = f"{sample['cpu'] / peer['cpu']:.2f}×"
        growth = report.size(sample.get("growth"))
        return (
            what, report.duration(sample["wall"]), times, report.duration(sample["cpu"]), work, growth,
        )

    return [
        row(f"one blob of {size} MiB: `curl \\| sha256sum`", curl, curl),
        row("… kept on disk: `curl \\| tee \\| sha256sum`, `sync`", disk, curl),
        row("… era, kept on disk", found["era file"], curl),
        row(f"image of four layers, {size} MiB: `skopeo copy`", skopeo, skopeo),
        row("… era", found["era image"], skopeo),
    ]


HEADINGS = ("what", "time", "of the peer's", "processor", "of the peer's", "memory on top")


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default=os.path.join(ROOT, ".build", "release"), help="where the programs are")
    parser.add_argument("--size", type=int, default=256, help="MiB of the blob and of the image (256)")
    parser.add_argument("--rounds", type=int, default=5, help="the median of so many is taken (5)")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args(arguments)
    # Of the journal's times.
    options.unit = 1000
    for name in ("docker-registry", "skopeo", "curl"):
        if not shutil.which(name):
            parser.error(f"{name} is not installed: apt-get install {name}")
    return options


def main():
    options = parse(sys.argv[1:])
    probing.adopt_orphans()
    directory = tempfile.mkdtemp(prefix="era-fetch-")
    try:
        found = measure(options, directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    table = [HEADINGS, *rows(found, options.size)]
    print(report.markdown(table))
    if options.write_docs:
        remarks = f"; medians of {options.rounds}"
        path = os.path.join(ROOT, "docs", "benchmarks.md")
        date = time.strftime("%Y-%m-%d")
        report.write_table(path, (BEGIN, END), table, date, report.machine(), remarks)
    return 0


if __name__ == "__main__":
    sys.exit(main())
