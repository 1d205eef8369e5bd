"""The three that are compared: ERA, supervisord, and a bare fork and exec.

Each keeps everything below a directory of its own whose name carries the token of the run, so that whatever it has
started can be found again and ended."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import xmlrpc.client

from probing import BenchError, reap, wait_until


class Manager:
    """A supervisor under test. `program` is the sample web server."""

    name = ""

    def __init__(self, root, program):
        self.root = root
        self.program = program
        self.process = None
        os.makedirs(root)

    @property
    def pid(self):
        """Of the supervisor; None where there is none."""
        return self.process.pid if self.process else None

    def environment(self):
        return {"PATH": os.path.dirname(self.program) + ":/usr/bin:/bin", "ERA_BENCH": self.root}

    def spawn(self, command, log):
        """Starts a program with its output in a file of the root."""
        with open(os.path.join(self.root, log), "ab") as output, open(os.devnull) as nothing:
            return subprocess.Popen(
                command,
                stdin=nothing,
                stdout=output,
                stderr=output,
                env=self.environment(),
                cwd=self.root,
            )

    def kill(self):
        """SIGKILL for the supervisor alone."""
        self.process.kill()
        self.process.wait(10)

    def log_tail(self):
        try:
            with open(os.path.join(self.root, "manager.log"), errors="replace") as log:
                return log.read()[-600:].strip()
        except OSError:
            return ""


class ERA(Manager):
    name = "era"

    def __init__(self, root, program, era):
        super().__init__(root, program)
        self.era = era
        self.manifests = os.path.join(root, "manifests")
        self.staging = os.path.join(root, "staging")
        os.mkdir(self.manifests, 0o755)
        os.mkdir(self.staging)
        self.run_dir = os.path.join(root, "run")

    def start(self):
        """Returns once the daemon answers on its socket."""
        self.process = self.spawn(
            [
                self.era, "daemon", "--manifests", self.manifests,
                "--data-dir", os.path.join(self.root, "data"), "--run-dir", self.run_dir,
            ],
            "manager.log",
        )
        path = os.path.join(self.run_dir, "era.sock")

        def answers():
            if self.process.poll() is not None:
                raise BenchError(f"era daemon ended: {self.log_tail()}")
            with socket.socket(socket.AF_UNIX) as client:
                try:
                    client.connect(path)
                    return True
                except OSError:
                    return False

        wait_until(answers, 15, "the socket of era", pause=0.001)

    def manifest(self, name, port, version="1.0.0", pass_socket=False):
        arguments = ["--name", name, "--version", version]
        if not pass_socket:
            arguments += ["--port", str(port)]
        # JSON is YAML: no quoting to get wrong.
        return json.dumps(
            {
                "apiVersion": "era.dev/v1",
                "kind": "Deployment",
                "metadata": {"name": name},
                "spec": {
                    "version": version,
                    "runtime": {"plugin": "process"},
                    "command": [self.program],
                    "args": arguments,
                    "ports": [{"name": "http", "port": port, "passSocket": pass_socket}],
                    "health": {
                        "startup": {
                            "httpGet": {"path": "/healthz", "port": "http"},
                            "periodSeconds": 1,
                            "failureThreshold": 30,
                        }
                    },
                    "update": {"bakeSeconds": 0},
                },
            }
        )

    def prepare(self, programs, **fields):
        """Writes the manifests where nobody looks."""
        for name, port in programs:
            with open(os.path.join(self.staging, name + ".yaml"), "w") as file:
                file.write(self.manifest(name, port, **fields))

    def deploy(self, programs):
        """Renames the prepared manifests into the watched directory."""
        for name, _ in programs:
            os.rename(
                os.path.join(self.staging, name + ".yaml"), os.path.join(self.manifests, name + ".yaml")
            )

    def withdraw(self, name):
        os.unlink(os.path.join(self.manifests, name + ".yaml"))

    def running(self):
        """The names of the deployments that are Running."""
        answer = subprocess.run(
            [self.era, "get", "--all-namespaces", "-o", "json"],
            env={**self.environment(), "ERA_RUN_DIR": self.run_dir},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
        )
        if answer.returncode not in (0, 4):
            return set()
        try:
            document = json.loads(answer.stdout)
        except ValueError:
            return set()
        items = document.get("items", [document])
        return {
            item["metadata"]["name"]
            for item in items
            if item.get("status", {}).get("phase") == "Running"
        }


class UnixTransport(xmlrpc.client.Transport):
    """XML-RPC over a unix socket."""

    # A supervisord that was killed with 500 programs starts them over and over while the old ones hold their ports,
    # and has no time to answer.
    TIMEOUT = 5

    def __init__(self, path):
        super().__init__()
        self._path = path

    def make_connection(self, host):
        connection = http.client.HTTPConnection("localhost", timeout=self.TIMEOUT)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(self.TIMEOUT)
        connection.sock.connect(self._path)
        return connection


class Supervisord(Manager):
    """Asked by its own XML-RPC, which spares it the start of supervisorctl."""

    name = "supervisord"

    def __init__(self, root, program):
        super().__init__(root, program)
        self.programs = os.path.join(root, "programs")
        os.mkdir(self.programs)
        self.socket = os.path.join(root, "supervisor.sock")
        self.executable = shutil.which("supervisord")
        if not self.executable:
            raise BenchError("supervisord is not installed; install the package supervisor")
        with open(os.path.join(root, "supervisord.conf"), "w") as file:
            file.write(
                f"""[unix_http_server]
file={self.socket}
chmod=0700
[supervisord]
nodaemon=true
minfds=8192
logfile={root}/supervisord.log
pidfile={root}/supervisord.pid
childlogdir={root}
{"user=root" if os.geteuid() == 0 else ""}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[include]
files = {self.programs}/*.conf
"""
            )

    def start(self):
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        self.process = self.spawn(
            [self.executable, "-c", os.path.join(self.root, "supervisord.conf")], "manager.log"
        )

        def answers():
            try:
                return self.rpc().supervisor.getState()["statename"] == "RUNNING"
            except (OSError, xmlrpc.client.Error, http.client.HTTPException):
                return False

        wait_until(answers, 15, f"the socket of supervisord ({self.log_tail()})")

    def rpc(self):
        return xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=UnixTransport(self.socket))

    def prepare(self, programs, version="1.0.0"):
        pass

    def deploy(self, programs, version="1.0.0"):
        """Writes the configuration, and does what `supervisorctl update` does."""
        for name, port in programs:
            path = os.path.join(self.programs, name + ".conf")
            with open(path + ".new", "w") as file:
                file.write(
                    f"""[program:{name}]
command={self.program} --port {port} --name {name} --version {version}
autorestart=true
"""
                )
            os.rename(path + ".new", path)
        rpc = self.rpc()
        added, changed, _ = rpc.supervisor.reloadConfig()[0]
        for name in changed:
            rpc.supervisor.stopProcessGroup(name)
            rpc.supervisor.removeProcessGroup(name)
        for name in added + changed:
            rpc.supervisor.addProcessGroup(name)

    def withdraw(self, name):
        os.unlink(os.path.join(self.programs, name + ".conf"))
        rpc = self.rpc()
        rpc.supervisor.reloadConfig()
        rpc.supervisor.stopProcessGroup(name)
        rpc.supervisor.removeProcessGroup(name)

    def running(self):
        try:
            return {
                process["name"]
                for process in self.rpc().supervisor.getAllProcessInfo()
                if process["statename"] == "RUNNING"
            }
        except (OSError, xmlrpc.client.Error, http.client.HTTPException):
            return set()


class Bare(Manager):
    """fork and exec, and nothing else: what the machine can do."""

    name = "bare"

    def __init__(self, root, program):
        super().__init__(root, program)
        self.pids = {}

    def start(self):
        pass

    def prepare(self, programs):
        pass

    def deploy(self, programs):
        with open(os.devnull, "r+b") as nothing:
            actions = [(os.POSIX_SPAWN_DUP2, nothing.fileno(), number) for number in range(3)]
            for name, port in programs:
                self.pids[name] = os.posix_spawn(
                    self.program,
                    [self.program, "--port", str(port), "--name", name],
                    self.environment(),
                    file_actions=actions,
                )

    def withdraw(self, name):
        os.kill(self.pids.pop(name), signal.SIGKILL)
        time.sleep(0.001)
        reap()
