import ERAContracts
import ERACore
import Glibc
import Testing

@testable import ERARuntime

@Suite(
    .enabled(if: ContainerHost.isPossible, "needs root, runc and busybox-static"),
    .timeLimit(.minutes(5))
)
struct ContainerLifeTests {
    /// Busybox has no commands of their own here: each is one of its words.
    private static let waiting =
        "trap 'echo stopping; exit 3' TERM; echo up; while :; do busybox sleep 0.1; done"

    @Test(arguments: [false, true]) func `a container runs, is stopped by its signal, and leaves nothing`(
        inNamespace: Bool
    ) async throws {
        try await ContainerHost.with(inNamespace: inNamespace) { containers in
            let plugin = containers.plugin()
            let instance = try containers.instance(Self.waiting)
            try await containers.run(instance, plugin)
            let pid = try #require(try await plugin.status(instance.id).pid)
            try await eventually("it is up") { try await plugin.output(instance.id) == "up\n" }
            // Started again it is left alone.
            try await plugin.start(instance, handle: InstanceHandle(version: 1, payload: .object([:])))
            #expect(try await plugin.status(instance.id).pid == pid)
            try await plugin.stop(instance.id, instance.spec.stop)
            #expect(try await plugin.status(instance.id) == .installed)
            #expect(!isAlive(pid))
            #expect(try await plugin.output(instance.id) == "up\nstopping\n")
            #expect(containers.remains(instance) == [])
            // Secrets were in it.
            #expect(access(instance.directory + "/container/bundle/config.json", F_OK) != 0)
            try await plugin.stop(instance.id, instance.spec.stop)
            try await plugin.delete(instance.id)
            try await plugin.delete(instance.id)
            #expect(try await plugin.status(instance.id) == .absent)
            #expect(access(instance.directory + "/container", F_OK) != 0)
            #expect(try Folder(root: containers.host.dataDirectory + "/rootfs").names() == [])
        }
    }

    @Test(arguments: [false, true]) func `how a container ended is known exactly`(inNamespace: Bool)
        async throws
    {
        try await ContainerHost.with(inNamespace: inNamespace) { containers in
            let plugin = containers.plugin()
            let seven = try containers.instance("exit 7", name: "seven")
            let killed = try containers.instance("exec busybox sleep 1000", name: "killed")
            try await containers.run(seven, plugin)
            try await containers.run(killed, plugin)
            try await eventually("it ended") { try await plugin.status(seven.id).exit == .code(7) }
            kill(try #require(try await plugin.status(killed.id).pid), SIGKILL)
            try await eventually("it was killed") { try await plugin.status(killed.id).exit == .signal(9) }
            // It starts anew, from the image.
            try await plugin.start(killed, handle: InstanceHandle(version: 1, payload: .object([:])))
            #expect(try await plugin.status(killed.id).pid != nil)
        }
    }

    @Test(arguments: [false, true]) func `another daemon adopts a container, and stops it`(inNamespace: Bool)
        async throws
    {
        try await ContainerHost.with(inNamespace: inNamespace) { containers in
            let instance = try containers.instance(Self.waiting)
            try await containers.run(instance, containers.plugin())
            let next = containers.plugin()
            let pid = try #require(try await next.status(instance.id).pid)
            #expect(isAlive(pid))
            #expect(try await next.instances() == [instance.id])
            try await next.start(instance, handle: InstanceHandle(version: 1, payload: .object([:])))
            #expect(try await next.status(instance.id).pid == pid)
            try await next.stop(instance.id, instance.spec.stop)
            #expect(!isAlive(pid))
        }
    }

    @Test(arguments: [false, true]) func `a container that ignores its signal is killed with all in it`(
        inNamespace: Bool
    ) async throws {
        try await ContainerHost.with(inNamespace: inNamespace) { containers in
            let plugin = containers.plugin()
            let script =
                "trap '' TERM; (trap '' TERM; busybox setsid busybox sleep 1000) & while :; do busybox sleep 1; done"
            let instance = try containers.instance(script)
            try await containers.run(instance, plugin)
            let pid = try #require(try await plugin.status(instance.id).pid)
            try await plugin.stop(instance.id, StopSpec(signal: .term, grace: .milliseconds(300)))
            #expect(!isAlive(pid))
            #expect(containers.remains(instance) == [])
        }
    }

    @Test(arguments: [false, true]) func `a container whose shim was killed is found, and stopped`(
        inNamespace: Bool
    ) async throws {
        try await ContainerHost.with(inNamespace: inNamespace) { containers in
            let instance = try containers.instance(Self.waiting)
            try await containers.run(instance, containers.plugin())
            let record = try #require(containers.host.record(instance))
            record.shim.signal(SIGKILL)
            let plugin = containers.plugin()
            try await eventually("the shim is gone") { !record.shim.isAlive }
            #expect(try await plugin.status(instance.id).pid == record.workload?.pid)
            try await plugin.stop(instance.id, StopSpec(signal: .term, grace: .milliseconds(500)))
            #expect(record.workload?.isAlive == false)
            #expect(containers.remains(instance) == [])
        }
    }

    @Test(arguments: [false, true]) func `after a reboot what a container left does not stand in its way`(
        inNamespace: Bool
    ) async throws {
        try await ContainerHost.with(inNamespace: inNamespace) { containers in
            let instance = try containers.instance(Self.waiting)
            try await containers.run(instance, containers.plugin())
            let record = try #require(containers.host.record(instance))
            // What a power cut ends without a word.
            record.shim.signal(SIGKILL)
            record.workload?.signal(SIGKILL)
            try await eventually("all is dead") { record.workload?.isAlive == false }
            let plugin = containers.plugin(bootID: "another")
            #expect(try await plugin.status(instance.id) == .installed)
            try await plugin.start(instance, handle: InstanceHandle(version: 1, payload: .object([:])))
            #expect(try await plugin.status(instance.id).pid != nil)
            let remembered = try Folder(root: containers.host.runDirectory + "/containers").names()
            #expect(remembered == ["another"])
            try await plugin.stop(instance.id, StopSpec(signal: .kill, grace: .zero))
        }
    }

    @Test(arguments: [false, true])
    func `while a shim that nobody knows of has the instance, its files are left alone`(inNamespace: Bool)
        async throws
    {
        try await ContainerHost.with(inNamespace: inNamespace) { containers in
            let instance = try containers.instance(Self.waiting)
            try await containers.run(instance, containers.plugin())
            let record = try #require(containers.host.record(instance))
            let state = instance.directory + "/shim/state"
            // As between the start of a shim and its first word.
            #expect(rename(state, state + ".away") == 0)
            let next = containers.plugin()
            let failure = await #expect(throws: Failure.self) {
                try await next.start(instance, handle: InstanceHandle(version: 1, payload: .object([:])))
            }
            #expect(failure?.persistence == .transient)
            #expect(access(instance.directory + "/container/bundle/config.json", F_OK) == 0)
            #expect(record.workload?.isAlive == true)
            #expect(rename(state + ".away", state) == 0)
            #expect(try await next.status(instance.id).pid == record.workload?.pid)
        }
    }

    @Test(arguments: [false, true])
    func `a container gets its listening sockets, without a network too, and they outlive it`(
        inNamespace: Bool
    )
        async throws
    {
        try await ContainerHost.with(inNamespace: inNamespace) { containers in
            let reserved = try Listener()
            let script = """
                echo $LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES; busybox readlink /proc/self/fd/3 | busybox cut -c 1-6
                busybox readlink /proc/self/fd/4 || echo none
                """
            let instance = try containers.instance(script, config: ["network": "none"]) { spec in
                spec.ports = [
                    PortSpec(name: PartName(checked: "http"), port: reserved.port, passSocket: true)
                ]
            }
            #expect(try await containers.says(instance) == "1 1 http\nsocket\nnone\n")
            #expect(reserved.isAnswered())
            let plugin = containers.plugin()
            try await plugin.start(instance, handle: InstanceHandle(version: 1, payload: .object([:])))
            #expect(reserved.isAnswered())
            try await eventually("it ended again") { try await plugin.status(instance.id).exit == .code(0) }
            try await plugin.delete(instance.id)
            #expect(!reserved.isAnswered())
        }
    }

    @Test(arguments: [false, true]) func `what cannot be started says why, and leaves nothing`(
        inNamespace: Bool
    ) async throws {
        try await ContainerHost.with(inNamespace: inNamespace) { containers in
            let plugin = containers.plugin()
            let instance = try containers.instance("", name: "nothing") { $0.command = ["/bin/nothing"] }
            let handle = try await plugin.install(instance)
            let failure = await #expect(throws: Failure.self) {
                try await plugin.start(instance, handle: handle)
            }
            #expect(failure?.code == .commandMissing)
            #expect(failure?.persistence == .permanent)
            #expect(failure?.message.contains("/bin/nothing") == true)
            #expect(try await plugin.status(instance.id) == .installed)
            #expect(containers.remains(instance) == [])
        }
    }

    @Test(arguments: [false, true]) func `a check runs in the container, and one that hangs does not stay`(
        inNamespace: Bool
    ) async throws {
        try await ContainerHost.with(inNamespace: inNamespace) { containers in
            let plugin = containers.plugin()
            let instance = try containers.instance(Self.waiting) { spec in
                spec.env = [EnvironmentVariable(name: "MODE", source: .value("x"))]
            }
            try await containers.run(instance, plugin)
            let environment = try await plugin.probeEnvironment(instance)
            let prefix = environment.commandPrefix
            let tool = HostTool(prefix[0], searchPath: ["/usr/bin", "/bin"])
            let check = ["/bin/sh", "-c", "busybox test -e /etc/passwd && echo $ERA_NAME; exit 4"]
            let outcome = try await tool.run(prefix.dropFirst() + check, within: .seconds(20))
            #expect(outcome == HostTool.Outcome(status: .code(4), output: "app\n"))
            // As if it had begun long ago, and the engine's process had been killed meanwhile.
            let place = plugin.workloads.place(instance.id).name
            var old = Array(prefix.dropFirst())
            try #require(old.firstIndex { $0.hasPrefix("ERA_PROBE=") }.map { old[$0] = "ERA_PROBE=1" } != nil)
            await #expect(throws: Failure.self) {
                _ = try await tool.run(old + ["/bin/busybox", "sleep", "1000"], within: .seconds(2))
            }
            let before = namesInDirectory("/proc").compactMap { Int32($0) }.filter {
                let environment = text(of: "/proc/\($0)/environ")
                return environment.contains("ERA_PROBE=1\0") && environment.contains("=\(place)\0")
            }
            #expect(before.count == 1)
            _ = try await plugin.probeEnvironment(instance)
            try await eventually("the check is gone") { !before.contains { isAlive($0) } }
            #expect(try await plugin.status(instance.id).pid != nil)
        }
    }
}

extension ContainerHost {
    /// What an engine or the kernel remembers of a container.
    func remains(_ instance: PreparedInstance) -> [String] {
        let name = plugin().workloads.place(instance.id).name
        let groups = ["", "/unified", "/memory", "/pids", "/cpu", "/devices"].map {
            "/sys/fs/cgroup\($0)/era/\(name)"
        }
        return (["\(plugin().engines.stateDirectory)/\(name)"] + groups).filter { access($0, F_OK) == 0 }
            + text(of: "/proc/self/mounts").split(separator: "\n").map(String.init).filter {
                $0.contains(host.root)
            }
    }
}

extension ContainerPlugin {
    /// Everything that was logged.
    func output(_ id: InstanceID) async throws -> String {
        var bytes: [UInt8] = []
        for try await chunk in logs(id, LogRequest()) { bytes += chunk }
        return String(decoding: bytes, as: UTF8.self)
    }
}
