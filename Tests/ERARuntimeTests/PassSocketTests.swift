import CLinux
import Dispatch
import ERAContracts
import ERACore
import Glibc
import Synchronization
import Testing

@testable import ERARuntime

@Suite struct PassSocketTests {
    /// Accepts one connection after the other on descriptor 3, answers a line, and closes it.
    private static let server = """
        import socket, os, sys
        assert os.environ["LISTEN_PID"] == str(os.getpid()) and os.environ["LISTEN_FDS"] == "1"
        assert os.environ["LISTEN_FDNAMES"] == "http"
        s = socket.socket(fileno=3)
        while True:
            c, _ = s.accept()
            c.sendall(sys.argv[1].encode())
            c.close()
        """

    private func instance(_ host: ProcessHost, _ port: Int, revision: Int) throws -> PreparedInstance {
        try host.instance("", revision: revision) {
            $0.command = ["/usr/bin/python3", "-c", Self.server, "r\(revision)\n"]
            $0.ports = [PortSpec(name: PartName(checked: "http"), port: port, passSocket: true)]
        }
    }

    /// A port that is free now.
    private func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        try #require(bound)
        return Int(UInt16(bigEndian: address.sin_port))
    }

    @Test
    func `no client is refused while a workload crashes, restarts, is updated, rolled back and readopted`()
        async throws
    {
        guard access("/usr/bin/python3", X_OK) == 0 else { return }
        try await ProcessHost.with { host in
            let port = try freePort()
            let old = try instance(host, port, revision: 1)
            let new = try instance(host, port, revision: 2)
            var plugin = host.plugin()
            try await host.run(old, plugin)
            let client = Client(port: port)
            let clients = Task { await client.run() }

            for _ in 0..<5 {
                let pid = try #require(try await plugin.status(old.id).pid)
                kill(pid, SIGKILL)
                #expect(try await plugin.exit(old.id) == .signal(9))
                // The daemon is gone as well in between.
                plugin = host.plugin()
                try await host.run(old, plugin)
            }
            // An update, and the way back, with the failed revision deleted first.
            try await plugin.stop(old.id, old.spec.stop)
            plugin = host.plugin()
            try await host.run(new, plugin)
            try await eventually("the new one answers") { client.last == "r2\n" }
            try await plugin.stop(new.id, new.spec.stop)
            try await plugin.delete(new.id)
            try await host.run(old, plugin)
            try await eventually("the old one answers again") { client.last == "r1\n" }

            try await eventually("many were served") { client.answers > 50 }
            client.stop()
            await clients.value
            #expect(client.failures == 0)
            #expect(namesInDirectory(host.runDirectory + "/shims").count == 1)

            // And at the end nobody listens any more.
            try await plugin.stop(old.id, old.spec.stop)
            try await plugin.delete(old.id)
            try await eventually("the port is closed") { !Client(port: port).connectOnce() }
            #expect(namesInDirectory(host.runDirectory + "/shims") == [])
        }
    }

    @Test func `a start that fails costs only sockets that it does not want`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            func instance(_ revision: Int, _ ports: [Int]) throws -> PreparedInstance {
                try host.instance("exec sleep 1000", revision: revision) {
                    $0.ports = ports.enumerated().map { index, port in
                        PortSpec(name: PartName(checked: "p\(index)"), port: port, passSocket: true)
                    }
                }
            }
            let ports = try (0..<3).map { _ in try Listener() }.map(\.port)
            let old = try instance(1, ports)
            try await host.run(old, plugin)
            try await plugin.stop(old.id, StopSpec(signal: .kill, grace: .zero))
            let taken = try freePort()
            let blocker = era_spawn_listen("127.0.0.1", UInt16(taken), 0)
            defer { close(blocker) }
            let new = try instance(2, [ports[2], taken, ports[0]])
            let handle = try await plugin.install(new)
            let failure = await #expect(throws: Failure.self) { try await plugin.start(new, handle: handle) }
            #expect(failure?.code == .portTaken)
            #expect(ports.map { Client(port: $0).connectOnce() } == [true, false, true])
            // It can be had from the holder, which goes with the last.
            let last = try instance(3, [ports[2]])
            try await host.run(last, plugin)
            try await eventually("only one is held") {
                ports.map { Client(port: $0).connectOnce() } == [false, false, true]
            }
            #expect(namesInDirectory(host.runDirectory + "/shims").count == 1)
        }
    }

    @Test func `a port that another program has is a transient failure that names it`() async throws {
        try await ProcessHost.with { host in
            let port = try freePort()
            let blocker = era_spawn_listen("127.0.0.1", UInt16(port), 0)
            defer { close(blocker) }
            let plugin = host.plugin()
            let instance = try instance(host, port, revision: 1)
            let handle = try await plugin.install(instance)
            let failure = await #expect(throws: Failure.self) {
                try await plugin.start(instance, handle: handle)
            }
            #expect(failure?.code == .portTaken && failure?.persistence == .transient)
            #expect(failure?.message.contains(":\(port)") == true)
        }
    }
}

/// Connects again and again, and counts.
final class Client: Sendable {
    private struct Counts {
        var answers = 0
        var failures = 0
        var last = ""
        var isStopped = false
    }

    private let port: Int
    private let counts = Mutex(Counts())

    init(port: Int) { self.port = port }

    var answers: Int { counts.withLock { $0.answers } }
    var failures: Int { counts.withLock { $0.failures } }
    var last: String { counts.withLock { $0.last } }
    func stop() { counts.withLock { $0.isStopped = true } }

    /// Connects until it is stopped, on a thread of its own: a blocked one of the pool would delay others.
    func run() async {
        await withCheckedContinuation { continuation in
            DispatchQueue(label: "client").async { [self] in
                while !counts.withLock({ $0.isStopped }) {
                    if !connectOnce() { counts.withLock { $0.failures += 1 } }
                    usleep(1000)
                }
                continuation.resume()
            }
        }
    }

    /// - Returns: Whether the connection was accepted by the kernel. One that a killed workload
    ///   had taken may end without an answer.
    func connectOnce() -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var limit = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard connected else { return false }
        var buffer = [UInt8](repeating: 0, count: 16)
        let length = recv(descriptor, &buffer, buffer.count, 0)
        if length > 0 {
            counts.withLock {
                $0.answers += 1
                $0.last = String(decoding: buffer[..<length], as: UTF8.self)
            }
        }
        return true
    }
}
