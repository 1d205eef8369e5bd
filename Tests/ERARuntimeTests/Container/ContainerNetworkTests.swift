import CLinux
import ERAContracts
import ERACore
import ERALinux
import Glibc
import Testing

@testable import ERARuntime

/// Containers on a bridge, by the real CNI plugins and the real iptables.
@Suite(
    .enabled(
        if: ContainerHost.hasBridge,
        "needs root, runc, busybox-static, containernetworking-plugins and iptables"
    ),
    .timeLimit(.minutes(5))
)
struct ContainerNetworkTests {
    /// Answers each connection to a port with its address.
    private static func server(_ port: String = "$PORT_HTTP") -> String {
        "exec busybox nc -ll -p \(port) -e /bin/busybox hostname -i"
    }

    private static let handle = InstanceHandle(version: 1, payload: .object([:]))

    private func instance(
        _ containers: ContainerHost,
        _ port: Int,
        script: String = Self.server(),
        name: String = "app",
        revision: Int = 1,
        config: [String: JSONValue] = [:],
        host: String = "127.0.0.1",
        passSocket: Bool = false
    ) throws -> PreparedInstance {
        let config = config.merging(["network": "bridge"]) { own, _ in own }
        return try containers.instance(script, name: name, revision: revision, config: .object(config)) {
            spec in
            spec.ports = [
                PortSpec(name: PartName(checked: "http"), port: port, host: host, passSocket: passSocket)
            ]
        }
    }

    private func answers(_ port: Int, _ containers: ContainerHost) async throws {
        let client = Client(port: port)
        let prefix = "10.8"
        try await eventually("it answers") {
            _ = client.connectOnce()
            return client.last.hasPrefix(prefix) || client.last.hasPrefix("172.")
                || client.last.hasPrefix("192.")
        }
    }

    @Test func `a mapped port leads to the container, and nothing is left of it`() async throws {
        try await ContainerHost.with { containers in
            let plugin = containers.plugin()
            let port = try Listener().port
            let app = try instance(containers, port, config: ["containerPorts": ["http": 80]])
            #expect(try await plugin.validate(app.spec) == [])
            try await containers.run(app, plugin)
            try await answers(port, containers)
            // No process of the host has the port, and none can get it.
            #expect(era_try_bind("127.0.0.1", UInt16(port), 0) == EADDRINUSE)
            #expect(try await containers.networkRemains(app).count >= 4)
            let forwards = text(of: "/proc/sys/net/ipv4/ip_forward") == "1\n"
            #expect(
                try await plugin.status(app.id).restrictions.contains { $0.contains("ip_forward") }
                    != forwards
            )
            try await plugin.stop(app.id, app.spec.stop)
            #expect(try await containers.networkRemains(app) == [])
            #expect(reach(port) == ECONNREFUSED)
            // Its own still, until it is deleted.
            #expect(era_try_bind("127.0.0.1", UInt16(port), 0) == EADDRINUSE)
            try await plugin.stop(app.id, app.spec.stop)
            try await plugin.delete(app.id)
            try await plugin.delete(app.id)
            try await eventually("the port is free") { era_try_bind("127.0.0.1", UInt16(port), 0) == 0 }
        }
    }

    @Test func `a container is by itself on its network, and knows the names that it needs`() async throws {
        try await ContainerHost.with { containers in
            let script = """
                busybox ls /sys/class/net; echo $PORT_HTTP; busybox hostname; busybox id -u
                busybox ping -c 1 -W 2 host.containers.internal >/dev/null; echo $?
                busybox ip route | busybox cut -d ' ' -f 1 | busybox head -n 1
                busybox grep -c nameserver /etc/resolv.conf
                (busybox nc -l -p 80 & busybox sleep 0.2; busybox netstat -ltn | busybox grep -c :80)
                """
            let app = try instance(
                containers,
                try Listener().port,
                script: script,
                config: ["containerPorts": ["http": 80], "capabilities": ["add": ["NET_RAW"]]]
            )
            let said = try await containers.says(app).split(separator: "\n")
            #expect(said.prefix(6) == ["eth0", "lo", "80", "app", "0", "0"], "\(said)")
            #expect(said.dropFirst(6).first == "default", "\(said)")
            #expect(said.last == "1", "\(said)")
        }
    }

    @Test func `who is not root binds a low port there, and only there`() async throws {
        try await ContainerHost.with { containers in
            var app = try instance(
                containers,
                try Listener().port,
                script:
                    "(busybox nc -l -p 80 & busybox sleep 0.2; busybox netstat -ltn | busybox grep -c :80)"
            )
            app.spec.user = "web"
            #expect(try await containers.says(app) == "1\n")
        }
    }

    @Test func `a container that crashes is on the network again when it is started again`() async throws {
        try await ContainerHost.with { containers in
            let port = try Listener().port
            let app = try instance(containers, port)
            try await containers.run(app, containers.plugin())
            for _ in 0..<3 {
                try await answers(port, containers)
                let plugin = containers.plugin()
                kill(try #require(try await plugin.status(app.id).pid), SIGKILL)
                try await eventually("it ended") { try await plugin.status(app.id).exit == .signal(9) }
                // Still its own.
                #expect(era_try_bind("127.0.0.1", UInt16(port), 0) == EADDRINUSE)
                try await plugin.start(app, handle: Self.handle)
            }
            try await answers(port, containers)
            #expect(containers.leases().count == 1)
            #expect(
                try await containers.rules().count { $0.contains("-j DNAT") && $0.contains(":\(port)") } == 1
            )
            try await eventually("the interfaces of earlier runs are gone") {
                containers.interfaces().count == 1
            }
        }
    }

    @Test func `what a daemon left that was killed between network and start is taken back`() async throws {
        try await ContainerHost.with { containers in
            let port = try Listener().port
            let app = try instance(containers, port)
            let config = ContainerConfig.parse(app.spec.runtime.config).config
            func killed() async throws {
                let plugin = containers.plugin()
                _ = try await plugin.install(app)
                // Dropped at once, as its descriptor is with the process.
                _ = try await plugin.networks.connect(plugin.place(app.id), config.mappings(app.spec))
                #expect(containers.leases().count == 1)
            }
            try await killed()
            // The next daemon starts it …
            let plugin = containers.plugin()
            try await plugin.start(app, handle: Self.handle)
            try await answers(port, containers)
            #expect(containers.leases().count == 1)
            try await plugin.stop(app.id, app.spec.stop)
            // … or stops it, or deletes it.
            try await killed()
            try await containers.plugin().stop(app.id, app.spec.stop)
            #expect(try await containers.networkRemains(app) == [])
            try await killed()
            try await containers.plugin().delete(app.id)
            #expect(try await containers.networkRemains(app) == [])
        }
    }

    @Test func `a start that fails leaves no network`() async throws {
        try await ContainerHost.with { containers in
            let plugin = containers.plugin()
            let port = try Listener().port
            var app = try instance(containers, port)
            app.spec.command = ["/bin/nothing"]
            let handle = try await plugin.install(app)
            let failure = await #expect(throws: Failure.self) { try await plugin.start(app, handle: handle) }
            #expect(failure?.code == .commandMissing)
            #expect(try await containers.networkRemains(app) == [])
            #expect(era_try_bind("127.0.0.1", UInt16(port), 0) == 0)
        }
    }

    @Test func `a start that is cancelled in the midst of its network takes that back`() async throws {
        try await ContainerHost.with { containers in
            let plugin = containers.plugin()
            let port = try Listener().port
            let app = try instance(containers, port)
            _ = try await plugin.install(app)
            let mappings = ContainerConfig.parse(app.spec.runtime.config).config.mappings(app.spec)
            // The real plugins, of which the last does not come to an end after it has mapped the port.
            let directory = containers.host.dataDirectory + "/slow"
            makeDirectories(directory)
            let shelf = plugin.networks.shelf
            for name in CNIShelf.names {
                let real = try #require(shelf.path(name))
                let script = """
                    #!/bin/sh
                    [ $CNI_COMMAND = ADD ] || exec \(real)
                    \(real)
                    touch \(directory)/mapped
                    exec sleep 1000
                    """
                let path = "\(directory)/\(name)"
                if name == "portmap" { write(script, to: path) } else { symlink(real, path) }
                chmod(path, 0o755)
            }
            let networks = ContainerNetworks(
                plugin.host.options,
                queue: plugin.queue,
                directories: [directory]
            )
            func rules() async throws -> [String] {
                try await containers.rules().filter { $0.contains(plugin.place(app.id).name) }
            }
            let start = Task { _ = try await networks.connect(plugin.place(app.id), mappings) }
            try await eventually("the port is mapped") { access(directory + "/mapped", F_OK) == 0 }
            #expect(try await rules() != [])
            start.cancel()
            await #expect(throws: CancellationError.self) { try await start.value }
            #expect(try await rules() == [])
            #expect(containers.leases() == [] && !networks.isConnected(plugin.place(app.id)))
            try await networks.removeIfUnused()
        }
    }

    @Test func `a start that is cancelled after its network was made takes that back`() async throws {
        try await ContainerHost.with { containers in
            let plugin = containers.plugin()
            let app = try instance(containers, try Listener().port)
            _ = try await plugin.install(app)
            let config = ContainerConfig.parse(app.spec.runtime.config).config
            let network = try await plugin.connect(app, config)
            #expect(try await containers.networkRemains(app) != [])
            withExtendedLifetime(network) {}
            await Task {
                withUnsafeCurrentTask { $0?.cancel() }
                await plugin.forgetNetwork(app.id)
            }.value
            #expect(try await containers.networkRemains(app) == [])
        }
    }

    @Test func `what is done in spite of a cancellation ends all the same when it takes too long`() async {
        await #expect(throws: Failure.self) {
            try await uncancelled(within: .milliseconds(1), by: ContinuousClock()) {
                try await ContinuousClock().sleep(for: .seconds(1000))
            }
        }
    }

    @Test func `a container that nobody stopped leads nothing away from the next instance`() async throws {
        try await ContainerHost.with { containers in
            let plugin = containers.plugin()
            let port = try Listener().port
            func mappings() async throws -> Int {
                try await containers.rules().count { $0.contains("-j DNAT") && $0.contains(":\(port)") }
            }
            func ended(_ revision: Int) async throws -> PreparedInstance {
                let app = try instance(containers, port, revision: revision)
                try await containers.run(app, plugin)
                try await answers(port, containers)
                kill(try #require(try await plugin.status(app.id).pid), SIGKILL)
                try await eventually("it ended") { try await plugin.status(app.id).exit != nil }
                #expect(try await mappings() == 1)
                return app
            }
            let first = try await ended(1)
            let host = try containers.instance("exec busybox sleep 1000", revision: 2)
            try await containers.run(host, plugin)
            #expect(try await mappings() == 0)
            #expect(era_try_bind("127.0.0.1", UInt16(port), 0) == 0)
            try await plugin.stop(host.id, StopSpec(signal: .kill, grace: .zero))
            // And before an instance of another plugin; what runs is left alone.
            let third = try await ended(3)
            await plugin.release(third.id.deployment)
            #expect(try await mappings() == 0)
            try await eventually("the port is free") { era_try_bind("127.0.0.1", UInt16(port), 0) == 0 }
            try await plugin.start(first, handle: Self.handle)
            await plugin.release(first.id.deployment)
            try await answers(port, containers)
        }
    }

    @Test func `a port that another deployment has is refused with its name, before anything is mapped`()
        async throws
    {
        try await ContainerHost.with { containers in
            let plugin = containers.plugin()
            let port = try Listener().port
            let first = try instance(containers, port, name: "first")
            try await containers.run(first, plugin)
            try await answers(port, containers)
            for host in ["127.0.0.1", "0.0.0.0"] {
                let second = try instance(containers, port, name: "second", host: host)
                let handle = try await plugin.install(second)
                let failure = await #expect(throws: Failure.self) {
                    try await plugin.start(second, handle: handle)
                }
                #expect(failure?.code == .portTaken)
                #expect(
                    failure?.message.contains("deployment default/first") == true,
                    "\(failure?.message ?? "")"
                )
            }
            // A program is refused too, when its ports are looked at.
            let workspace = LocalWorkspace(data: containers.host.dataDirectory, secrets: "/nonexistent")
            let program = try workspaceSpec(ports: first.spec.ports)
            let failure = await #expect(throws: Failure.self) { try await workspace.checkPorts(program) }
            #expect(failure?.code == .portTaken && failure?.message.contains("kept for a container") == true)
            // Its own it may ask for again, and what a program listens at is refused to it.
            try await workspace.checkPorts(first.spec)
            let listener = era_spawn_listen("127.0.0.1", 0, 0)
            defer { close(listener) }
            let taken = try instance(containers, try portNumber(of: listener), name: "third")
            await #expect(throws: Failure.self) { try await workspace.checkPorts(taken.spec) }
            let handle = try await plugin.install(taken)
            let refused = await #expect(throws: Failure.self) {
                try await plugin.start(taken, handle: handle)
            }
            #expect(refused?.code == .portTaken)
            try await answers(port, containers)
        }
    }

    @Test func `what plugins made that were uninstalled is taken back without them`() async throws {
        try await ContainerHost.with { containers in
            let plugin = containers.plugin()
            let port = try Listener().port
            let other = try instance(containers, try Listener().port, name: "other")
            try await containers.run(other, plugin)
            let app = try instance(containers, port)
            try await containers.run(app, plugin)
            try await answers(port, containers)
            func networks(_ change: (inout ShimHost.Options) -> Void) -> ContainerNetworks {
                var options = plugin.host.options
                change(&options)
                return ContainerNetworks(options, queue: plugin.queue, directories: ["/nonexistent"])
            }
            // Without iptables the mapping cannot go, and is not forgotten.
            let failure = await #expect(throws: Failure.self) {
                try await networks { $0.searchPath = ["/nonexistent"] }.disconnect(plugin.place(app.id))
            }
            #expect(
                failure?.persistence == .transient && failure?.message.contains("apt-get install") == true
            )
            #expect(access(app.directory + "/container/network.json", F_OK) == 0)
            try await networks { _ in }.disconnect(plugin.place(app.id))
            let rules = try await containers.rules()
            #expect(!rules.contains { $0.contains(plugin.place(app.id).name) || $0.contains(":\(port)") })
            #expect(rules.contains { $0.contains(plugin.place(other.id).name) })
            #expect(containers.leases().count == 1)
            #expect(access(app.directory + "/container/network.json", F_OK) != 0)
            // A start says what to install.
            let missing = await #expect(throws: Failure.self) {
                _ = try await networks { _ in }.connect(plugin.place(app.id), [])
            }
            #expect(missing?.message.contains("apt-get install containernetworking-plugins") == true)
        }
    }

    @Test func `what another boot had is forgotten`() async throws {
        try await ContainerHost.with { containers in
            let app = try instance(containers, try Listener().port)
            let plugin = containers.plugin()
            _ = try await plugin.install(app)
            let place = plugin.place(app.id)
            write(#"{"boot":"another","plugins":[],"result":null}"#, to: "\(place.directory)/network.json")
            makeDirectories(containers.host.runDirectory + "/networks/another/leases")
            try await plugin.start(app, handle: Self.handle)
            #expect(namesInDirectory(containers.host.runDirectory + "/networks") == [ProcessHost.bootID])
            #expect(text(of: "\(place.directory)/network.json").contains(ProcessHost.bootID))
        }
    }

    @Test func `containers reach each other, and each its own socket that was handed over`() async throws {
        try await ContainerHost.with { containers in
            let plugin = containers.plugin()
            let port = try Listener().port
            let first = try instance(containers, port, name: "first")
            try await containers.run(first, plugin)
            try await answers(port, containers)
            let address = try #require(containers.leases().first)
            let passed = try Listener().port
            let second = try instance(
                containers,
                passed,
                script:
                    "busybox nc \(address) \(port) </dev/null; busybox readlink /proc/self/fd/3 | busybox cut -c 1-6",
                name: "second",
                passSocket: true
            )
            #expect(try await containers.says(second) == "\(address)\nsocket\n")
            #expect(reach(passed) == 0)
        }
    }

    private func reach(_ port: Int) -> Int32 { era_probe_connect("127.0.0.1", UInt16(port)) }

    private func portNumber(of descriptor: Int32) throws -> Int {
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isKnown = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getsockname(descriptor, $0, &size) == 0
            }
        }
        try #require(isKnown)
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

extension ContainerHost {
    /// Whether containers can be put on a bridge here.
    static let hasBridge: Bool = {
        let shelf = CNIShelf(searchPath: ["/usr/sbin", "/usr/bin", "/sbin", "/bin"])
        return isPossible && shelf.problem == nil && era_network_try_bridge() == 0
    }()

    /// The addresses that are given out.
    func leases() -> [String] {
        let networks = plugin().networks
        return namesInDirectory("\(networks.leaseDirectory)/\(networks.bridge)").filter {
            IPv4Address($0) != nil
        }
    }

    /// What is on the bridge.
    func interfaces() -> [String] { namesInDirectory("/sys/class/net/\(plugin().networks.bridge)/brif") }

    /// All rules of iptables.
    func rules() async throws -> [String] {
        let tool = try #require(plugin().networks.shelf.iptables)
        var rules: [String] = []
        for table in ["nat", "filter"] {
            let outcome = try await tool.run(["-w", "10", "-t", table, "-S"], within: .seconds(20))
            rules += outcome.output.split(separator: "\n").map(String.init)
        }
        return rules
    }

    /// What the host has of a container's network; its interface takes a moment to be gone.
    func networkRemains(_ instance: PreparedInstance) async throws -> [String] {
        let networks = plugin().networks
        var remains = try await rules().filter {
            $0.contains(networks.bridge) || $0.contains(plugin().place(instance.id).name)
        }
        remains += leases()
        let paths = ["/sys/class/net/\(networks.bridge)", instance.directory + "/container/network.json"]
        remains += paths.filter { access($0, F_OK) == 0 }
        return remains
    }
}
