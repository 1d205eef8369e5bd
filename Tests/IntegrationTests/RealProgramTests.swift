import ERAAPI
import ERAClient
import ERAContracts
import ERACore
import Glibc
import Testing

/// Where Debian's packages have their programs.
private enum Debian {
    static let nginx = "/usr/sbin/nginx"
    static let redis = "/usr/bin/redis-server"
}

/// Servers as people run them, from Debian's packages.
///
/// They are no part of what ERA needs, so `make setup` does not install them; where they are missing the
/// tests say so.
@Suite(.timeLimit(.minutes(5)))
struct RealProgramTests {
    @Test(
        .enabled(
            if: access(Debian.nginx, X_OK) == 0,
            "nginx is not installed here (apt-get install nginx-light)"
        )
    )
    func `nginx serves from a volume, and a configuration that is wrong is rolled back`() async throws {
        try await Machine.with { machine in
            let daemon = try await machine.daemon()
            let port = try machine.port()
            let app = try nginx(machine, port, "1.0.0")
            try machine.declare(app)
            let master = try await machine.runs(app)
            #expect(await ask(port).body == "served by 1.0.0\n")
            #expect(machine.workloads("nginx").count > 1, "a master and its worker")

            // A directive that nobody knows: nginx refuses to start.
            try machine.declare(nginx(machine, port, "2.0.0", more: "nonsense on;"))
            try await machine.reaches("nginx", "is rolled back") {
                $0.phase == .running && $0.version == "1.0.0" && $0.quarantine != nil
            }
            #expect(await ask(port).body == "served by 1.0.0\n")
            #expect(!master.isAlive)
            let logs = try await machine.era("logs", "nginx", "--previous")
            #expect(logs.code == 0, "\(logs.error)")
            #expect(logs.output.contains("unknown directive \"nonsense\""), "why it failed can be read")

            try machine.declare(nginx(machine, port, "3.0.0"))
            var current = try await machine.runs(nginx(machine, port, "3.0.0"))
            #expect(await ask(port).body == "served by 3.0.0\n")
            try await daemon.crash()
            #expect(await ask(port).body == "served by 3.0.0\n")
            try await machine.daemon()
            #expect(try await machine.runs(app.at("3.0.0")) == current)
            // The master is killed: its workers must not keep the port from the next one.
            kill(current.pid, SIGKILL)
            try await machine.reaches("nginx", "is back") { $0.isReady && $0.instance?.pid != current.pid }
            current = try await machine.runs(app.at("3.0.0"))
            #expect(await ask(port).body == "served by 3.0.0\n")
            let own = machine.workloads("nginx").map(\.pid)
            #expect(own.contains(current.pid) && own.count == 2, "\(own)")
        }
    }

    /// nginx with everything that it writes on a volume.
    private func nginx(_ machine: Machine, _ port: UInt16, _ version: String, more: String = "") throws -> App
    {
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \($0);" }
        let configuration = """
            user root;
            worker_processes 1;
            pid nginx.pid;
            error_log stderr;
            events { worker_connections 64; }
            http {
                access_log off;
                \(temporary.joined(separator: "\n    "))
                \(more)
                server {
                    listen 127.0.0.1:\(port);
                    location / { return 200 "served by \(version)\\n"; }
                }
            }
            """
        let path = "\(machine.root)/nginx-\(version).conf"
        if !exists(path) { try write(configuration, to: path) }
        var app = App(name: "nginx", port: port, version: version, stopSignal: "QUIT")
        app.program = [Debian.nginx, "-p", "state", "-c", path, "-e", "stderr", "-g", "daemon off;"]
        app.more = """
            volumes: [{name: state, mountPath: state, persistent: {}}]
            restart: {initialDelay: 100ms}
            retry: {limit: 1, initialDelay: 100ms}
            health: {startup: {httpGet: {path: /, port: http}, periodSeconds: 1, failureThreshold: 60}}
            """
        return app
    }

    @Test(
        .enabled(
            if: access(Debian.redis, X_OK) == 0,
            "redis is not installed here (apt-get install redis-server)"
        )
    )
    func `redis keeps its keys through crashes, updates and a rollback`() async throws {
        try await Machine.with { machine in
            try await machine.daemon()
            let app = redis("1.0.0", try machine.port())
            try machine.declare(app)
            let first = try await machine.runs(app)
            #expect(await tell(app.port, "SET promise kept") == "+OK\r\n")
            kill(first.pid, SIGKILL)
            try await machine.reaches("redis", "is back") { $0.isReady && $0.instance?.pid != first.pid }
            #expect(await tell(app.port, "GET promise") == "$4\r\nkept\r\n")

            try machine.declare(redis("2.0.0", app.port, ["--maxmemory", "a-lot"]))
            try await machine.reaches("redis", "is rolled back") {
                $0.phase == .running && $0.version == "1.0.0" && $0.quarantine != nil
            }
            #expect(await tell(app.port, "GET promise") == "$4\r\nkept\r\n")
            try machine.declare(redis("3.0.0", app.port, ["--maxmemory", "64mb"]))
            try await machine.runs(app.at("3.0.0"))
            #expect(await tell(app.port, "GET promise") == "$4\r\nkept\r\n")
            #expect(machine.workloads("redis").count == 1)

            let shim = try #require(machine.shims("redis").first)
            let server = try #require(machine.workloads("redis").first)
            kill(shim.pid, SIGKILL)
            try await eventually("the shim is gone") { !shim.isAlive }
            #expect(await tell(app.port, "GET promise") == "$4\r\nkept\r\n")
            kill(server.pid, SIGKILL)
            try await machine.reaches("redis", "is back") { $0.isReady && $0.instance?.pid != server.pid }
            #expect(await tell(app.port, "GET promise") == "$4\r\nkept\r\n")

            machine.withdraw("redis")
            try await eventually("its deletion is held back") {
                try await machine.client.sources().first?.heldPrunes.isEmpty == false
            }
            _ = try await machine.client.confirmPrune()
            try await machine.vanishes("redis")
            #expect(machine.processes().isEmpty)
        }
    }

    private func redis(_ version: String, _ port: UInt16, _ more: [String] = []) -> App {
        var app = App(name: "redis", port: port, version: version)
        app.program =
            [
                Debian.redis, "--port", "\(port)", "--bind", "127.0.0.1", "--dir", "state", "--appendonly",
                "yes",
                "--appendfsync", "always", "--save", "",
            ] + more
        let ping = "exec: {command: [redis-cli, -p, \"\(port)\", ping]}"
        app.more = """
            volumes: [{name: state, mountPath: state, persistent: {}}]
            restart: {initialDelay: 100ms}
            retry: {limit: 1, initialDelay: 100ms}
            health:
              startup: {tcpSocket: {port: http}, periodSeconds: 1, failureThreshold: 60}
              liveness: {\(ping), periodSeconds: 5, timeoutSeconds: 5}
            """
        return app
    }
}
