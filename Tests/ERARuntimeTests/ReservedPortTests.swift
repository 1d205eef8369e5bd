import CLinux
import ERAContracts
import ERACore
import Glibc
import Testing

@testable import ERARuntime

/// Ports that are held from others and that nobody listens at.
@Suite struct ReservedPortTests {
    private func reach(_ port: Int) -> Int32 { era_probe_connect("127.0.0.1", UInt16(port)) }

    @Test func `a held port is refused to clients, and to whoever wants to bind it`() async throws {
        let port = try Listener().port
        let held = era_network_hold_port("127.0.0.1", UInt16(port), 0)
        try #require(held >= 0)
        #expect(reach(port) == ECONNREFUSED)
        // With SO_REUSEADDR, as servers bind; and on all addresses.
        #expect(era_try_bind("127.0.0.1", UInt16(port), 0) == EADDRINUSE)
        #expect(era_try_bind("0.0.0.0", UInt16(port), 0) == EADDRINUSE)
        #expect(era_network_hold_port("127.0.0.1", UInt16(port), 0) < 0)
        // It can be listened at again, and held again.
        #expect(era_network_listen(held) == 0 && reach(port) == 0)
        #expect(era_network_hold(held) == 0 && reach(port) == ECONNREFUSED)
        #expect(era_try_bind("127.0.0.1", UInt16(port), 0) == EADDRINUSE)
        close(held)
        // A program that is just being started by another test may have a copy till it is executed.
        try await eventually("it is free") { era_try_bind("127.0.0.1", UInt16(port), 0) == 0 }
        let datagrams = era_network_hold_port("127.0.0.1", UInt16(port), 1)
        defer { close(datagrams) }
        #expect(era_try_bind("127.0.0.1", UInt16(port), 1) == EADDRINUSE)
        #expect(era_network_hold_port("nowhere", 1, 0) < 0 && errno == EINVAL)
    }

    @Test func `connections of a moment ago do not stand in the way`() throws {
        let port = try Listener().port
        let server = era_spawn_listen("127.0.0.1", UInt16(port), 0)
        #expect(reach(port) == 0)
        // The server closes first: its end stays for a minute.
        close(accept(server, nil, nil))
        close(server)
        let held = era_network_hold_port("127.0.0.1", UInt16(port), 0)
        #expect(held >= 0 && era_network_listen(held) == 0)
        close(held)
    }

    @Test func `addresses of sockets are compared as the kernel does`() {
        let one = ShimLaunch.Socket(name: "a", host: "127.0.0.1", port: 80, isUDP: false)
        #expect(ShimLaunch.Socket(address: "held " + one.address)?.address == one.address)
        for address in ["tcp 127.0.0.1 80", "held tcp 0.0.0.0 80", "tcp :: 80"] {
            #expect(one.collides(with: address), "\(address)")
        }
        for address in ["udp 127.0.0.1 80", "tcp 127.0.0.2 80", "tcp 127.0.0.1 81", "nonsense", "tcp a b"] {
            #expect(!one.collides(with: address), "\(address)")
        }
    }

    private static let sleeping = "ls /proc/self/fd | wc -l; exec sleep 1000"

    /// Starts an instance whose shim holds a port that the workload knows nothing of.
    private func start(_ instance: PreparedInstance, _ port: Int, _ host: ProcessHost) async throws {
        let shims = host.shimHost()
        let workloads = shims.workloads(of: .process)
        try await workloads.claim(instance.id)
        let socket = ShimLaunch.Socket(name: "http", host: "127.0.0.1", port: port, isUDP: false)
        let reserved = try await shims.shims.reserve([socket], workloads.place(instance.id))
        var launch = try workloads.launch(
            instance,
            executable: "/bin/sh",
            arguments: ["sh", "-c", Self.sleeping],
            config: WorkloadConfig()
        )
        launch.workingDirectory = "/"
        launch.reserved = reserved
        try await workloads.start(instance.id) { launch }
    }

    @Test func `a shim holds a port, without its workload, until the last of the deployment is deleted`()
        async throws
    {
        try await ProcessHost.with { host in
            let port = try Listener().port
            let instance = try host.instance("")
            try await start(instance, port, host)
            let plugin = host.plugin()
            try await eventually("it speaks") {
                text(of: instance.directory + "/log/output.log").contains("F ")
            }
            let written = text(of: instance.directory + "/log/output.log").split(separator: " ").last ?? ""
            // 0 to 2 and that of the directory.
            #expect(written.filter(\.isNumber) == "4")
            #expect(era_try_bind("127.0.0.1", UInt16(port), 0) == EADDRINUSE)
            kill(try #require(try await plugin.status(instance.id).pid), SIGKILL)
            _ = try await plugin.exit(instance.id)
            #expect(era_try_bind("127.0.0.1", UInt16(port), 0) == EADDRINUSE)
            // Handed on to the next run, and no second holder stays.
            try await start(instance, port, host)
            #expect(namesInDirectory(host.runDirectory + "/shims").count == 1)
            let other = try host.instance("", name: "other")
            let failure = await #expect(throws: Failure.self) { try await start(other, port, host) }
            #expect(failure?.code == .portTaken && failure?.persistence == .transient)
            #expect(failure?.message.contains("deployment \(instance.id.deployment)") == true)
            try await plugin.stop(instance.id, StopSpec(signal: .kill, grace: .zero))
            #expect(era_try_bind("127.0.0.1", UInt16(port), 0) == EADDRINUSE)
            try await plugin.delete(instance.id)
            try await eventually("the port is free") { era_try_bind("127.0.0.1", UInt16(port), 0) == 0 }
        }
    }

    @Test func `a new version that binds the port itself, or is handed it, gets it`() async throws {
        try await ProcessHost.with { host in
            let port = try Listener().port
            let first = try host.instance("")
            try await start(first, port, host)
            let plugin = host.plugin()
            try await plugin.stop(first.id, StopSpec(signal: .kill, grace: .zero))
            let binding = "exec busybox httpd -f -p 127.0.0.1:\(port) -h /tmp"
            let second = try host.instance(binding, revision: 2)
            try await host.run(second, plugin)
            try await eventually("it listens") { reach(port) == 0 }
            try await plugin.stop(second.id, StopSpec(signal: .kill, grace: .zero))
            // Held, handed over, held again.
            try await start(first, port, host)
            #expect(reach(port) == ECONNREFUSED)
            try await plugin.stop(first.id, StopSpec(signal: .kill, grace: .zero))
            let third = try host.instance("exec sleep 1000", revision: 3) {
                $0.ports = [PortSpec(name: PartName(checked: "http"), port: port, passSocket: true)]
            }
            try await host.run(third, plugin)
            #expect(reach(port) == 0)
            try await plugin.stop(third.id, StopSpec(signal: .kill, grace: .zero))
            try await start(first, port, host)
            #expect(reach(port) == ECONNREFUSED)
        }
    }
}
