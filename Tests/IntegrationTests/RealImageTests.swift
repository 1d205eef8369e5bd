import ERAAPI
import ERAClient
import ERACore
import Glibc
import Testing

/// Servers as people run them, in images from a registry that asks for a password.
///
/// The images are made of the programs of Debian's packages, which are no part of what ERA needs.
@Suite(
    .enabled(
        if: ImageRegistry.isPossible,
        "needs root and: apt-get install runc busybox-static umoci skopeo docker-registry apache2-utils"
    ),
    .timeLimit(.minutes(5))
)
struct RealImageTests {
    private static let login = "deploy:s3cret"

    /// What each manifest of this page has.
    private func manifest(_ name: String, _ version: String, _ lines: String) -> String {
        let own = """
            version: "\(version)"
            update: {bakeSeconds: 0}
            restart: {initialDelay: 100ms}
            retry: {limit: 1, initialDelay: 100ms}

            """
        let text = (own + lines).split(separator: "\n").map { "  \($0)\n" }.joined()
        return "apiVersion: era.dev/v1\nkind: Deployment\nmetadata: {name: \(name)}\nspec:\n\(text)"
    }

    // MARK: nginx

    private static let nginx = "/usr/sbin/nginx"

    @Test(.enabled(if: access(nginx, X_OK) == 0, "nginx is not installed here (apt-get install nginx-light)"))
    func `nginx comes from a registry with a password, follows its tag, and goes back from a broken image`()
        async throws
    {
        try await ImageRegistry.with(login: Self.login) { machine, registry in
            let port = try machine.port()
            for (tag, more) in [("1", ""), ("2", ""), ("3", "nonsense on;")] {
                _ = try await registry.push(
                    "apps/nginx:\(tag)",
                    programs: [Self.nginx],
                    files: ["/etc/nginx.conf": configuration(tag, port, more)]
                )
            }
            try await machine.daemon(["--insecure-registry", registry.host])
            func declare(_ version: String, _ tag: String, secret: String) throws {
                let lines = """
                    runtime: {plugin: container}
                    artifact: {source: "oci://\(registry.host)/apps/nginx:\(tag)"\(secret)}
                    args: ["-c", "/etc/nginx.conf", "-e", "stderr", "-g", "daemon off;"]
                    ports: [{name: http, port: \(port)}]
                    stop: {signal: QUIT, grace: 5s}
                    health: {startup: {httpGet: {path: /, port: http}, periodSeconds: 1, failureThreshold: 60}}
                    """
                try machine.place(manifest("nginx", version, lines), "nginx.yaml")
            }
            func declare(_ version: String, _ tag: String) throws {
                try declare(version, tag, secret: ", pullSecret: registry")
            }

            try declare("0.1.0", "1", secret: "")
            let refused = try await machine.reaches("nginx", "is not let in") { $0.phase == .failed }
            #expect(refused.failure?.reason == "FetchRefused")
            #expect(refused.failure?.message.contains("pullSecret") == true, "\(refused.summary)")
            try machine.keep(secret: "registry", ["username": "deploy", "password": "wrong"])
            try declare("0.2.0", "1")
            let wrong = try await machine.reaches("nginx", "is not let in with a wrong password") {
                $0.phase == .failed && $0.declaredVersion == "0.2.0"
                    && $0.failure.map { $0.message != refused.failure?.message } == true
            }
            #expect(wrong.failure?.reason == "FetchRefused", "\(wrong.summary)")

            try machine.keep(secret: "registry", ["username": "deploy", "password": "s3cret"])
            try declare("1.0.0", "1")
            try await machine.reaches("nginx", "runs") { $0.isReady && $0.version == "1.0.0" }
            #expect(await ask(port).body == "nginx 1\n")
            try declare("2.0.0", "2")
            try await machine.reaches("nginx", "runs the next tag") { $0.isReady && $0.version == "2.0.0" }
            #expect(await ask(port).body == "nginx 2\n")
            #expect(machine.contained().count == 2, "a master and its worker")

            try declare("3.0.0", "3")
            try await machine.reaches("nginx", "is back") {
                $0.phase == .running && $0.version == "2.0.0" && $0.quarantine != nil
            }
            #expect(await ask(port).body == "nginx 2\n")
            let logs = try await machine.era("logs", "nginx", "--previous")
            #expect(logs.output.contains("unknown directive \"nonsense\""), "\(logs.error)\(logs.output)")
            #expect(!text(of: machine.log).contains("s3cret"))
            try await machine.removes("nginx")
            #expect(await ask(port) == .refused)
        }
    }

    private func configuration(_ tag: String, _ port: UInt16, _ more: String) -> String {
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map {
            "\($0)_temp_path /tmp/\($0);"
        }
        return """
            user nobody nogroup;
            worker_processes 1;
            pid /tmp/nginx.pid;
            error_log stderr;
            events { worker_connections 64; }
            http {
                access_log off;
                \(temporary.joined(separator: "\n    "))
                \(more)
                server {
                    listen 127.0.0.1:\(port);
                    location / { return 200 "nginx \(tag)\\n"; }
                }
            }
            """
    }

    // MARK: redis

    private static let redis = "/usr/bin/redis-server"
    private static let redisClient = "/usr/bin/redis-cli"

    @Test(
        .enabled(if: access(redis, X_OK) == 0, "redis is not installed here (apt-get install redis-server)")
    )
    func `redis keeps its keys when a program becomes a container, fails to be a newer one, and goes back`()
        async throws
    {
        try await ImageRegistry.with(login: Self.login) { machine, registry in
            let port = try machine.port()
            _ = try await registry.push("apps/redis:7", programs: [Self.redis, Self.redisClient])
            try machine.keep(secret: "registry", ["username": "deploy", "password": "s3cret"])
            try await machine.daemon(["--insecure-registry", registry.host])
            func declare(_ version: String, isContainer: Bool, _ more: String = "") throws {
                let place = isContainer ? "/state" : "state"
                let what = """
                    runtime: {plugin: container}
                    artifact: {source: "oci://\(registry.host)/apps/redis:7", pullSecret: registry}
                    """
                let lines = """
                    \(isContainer ? what : "runtime: {plugin: process}")
                    command: [redis-server, --port, "\(port)", --bind, 127.0.0.1, --dir, \(place)]
                    args: [--appendonly, "yes", --appendfsync, always, --save, ""\(more)]
                    ports: [{name: redis, port: \(port)}]
                    volumes: [{name: state, mountPath: \(place), persistent: {}}]
                    health:
                      startup: {tcpSocket: {port: redis}, periodSeconds: 1, failureThreshold: 60}
                      liveness: {exec: {command: [redis-cli, -p, "\(port)", ping]}, timeoutSeconds: 10}
                    """
                try machine.place(manifest("redis", version, lines), "redis.yaml")
            }
            func runs(_ version: String) async throws {
                try await machine.reaches("redis", "runs \(version)") { $0.isReady && $0.version == version }
            }

            try declare("1.0.0", isContainer: false)
            try await runs("1.0.0")
            #expect(await tell(port, "SET promise kept") == "+OK\r\n")
            try declare("2.0.0", isContainer: true)
            try await runs("2.0.0")
            #expect(await tell(port, "GET promise") == "$4\r\nkept\r\n")
            #expect(await tell(port, "APPEND promise ,too") == ":8\r\n")
            #expect(machine.workloads("redis").isEmpty && machine.contained().count == 1)

            // The same image, with an argument that it refuses.
            try declare("2.1.0", isContainer: true, ", --maxmemory, a-lot")
            try await machine.reaches("redis", "is back") {
                $0.phase == .running && $0.version == "2.0.0" && $0.quarantine != nil
            }
            #expect(await tell(port, "GET promise") == "$8\r\nkept,too\r\n")
            // Killed: its successor has the keys.
            let first = try #require(machine.contained().first)
            kill(first.pid, SIGKILL)
            try await machine.reaches("redis", "is started again") {
                $0.phase == .running && $0.instance?.pid != nil && $0.instance?.pid != first.pid
            }
            #expect(await tell(port, "GET promise") == "$8\r\nkept,too\r\n")

            try declare("3.0.0", isContainer: false)
            try await runs("3.0.0")
            #expect(await tell(port, "GET promise") == "$8\r\nkept,too\r\n")
            #expect(machine.contained().isEmpty && machine.workloads("redis").count == 1)
            try await machine.removes("redis")
        }
    }
}

/// Sends one command of Redis' inline protocol; nil where nobody answered.
func tell(_ port: UInt16, _ command: String) async -> String? {
    let answer = await converse(port, command + "\r\n") { text in
        text.hasPrefix("$") ? text.split(separator: "\r\n").count > 1 : text.hasSuffix("\r\n")
    }
    if case .answered(_, let text) = answer { return text }
    return nil
}
