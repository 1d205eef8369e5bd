import ERAContracts
import ERACore
import Glibc
import Testing

@testable import ERARuntime

@Suite struct ProcessLifeTests {
    @Test(arguments: [
        ("exit 0", ERACore.ExitStatus.code(0)), ("exit 3", .code(3)), ("exit 255", .code(255)),
        ("kill -9 $$", .signal(9)), ("kill -TERM $$", .signal(15)), ("kill -SEGV $$", .signal(11)),
    ])
    func `a workload's exit status is reported exactly`(script: String, expected: ERACore.ExitStatus)
        async throws
    {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance(script)
            try await host.run(instance, plugin)
            #expect(try await plugin.exit(instance.id) == expected)
            // Whoever comes later hears the same.
            #expect(try await host.plugin().status(instance.id).exit == expected)
        }
    }

    @Test func `status tells absent, installed, running and installed again`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance("exec sleep 1000")
            #expect(try await plugin.status(instance.id) == .absent)
            let handle = try await plugin.install(instance)
            #expect(try await plugin.status(instance.id) == .installed)
            try await plugin.start(instance, handle: handle)
            let pid = try #require(try await plugin.status(instance.id).pid)
            #expect(text(of: "/proc/\(pid)/cmdline") == "sleep\u{0}1000\u{0}")
            try await plugin.stop(instance.id, instance.spec.stop)
            #expect(try await plugin.status(instance.id) == .installed)
            #expect(!isAlive(pid))
            try await plugin.delete(instance.id)
            #expect(try await plugin.status(instance.id) == .absent)
        }
    }

    @Test func `starting twice gives one process, stopping and deleting twice is fine`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance("echo x >> count; exec sleep 1000")
            try await host.run(instance, plugin)
            let pid = try await plugin.status(instance.id).pid
            try await host.run(instance, plugin)
            try await host.run(instance, host.plugin())
            #expect(try await plugin.status(instance.id).pid == pid)
            #expect(text(of: host.file(instance, "count")) == "x\n")
            for _ in 0..<2 { try await plugin.stop(instance.id, instance.spec.stop) }
            for _ in 0..<2 { try await plugin.delete(instance.id) }
            #expect(try await plugin.instances() == [])
        }
    }

    @Test func `two starts at once from two daemons give one process`() async throws {
        try await ProcessHost.with { host in
            let instance = try host.instance("echo x >> count; exec sleep 1000")
            let plugins = (0..<8).map { _ in host.plugin() }
            let handle = try await plugins[0].install(instance)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for plugin in plugins { group.addTask { try await plugin.start(instance, handle: handle) } }
                try await group.waitForAll()
            }
            #expect(text(of: host.file(instance, "count")) == "x\n")
        }
    }

    @Test func `a command that cannot be executed fails the start, not the workload`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let script = host.root + "/script"
            write("#!/nonexistent/interpreter\n", to: script)
            chmod(script, 0o755)
            let instance = try host.instance("") { $0.command = [script] }
            let handle = try await plugin.install(instance)
            let failure = await #expect(throws: Failure.self) {
                try await plugin.start(instance, handle: handle)
            }
            #expect(failure?.code == .commandMissing)
            #expect(failure?.persistence == .permanent)
            #expect(failure?.message.contains(script) == true)
            #expect(try await plugin.status(instance.id) == .installed)

            write("neither program nor script", to: script)
            let other = await #expect(throws: Failure.self) {
                try await plugin.start(instance, handle: handle)
            }
            #expect(other?.code == .startFailed)
        }
    }

    @Test func `a missing program is found at install, and its name said`() async throws {
        try await ProcessHost.with { host in
            let instance = try host.instance("") { $0.command = ["no-such-program"] }
            let failure = await #expect(throws: Failure.self) {
                _ = try await host.plugin().install(instance)
            }
            #expect(failure?.code == .commandMissing)
            #expect(failure?.message.contains("no-such-program") == true)
        }
    }

    @Test func `a missing shim is a permanent failure that names it`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin(shimPath: "/nonexistent/era-shim")
            let instance = try host.instance("exit 0")
            let handle = try await plugin.install(instance)
            let failure = await #expect(throws: Failure.self) {
                try await plugin.start(instance, handle: handle)
            }
            #expect(failure?.code == .startFailed && failure?.persistence == .permanent)
        }
    }

    @Test func `a change is told without being asked for`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let changes = plugin.changes()
            let instance = try host.instance("read line < gate; exit 4")
            let handle = try await plugin.install(instance)
            mkfifo(host.file(instance, "gate"), 0o600)
            try await plugin.start(instance, handle: handle)
            write("go\n", to: host.file(instance, "gate"))
            for await id in changes {
                #expect(id == instance.id)
                if try await plugin.status(id).exit == .code(4) { break }
            }
        }
    }

    @Test func `two hundred starts and stops leave no descriptor and no process`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance("exec sleep 1000")
            let handle = try await plugin.install(instance)
            func descriptors() -> Int { namesInDirectory("/proc/self/fd").count }
            try await plugin.start(instance, handle: handle)
            try await plugin.stop(instance.id, StopSpec(signal: .kill, grace: .zero))
            let before = descriptors()
            for _ in 0..<200 {
                try await plugin.start(instance, handle: handle)
                try await plugin.stop(instance.id, StopSpec(signal: .kill, grace: .zero))
            }
            // Tests that run beside this one have descriptors of their own.
            try await eventually("descriptors are as before") { descriptors() < before + 100 }
            #expect(namesInDirectory(host.runDirectory + "/shims") == [])
        }
    }

    @Test func `orphans are reaped while the workload runs`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let script =
                "for i in $(seq 1 50); do (sh -c 'exit 1' &); done; echo done > done; exec sleep 1000"
            let instance = try host.instance(script)
            try await host.run(instance, plugin)
            try await eventually("it forked") { text(of: host.file(instance, "done")) == "done\n" }
            let record = try #require(host.record(instance))
            let path = "/proc/\(record.shim.pid)/task/\(record.shim.pid)/children"
            try await eventually("only the workload is left") {
                text(of: path).split(separator: " ").map(String.init) == [String(record.workload?.pid ?? 0)]
            }
        }
    }
}
