import ERAContracts
import ERACore
import ERALinux
import Glibc
import Testing

@testable import ERARuntime

@Suite struct AdoptionTests {
    @Test func `a new daemon finds what runs, and hears when it ends`() async throws {
        try await ProcessHost.with { host in
            let instance = try host.instance("read line < gate; exit 5")
            let first = host.plugin()
            let handle = try await first.install(instance)
            mkfifo(host.file(instance, "gate"), 0o600)
            try await first.start(instance, handle: handle)
            let pid = try await first.status(instance.id).pid

            let second = host.plugin()
            let changes = second.changes()
            #expect(try await second.instances() == [instance.id])
            #expect(try await second.status(instance.id).pid == pid)
            try await second.start(instance, handle: handle)
            #expect(try await second.status(instance.id).pid == pid)
            write("go\n", to: host.file(instance, "gate"))
            for await _ in changes where try await second.status(instance.id).exit == .code(5) { break }
        }
    }

    @Test func `with its shim killed a workload is tracked, never doubled, and can be stopped`() async throws
    {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance("echo x >> count; exec sleep 1000")
            try await host.run(instance, plugin)
            let pid = try #require(try await plugin.status(instance.id).pid)
            let shim = try #require(host.record(instance)?.shim)
            #expect(shim.signal(SIGKILL))
            try await eventually("the shim is gone") { !shim.isAlive }
            for plugin in [plugin, host.plugin()] {
                #expect(try await plugin.status(instance.id).pid == pid)
                // The end of the connection comes a moment after that of the process.
                try await eventually("the loss is shown") {
                    try await plugin.status(instance.id).restrictions.contains {
                        $0.contains("supervisor is gone")
                    }
                }
                try await host.run(instance, plugin)
            }
            #expect(text(of: host.file(instance, "count")) == "x\n")

            let changes = plugin.changes()
            kill(pid, SIGKILL)
            for await id in changes where try await plugin.status(id).exit != nil { break }
            #expect(try await plugin.status(instance.id).exit == .unknown)
            // Startable again.
            try await host.run(instance, plugin)
            #expect(try await plugin.status(instance.id).pid != nil)
        }
    }

    @Test func `with its shim killed even an escaped process is found and ended`() async throws {
        try await ProcessHost.with { original in
            var host = original
            host.usesControlGroups = false
            let plugin = host.plugin()
            let instance = try host.instance(
                "(setsid sh -c 'echo $$ > pid.new; mv pid.new pid; exec sleep 1000' &)\nexec sleep 1000"
            )
            try await host.run(instance, plugin)
            var escaped: Int32 = 0
            try await eventually("the script wrote a pid") {
                escaped = Int32(text(of: host.file(instance, "pid")).filter(\.isNumber)) ?? 0
                return escaped > 0
            }
            let shim = try #require(host.record(instance)?.shim)
            shim.signal(SIGKILL)
            try await eventually("the shim is gone") { !shim.isAlive }
            try await plugin.stop(instance.id, StopSpec(signal: .term, grace: .seconds(5)))
            #expect(!isAlive(escaped))
            #expect(try await plugin.status(instance.id) == .installed)
        }
    }

    @Test func `a shim killed during its launch leaves no second copy`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance("exec sleep 1000")
            try await host.run(instance, plugin)
            let pid = try #require(try await plugin.status(instance.id).pid)
            let record = try #require(host.record(instance))
            record.shim.signal(SIGKILL)
            try await eventually("the shim is gone") { !record.shim.isAlive }
            // As if it had died between exec and writing that down.
            let state =
                "era-shim 1\nboot \(host.bootID)\nshim \(record.shim.pid) \(record.shim.startTime)\n"
                + "phase launching\nend\n"
            write(state, to: instance.directory + "/shim/state")
            let other = host.plugin()
            try await host.run(instance, other)
            #expect(!isAlive(pid))
            #expect(try await other.status(instance.id).pid != pid)
        }
    }

    @Test func `after a reboot nothing runs, and nothing is signalled`() async throws {
        try await ProcessHost.with { host in
            let bystander = try await Bystander()
            let instance = try host.instance("exec sleep 1000")
            let plugin = host.plugin()
            _ = try await plugin.install(instance)
            write(bystander.state(boot: "another-boot"), to: instance.directory + "/shim/state")
            #expect(try await plugin.status(instance.id) == .installed)
            try await plugin.stop(instance.id, StopSpec(signal: .kill, grace: .zero))
            #expect(bystander.identity.isAlive)
            bystander.end()
        }
    }

    @Test func `a number that another process has now is never signalled`() async throws {
        try await ProcessHost.with { host in
            let bystander = try await Bystander()
            let instance = try host.instance("exec sleep 1000")
            let plugin = host.plugin()
            let handle = try await plugin.install(instance)
            let state = bystander.state(boot: host.bootID, startTime: bystander.identity.startTime + 1)
            write(state, to: instance.directory + "/shim/state")
            #expect(try await plugin.status(instance.id).exit == .unknown)
            try await plugin.stop(instance.id, StopSpec(signal: .kill, grace: .zero))
            #expect(bystander.identity.isAlive)

            write(state, to: instance.directory + "/shim/state")
            try await plugin.start(instance, handle: handle)
            #expect(bystander.identity.isAlive)
            #expect(try await plugin.status(instance.id).pid != bystander.identity.pid)
            bystander.end()
        }
    }

    @Test(arguments: [
        "", "\n", "garbage", "era-shim 1\nend\n", "era-shim 1\nboot x\nshim 1 1\nphase running\nend\n",
        "era-shim 1\nboot x\nshim -5 2\nphase dancing\nend\n", String(repeating: "x", count: 100_000),
    ])
    func `a state file that makes no sense counts as none`(content: String) async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance("exit 0")
            let handle = try await plugin.install(instance)
            write(content, to: instance.directory + "/shim/state")
            #expect(try await plugin.status(instance.id) == .installed)
            try await plugin.start(instance, handle: handle)
            #expect(try await plugin.exit(instance.id) == .code(0))
        }
    }

    @Test func `status changes nothing`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance("exit 2")
            try await host.run(instance, plugin)
            #expect(try await plugin.exit(instance.id) == .code(2))
            let before = text(of: instance.directory + "/shim/state")
            for _ in 0..<5 { #expect(try await host.plugin().status(instance.id).exit == .code(2)) }
            #expect(text(of: instance.directory + "/shim/state") == before)
            #expect(try await plugin.status(try host.id("nobody")) == .absent)
            #expect(access("\(host.dataDirectory)/instances/default/nobody", F_OK) != 0)
        }
    }
}

/// A process that has nothing to do with any instance.
struct Bystander {
    let identity: ProcessIdentity

    init() async throws {
        var pid = pid_t()
        let result = withCArguments(["sleep", "1000"]) { arguments in
            posix_spawn(&pid, "/bin/sleep", nil, nil, arguments, nil)
        }
        try #require(result == 0)
        identity = ProcessIdentity(pid: pid, startTime: try #require(ProcessStat(pid: pid)).startTime)
    }

    func state(boot: String, startTime: UInt64? = nil) -> String {
        let process = "\(identity.pid) \(startTime ?? identity.startTime)"
        return
            "era-shim 1\nboot \(boot)\nshim \(process)\nphase running\nworkload \(process)\nstarted 1\nend\n"
    }

    func end() {
        kill(identity.pid, SIGKILL)
        waitpid(identity.pid, nil, 0)
    }
}
