import ERAContracts
import ERACore
import Synchronization
import Testing

@testable import ERAEngine
@testable import ERATestKit

/// What is asked for through the API is durable when it is acknowledged, and
/// does not happen when it was refused.
@Suite struct ChangeTests {
    private let world = World()

    private func refused<Value>(_ body: () throws -> Value) {
        let fault = #expect(throws: ControlFault.self) { _ = try body() }
        guard case .degraded = fault else {
            Issue.record("\(String(describing: fault))")
            return
        }
    }

    private func apply(_ app: SimulatedDeployment) throws -> AppliedDeployment {
        let deployment = try declared(app)
        return try world.ask { try await $0.apply(deployment, expecting: nil, dryRun: false) }
    }

    private func restart() throws -> DeploymentView {
        let key = app().key
        return try world.ask { try await $0.request(.restart, for: key) }
    }

    /// The disk is full, and nobody has noticed yet: the change is the first to find out.
    private func fill() throws {
        world.settle()
        world.disk.setFull(true)
        #expect(try world.ask { await $0.health() }.degraded == nil)
    }

    private func recover() throws {
        world.disk.setFull(false)
        world.pass(.seconds(60))
        #expect(try world.ask { await $0.health() }.degraded == nil)
    }

    @Test func `a new deployment that was refused is not there, and not later either`() throws {
        try fill()
        refused { try apply(app()) }
        #expect(try world.view(app()) == nil)
        try recover()
        #expect(try world.view(app()) == nil)
        #expect(world.disk.records[app().key] == nil)
        #expect(world.host.running.isEmpty)
        // The control: asked again, it is.
        #expect(try apply(app()).effect == .created)
        world.pass(.seconds(5))
        #expect(try world.phase(app()) == .running)
    }

    @Test func `an update that was refused leaves the version that runs`() throws {
        _ = try apply(app())
        world.pass(.seconds(60))
        try fill()
        refused { try apply(app { $0.minor = 1 }) }
        #expect(try world.view(app())?.record.generation == 1)
        try recover()
        #expect(try world.view(app())?.record.servedRevision == RevisionNumber(1))
        #expect(world.starts(app(), 1) == 1 && world.starts(app(), 2) == 0)
        #expect(world.disk.records[app().key]?.generation == 1)
        #expect(try apply(app { $0.minor = 1 }).effect == .configured)
        world.pass(.seconds(5))
        #expect(try world.view(app())?.record.servedRevision == RevisionNumber(2))
    }

    @Test func `a deletion that was refused deletes nothing`() throws {
        _ = try apply(app())
        world.pass(.seconds(60))
        try fill()
        let key = app().key
        refused { try world.ask { try await $0.delete(key, dryRun: false) } }
        #expect(try world.view(app())?.deletionRequestedAt == nil)
        try recover()
        #expect(try world.phase(app()) == .running)
        #expect(world.starts(app(), 1) == 1)
        _ = try world.ask { try await $0.delete(key, dryRun: false) }
        world.pass(.seconds(5))
        #expect(try world.view(app()) == nil)
    }

    @Test func `a restart that was refused does not happen later`() throws {
        world.put(app())
        world.pass(.seconds(60))
        try fill()
        refused { try restart() }
        try recover()
        #expect(world.starts(app(), 1) == 1)
        _ = try restart()
        world.pass(.seconds(5))
        #expect(world.starts(app(), 1) == 2)
    }

    @Test func `what happened after a change that was refused is kept`() throws {
        world.put(app())
        world.pass(.seconds(60))
        try fill()
        refused { try restart() }
        // Noted upon a record that never had the restart; the disk is still full.
        let id = InstanceID(app().key, RevisionNumber(1))
        world.host.exit(id, .code(3), at: world.clock.now().uptime)
        world.simulation.hint(id)
        try recover()
        #expect(world.starts(app(), 1) == 2, "for the crash, not for the restart")
        #expect(world.journal(app()).contains { $0.hasPrefix("instanceExited") })
        #expect(!world.journal(app()).contains { $0.hasPrefix("requested") })
        world.simulation.checkSafety()
        #expect(world.simulation.violations == [])
    }

    @Test func `a confirmation that was refused deletes nothing later`() throws {
        world.put(app(), app(1))
        world.pass(.seconds(60))
        world.source.change { $0.files = [:] }
        world.simulation.checks.declaredAt = [:]
        world.pass(.seconds(60))
        try fill()
        refused { try world.ask { try await $0.confirmPrune() } }
        try recover()
        #expect(world.host.running.count == 2)
        #expect(try world.ask { await $0.sources() }.first?.heldPrunes.count == 2)
        _ = try world.ask { try await $0.confirmPrune() }
        world.pass(.seconds(5))
        #expect(world.host.running.isEmpty)
    }

    /// The two alone would be no accident: only that they were held before keeps them.
    @Test func `a refused confirmation of few among many deletes nothing later`() throws {
        for index in 0..<10 { world.simulation.put(app(index)) }
        world.settle()
        world.pass(.seconds(60))
        for index in 0..<5 {
            world.remove(app(index))
            world.pass(.seconds(1))
        }
        world.pass(.seconds(600))
        #expect(world.host.running.count == 7)
        try fill()
        refused { try world.ask { try await $0.confirmPrune() } }
        try recover()
        #expect(world.host.running.count == 7)
        #expect(try world.ask { await $0.sources() }.first?.heldPrunes.count == 2)
        let keys = try world.ask { try await $0.confirmPrune() }
        #expect(Set(keys) == [app(3).key, app(4).key])
        world.pass(.seconds(5))
        #expect(world.host.running.count == 5)
    }

    @Test func `a dependency that was refused is forgotten`() throws {
        _ = try apply(app())
        world.pass(.seconds(60))
        try fill()
        refused { try apply(app { $0.dependsOn = 1 }) }
        let key = app(1).key
        #expect(try world.ask { await $0.dependents[key] } == nil)
        refused { try apply(app(2) { $0.dependsOn = 1 }) }
        #expect(try world.ask { await $0.dependents[key] } == nil)
    }

    @Test func `what a file declares meanwhile is applied once there is space`() throws {
        world.put(app())
        world.pass(.seconds(60))
        try fill()
        refused { try restart() }
        world.put(app { $0.minor = 1 }, app(1))
        try recover()
        #expect(try world.view(app())?.record.servedRevision == RevisionNumber(2))
        #expect(try world.phase(app(1)) == .running)
    }

    /// After each job of the engine: what a list shows as Running, a
    /// crash at this moment would not take back.
    @Test func `Running is shown only once it is durable`() throws {
        let world = World()
        let shown = Mutex<[DeploymentChange]>([])
        let stream = try world.ask { await $0.watch().changes }
        let reader = Task(executorPreference: world.simulation.executor) {
            for await change in stream { shown.withLock { $0.append(change) } }
        }
        defer { reader.cancel() }
        let apps = [app(), app(1)]
        for app in apps { world.simulation.put(app) }
        var early = 0
        for _ in 0..<300 {
            while world.simulation.executor.runOne() {
                let running = Set(
                    shown.withLock { $0.filter { $0.view.record.phase == .running }.map(\.view.record.key) }
                )
                early += running.count { world.disk.contents.records[$0]?.record.phase != .running }
            }
            world.clock.advance(by: .milliseconds(10))
        }
        let seen = Set(shown.withLock { $0.map(\.view.record.key) })
        #expect(seen.count == 2)
        #expect(try apps.allSatisfy { try world.phase($0) == .running })
        #expect(early == 0)
    }
}
