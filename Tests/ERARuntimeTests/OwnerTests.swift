import ERAContracts
import ERACore
import Glibc
import Testing

@testable import ERARuntime

/// Several plugins below one shim host: each has its own instances, and nobody else's.
@Suite struct OwnerTests {
    private static let other = PluginName(rawValue: "other")

    /// An instance of plugin `other` that runs a script, prepared and installed.
    private func run(_ host: ProcessHost, _ workloads: ShimWorkloads, _ revision: Int) async throws
        -> PreparedInstance
    {
        let instance = try host.instance("exec sleep 1000", revision: revision)
        try await workloads.makeFiles(instance) { _ in }
        try await workloads.claim(instance.id)
        try await workloads.start(instance.id) {
            try workloads.launch(
                instance,
                executable: "/bin/sh",
                arguments: instance.spec.command,
                config: WorkloadConfig()
            )
        }
        return instance
    }

    @Test func `each plugin finds its own instances, also after everything was forgotten`() async throws {
        try await ProcessHost.with { host in
            let shims = host.shimHost()
            let native = ProcessPlugin(shims)
            let others = shims.workloads(of: try #require(Self.other))
            let first = try host.instance("exec sleep 1000", revision: 1)
            try await host.run(first, native)
            let second = try await run(host, others, 2)

            for shims in [shims, host.shimHost()] {
                let native = ProcessPlugin(shims)
                let others = shims.workloads(of: try #require(Self.other))
                #expect(try await native.instances() == [first.id])
                #expect(try others.instances() == [second.id])
                #expect(try await native.status(first.id).pid != nil)
                #expect(try await native.status(second.id) == .absent)
                #expect(try await others.status(second.id).pid != nil)
                #expect(try await others.status(first.id) == .absent)
            }
            try await others.stop(second.id, StopSpec(signal: .kill, grace: .zero))
            try await others.delete(second.id)
        }
    }

    @Test func `nobody stops, starts, installs or deletes the instance of another plugin`() async throws {
        try await ProcessHost.with { host in
            let shims = host.shimHost()
            let native = ProcessPlugin(shims)
            let others = shims.workloads(of: try #require(Self.other))
            let instance = try await run(host, others, 1)
            let pid = try await others.status(instance.id).pid

            try await native.stop(instance.id, StopSpec(signal: .kill, grace: .zero))
            try await native.delete(instance.id)
            await #expect(throws: Failure.self) { try await native.install(instance) }
            let handle = InstanceHandle(version: 1, payload: .object([:]))
            await #expect(throws: Failure.self) { try await native.start(instance, handle: handle) }
            #expect(try await others.status(instance.id).pid == pid)

            try await others.stop(instance.id, StopSpec(signal: .kill, grace: .zero))
            try await others.delete(instance.id)
            // With the files its owner is gone: the next may be anybody's.
            try await host.run(instance, native)
            #expect(try await native.status(instance.id).pid != nil)
        }
    }

    @Test func `a plugin hears of its own instances only`() async throws {
        try await ProcessHost.with { host in
            let shims = host.shimHost()
            let native = ProcessPlugin(shims)
            let others = shims.workloads(of: try #require(Self.other))
            let changes = native.changes()
            let otherChanges = others.changes()
            let second = try await run(host, others, 2)
            try await others.stop(second.id, StopSpec(signal: .kill, grace: .zero))
            try await others.delete(second.id)
            let first = try host.instance("exit 0", revision: 1)
            try await host.run(first, native)
            #expect(await changes.first { _ in true } == first.id)
            #expect(await otherChanges.first { _ in true } == second.id)
        }
    }

    @Test func `an instance of a version that noted no plugin is a native program`() async throws {
        try await ProcessHost.with { host in
            let instance = try host.instance("exec sleep 1000")
            try await host.run(instance, host.plugin())
            try #require(unlink(instance.directory + "/shim/plugin") == 0)
            #expect(try await host.plugin().instances() == [instance.id])
            #expect(try await host.plugin().status(instance.id).pid != nil)
        }
    }

    @Test(arguments: ["", "Not A Name\n", String(repeating: "x", count: 4096)])
    func `a note that names no plugin is an error, and no plugin's instance`(content: String) async throws {
        try await ProcessHost.with { host in
            let instance = try host.instance("exec sleep 1000")
            _ = try await host.plugin().install(instance)
            let note = instance.directory + "/shim/plugin"
            write(content, to: note)
            await #expect(throws: Failure.self) { try await host.plugin().status(instance.id) }
            await #expect(throws: Failure.self) { try await host.plugin().instances() }
            write("process\n", to: note)
            #expect(try await host.plugin().status(instance.id) == .installed)
        }
    }

    @Test func `an installation that was cut short before its note is none, and is done again`() async throws
    {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance("exec sleep 1000")
            makeDirectories(instance.directory + "/shim.new")
            write("oth", to: instance.directory + "/shim.new/.era-new")
            #expect(try await plugin.status(instance.id) == .absent)
            #expect(try await plugin.instances() == [])
            try await host.run(instance, plugin)
            #expect(try await plugin.status(instance.id).pid != nil)
            try await plugin.stop(instance.id, StopSpec(signal: .kill, grace: .zero))
            makeDirectories(instance.directory + "/shim.new")
            try await plugin.delete(instance.id)
            #expect(namesInDirectory(instance.directory) == ["log"])
        }
    }
}
