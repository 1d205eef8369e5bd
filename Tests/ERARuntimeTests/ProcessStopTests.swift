import ERAContracts
import ERACore
import Glibc
import Testing

@testable import ERARuntime

@Suite struct ProcessStopTests {
    /// Starts a script that writes the pid of something it leaves behind, and gives that pid.
    private func leftBehind(_ host: ProcessHost, _ instance: PreparedInstance) async throws -> Int32 {
        var pid: Int32 = 0
        try await eventually("the script wrote a pid") {
            pid = Int32(text(of: host.file(instance, "pid")).filter(\.isNumber)) ?? 0
            return pid > 0
        }
        return pid
    }

    private static let escape = """
        (setsid sh -c 'trap "" TERM; echo $$ > pid.new; mv pid.new pid; while :; do sleep 1; done' &)
        """

    @Test func `a daemon that forked twice, left the session and ignores TERM ends with its instance`()
        async throws
    {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance(Self.escape + "\nexec sleep 1000")
            try await host.run(instance, plugin)
            let escaped = try await leftBehind(host, instance)
            let main = try #require(try await plugin.status(instance.id).pid)
            let shim = try #require(host.record(instance)?.shim)
            try await plugin.stop(instance.id, StopSpec(signal: .term, grace: .milliseconds(200)))
            #expect(!isAlive(escaped) && !isAlive(main))
            try await eventually("the shim ended") { !shim.isAlive }
        }
    }

    @Test func `the same without a control group`() async throws {
        try await ProcessHost.with { original in
            var host = original
            host.usesControlGroups = false
            let plugin = host.plugin()
            let instance = try host.instance(Self.escape + "\nexec sleep 1000")
            try await host.run(instance, plugin)
            let escaped = try await leftBehind(host, instance)
            try await plugin.stop(instance.id, StopSpec(signal: .term, grace: .milliseconds(200)))
            #expect(!isAlive(escaped))
        }
    }

    @Test func `a stop signals first, and kills only what does not end in time`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let polite = try host.instance(
                "trap 'echo bye; exit 0' INT; echo up > ready; while :; do sleep 0.01; done"
            )
            try await host.run(polite, plugin)
            try await eventually("the trap is set") { text(of: host.file(polite, "ready")) == "up\n" }
            let before = ContinuousClock.now
            try await plugin.stop(polite.id, StopSpec(signal: .int, grace: .seconds(60)))
            #expect(ContinuousClock.now - before < .seconds(30))
            #expect(try await plugin.output(polite.id) == "bye\n")
        }
    }

    @Test func `what a workload leaves behind ends before its exit is told`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let script =
                "(setsid sh -c 'echo $$ > pid.new; mv pid.new pid; exec sleep 1000' &)\n"
                + "while ! test -s pid; do sleep 0.01; done; exit 7"
            let instance = try host.instance(script)
            try await host.run(instance, plugin)
            #expect(try await plugin.exit(instance.id) == .code(7))
            #expect(!isAlive(try await leftBehind(host, instance)))
        }
    }

    @Test func `a stop that its caller gives up goes on, and a second one joins it`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance("trap '' TERM; while :; do sleep 0.05; done")
            try await host.run(instance, plugin)
            let first = Task {
                try await plugin.stop(instance.id, StopSpec(signal: .term, grace: .seconds(600)))
            }
            try await eventually("it is stopping") { try await plugin.status(instance.id) == .stopping }
            first.cancel()
            await #expect(throws: (any Error).self) { try await first.value }
            #expect(try await plugin.status(instance.id) == .stopping)
            try await plugin.stop(instance.id, StopSpec(signal: .term, grace: .milliseconds(50)))
            #expect(try await plugin.status(instance.id) == .installed)
        }
    }

    @Test func `stopping one instance leaves another of the same deployment alone`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let old = try host.instance("exec sleep 1000", revision: 1)
            let new = try host.instance("exec sleep 1000", revision: 2)
            try await host.run(old, plugin)
            try await host.run(new, plugin)
            let pid = try #require(try await plugin.status(new.id).pid)
            try await plugin.stop(old.id, StopSpec(signal: .kill, grace: .zero))
            #expect(try await plugin.status(new.id).pid == pid)
            #expect(isAlive(pid))
        }
    }

    @Test func `what runs is not deleted`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance("exec sleep 1000")
            try await host.run(instance, plugin)
            await #expect(throws: Failure.self) { try await plugin.delete(instance.id) }
            #expect(try await plugin.status(instance.id).pid != nil)
        }
    }

    @Test(.enabled(if: Tracer.isAllowed, "another process must be traced, which this host forbids"))
    func `what cannot be ended is reported as stuck, blocks nobody else, and is stopped once it can`()
        async throws
    {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance("exec sleep 1000")
            try await host.run(instance, plugin)
            let pid = try #require(try await plugin.status(instance.id).pid)
            // Its parent cannot reap a process that somebody traces, not even when SIGKILL has ended it.
            let tracer = try #require(Tracer(pid))
            let stop = StopSpec(signal: .term, grace: .milliseconds(50))
            async let failure = #expect(throws: Failure.self) { try await plugin.stop(instance.id, stop) }
            let other = try host.instance("exec sleep 1000", name: "other")
            try await host.run(other, plugin)
            try await plugin.stop(other.id, stop)
            let first = await failure
            #expect(first?.code == .stopStuck)
            #expect(first?.persistence == .transient)
            #expect(try await plugin.status(instance.id) == .stopping)
            // Who asks again, a daemon that was started meanwhile too, is told the same.
            let second = await #expect(throws: Failure.self) {
                try await host.plugin().stop(instance.id, stop)
            }
            #expect(second?.code == .stopStuck)
            await #expect(throws: Failure.self, "never a second copy") {
                try await plugin.start(instance, handle: InstanceHandle(version: 1, payload: .object([:])))
            }
            tracer.letGo()
            try await plugin.stop(instance.id, stop)
            #expect(try await plugin.status(instance.id) == .installed)
        }
    }

    @Test func `a signal is sent once, however often the stop is ordered`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance(
                "trap 'echo term' TERM; echo up > ready; while :; do sleep 0.01; done"
            )
            try await host.run(instance, plugin)
            try await eventually("the trap is set") { text(of: host.file(instance, "ready")) == "up\n" }
            for _ in 0..<3 {
                let task = Task {
                    try await plugin.stop(instance.id, StopSpec(signal: .term, grace: .seconds(600)))
                }
                try await eventually("it was told") { try await plugin.output(instance.id).contains("term") }
                task.cancel()
                _ = await task.result
            }
            try await plugin.stop(instance.id, StopSpec(signal: .kill, grace: .zero))
            let lines = try await plugin.output(instance.id).split(separator: "\n")
            #expect(lines.count { $0 == "term" } == 1)
        }
    }
}
