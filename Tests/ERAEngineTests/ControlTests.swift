import ERAContracts
import ERACore
import ERAEngine
import Synchronization
import Testing

@testable import ERATestKit

/// What people and programs do through the API.
@Suite struct ControlTests {
    private func apply(
        _ world: World,
        _ app: SimulatedDeployment,
        expecting: ResourceVersion? = nil,
        dryRun: Bool = false
    ) throws -> AppliedDeployment {
        let deployment = try declared(app)
        return try world.ask { try await $0.apply(deployment, expecting: expecting, dryRun: dryRun) }
    }

    @Test func `apply creates, configures, and says when nothing changes`() throws {
        let world = World()
        #expect(try apply(world, app()).effect == .created)
        // Acknowledged is durable.
        #expect(world.disk.records[app().key] != nil)
        #expect(try apply(world, app()).effect == .unchanged)
        let changed = try apply(world, app { $0.minor = 1 })
        #expect(changed.effect == .configured)
        #expect(changed.view.record.generation == 2)
        world.pass(.seconds(1))
        #expect(try world.view(app())?.record.servedRevision == RevisionNumber(2))
    }

    @Test func `a dry run answers what would be, and stores nothing`() throws {
        let world = World()
        #expect(try apply(world, app(), dryRun: true).effect == .created)
        #expect(try world.view(app()) == nil)
        _ = try apply(world, app())
        world.pass(.seconds(1))
        let preview = try apply(world, app { $0.minor = 1 }, dryRun: true)
        #expect(preview.effect == .configured && preview.view.record.generation == 2)
        #expect(try world.view(app())?.record.generation == 1)
        #expect(try apply(world, app(), dryRun: true).effect == .unchanged)
    }

    @Test func `a change made for an older version is a conflict`() throws {
        let world = World()
        let key = app().key
        #expect(throws: ControlFault.notFound(key)) {
            try apply(world, app(), expecting: ResourceVersion(1))
        }
        let old = try apply(world, app()).view.resourceVersion
        world.pass(.seconds(1))
        #expect(throws: ControlFault.conflict(key)) {
            try apply(world, app { $0.minor = 1 }, expecting: old)
        }
        let now = try #require(try world.view(app())?.resourceVersion)
        #expect(try apply(world, app { $0.minor = 1 }, expecting: now).effect == .configured)
    }

    @Test func `what a file declares is changed and deleted there`() throws {
        let world = World()
        world.put(app(), app(1))
        let key = app().key
        let place = Origin(source: "directory:/simulated", path: "app-0.yaml")
        #expect(throws: ControlFault.ownedElsewhere(key, place)) { try apply(world, app { $0.minor = 1 }) }
        #expect(throws: ControlFault.ownedElsewhere(key, place)) {
            try world.ask { try await $0.delete(key, dryRun: false) }
        }
        // Also while its deletion waits for a person, or the source cannot be read.
        world.source.change { $0.isUnavailable = true }
        world.settle()
        #expect(throws: ControlFault.ownedElsewhere(key, place)) { try apply(world, app { $0.minor = 1 }) }
    }

    @Test func `a file that declares what the API owns is told so, and changes nothing`() throws {
        let world = World()
        _ = try apply(world, app())
        world.put(app { $0.minor = 1 })
        #expect(try world.view(app())?.record.generation == 1)
        let status = try #require(try world.ask { await $0.sources() }.first)
        #expect(status.files.first?.problems.first?.contains("is declared in api already") == true)
    }

    @Test func `a circle of dependencies is refused`() throws {
        let world = World()
        _ = try apply(world, app(0) { $0.dependsOn = 1 })
        #expect(throws: ControlFault.self) { try apply(world, app(1) { $0.dependsOn = 0 }) }
        #expect(try world.view(app(1)) == nil)
    }

    @Test func `delete is idempotent, and nothing can be applied until it is done`() throws {
        let world = World()
        let key = app().key
        #expect(throws: ControlFault.notFound(key)) {
            try world.ask { try await $0.delete(key, dryRun: false) }
        }
        _ = try apply(world, app())
        #expect(try world.ask { try await $0.delete(key, dryRun: true) }.record.phase != .stopping)
        world.faults.stall("stop")
        let view = try world.ask { try await $0.delete(key, dryRun: false) }
        #expect(view.record.phase == .stopping && view.deletionRequestedAt != nil)
        #expect(try world.ask { try await $0.delete(key, dryRun: false) }.record.phase == .stopping)
        for dryRun in [true, false] {
            #expect(throws: ControlFault.self) { try apply(world, app { $0.minor = 1 }, dryRun: dryRun) }
        }
        world.faults.unstall()
        world.restart()
        #expect(try world.view(app()) == nil)
        #expect(try apply(world, app()).effect == .created)
        world.pass(.seconds(1))
        #expect(try world.phase(app()) == .running)
    }

    @Test func `a restart of ERA in the middle of a deletion still shows when it was asked for`() throws {
        let world = World()
        let key = app().key
        _ = try apply(world, app())
        world.faults.stall("stop")
        _ = try world.ask { try await $0.delete(key, dryRun: false) }
        world.restart()
        #expect(try world.view(app())?.deletionRequestedAt != nil)
    }

    // MARK: Intents

    /// Nothing of this makes sense for a deployment that runs its first revision.
    @Test(arguments: [
        Intent.retry, .accept, .rollback(to: nil), .rollback(to: RevisionNumber(7)),
    ])
    func `what makes no sense is refused with what to do instead`(_ intent: Intent) throws {
        let world = World()
        world.put(app())
        let key = app().key
        let before = world.disk.records[key]
        #expect(throws: ControlFault.self) { try world.ask { try await $0.request(intent, for: key) } }
        #expect(world.disk.records[key] == before)
    }

    @Test(arguments: [Intent.retry, .accept, .restart, .suspend, .resume, .rollback(to: nil)])
    func `nothing can be asked of what is not there`(_ intent: Intent) throws {
        let world = World()
        let key = app().key
        #expect(throws: ControlFault.notFound(key)) {
            try world.ask { try await $0.request(intent, for: key) }
        }
    }

    @Test func `restart starts the same revision anew`() throws {
        let world = World()
        world.put(app())
        let key = app().key
        _ = try world.ask { try await $0.request(.restart, for: key) }
        world.pass(.seconds(1))
        #expect(world.starts(app(), 1) == 2)
        #expect(try world.phase(app()) == .running)
    }

    @Test func `suspend leaves all as it is, until resume`() throws {
        let world = World()
        world.put(app())
        let key = app().key
        _ = try world.ask { try await $0.request(.suspend, for: key) }
        world.put(app { $0.minor = 1 })
        world.pass(.seconds(60))
        #expect(world.starts(app(), 2) == 0)
        _ = try world.ask { try await $0.request(.resume, for: key) }
        world.pass(.seconds(1))
        #expect(try world.view(app())?.record.servedRevision == RevisionNumber(2))
    }

    @Test func `a rollback by hand stays until the manifest changes`() throws {
        let world = World()
        let key = app().key
        world.put(app())
        world.put(app { $0.minor = 1 })
        _ = try world.ask { try await $0.request(.rollback(to: nil), for: key) }
        world.pass(.seconds(120))
        #expect(try world.view(app())?.record.servedRevision == RevisionNumber(1))
        world.put(app { $0.minor = 2 })
        world.pass(.seconds(1))
        #expect(try world.view(app())?.record.servedRevision == RevisionNumber(3))
    }

    @Test func `a version that failed is not tried again until somebody says retry`() throws {
        let world = World()
        let key = app().key
        world.put(app())
        world.host.state.withLock { _ = $0.broken.insert(key) }
        world.put(app { ($0.minor, $0.behaviour) = (1, .unstartable) })
        world.pass(.seconds(120))
        #expect(try world.phase(app()) == .rollbackFailed)
        world.host.state.withLock { $0.broken = [] }
        world.pass(.seconds(300))
        #expect(try world.phase(app()) == .rollbackFailed)
        _ = try world.ask { try await $0.request(.accept, for: key) }
        world.pass(.seconds(60))
        #expect(try world.phase(app()) == .running)
    }

    @Test func `what is suspended is not restarted, and what is only observed not changed`() throws {
        let world = World()
        let key = app().key
        world.put(app())
        world.pass(.seconds(10))
        _ = try world.ask { try await $0.request(.suspend, for: key) }
        #expect(throws: ControlFault.self) { try world.ask { try await $0.request(.restart, for: key) } }
        #expect(try world.phase(app()) == .running)
        _ = try world.ask { try await $0.request(.resume, for: key) }
        _ = try world.ask { try await $0.request(.restart, for: key) }
        world.pass(.seconds(10))
        #expect(world.starts(app(), 1) == 2)

        var options = EngineOptions()
        options.observeOnly = true
        let observing = World(options: options)
        observing.put(app())
        #expect(throws: ControlFault.self) { try observing.ask { try await $0.request(.suspend, for: key) } }
    }

    @Test func `a deployment that is declared again is not shown as being deleted`() throws {
        let world = World()
        world.put(app(), app(1))
        world.pass(.seconds(10))
        world.remove(app())
        world.pass(.seconds(10))
        #expect(try world.view(app()) == nil)
        world.put(app())
        world.pass(.seconds(10))
        let view = try #require(try world.view(app()))
        #expect(view.record.phase == .running && view.deletionRequestedAt == nil)
    }

    // MARK: Prunes

    @Test func `deletions that look like an accident wait for a person`() throws {
        let world = World()
        world.put(app(), app(1))
        world.source.change { $0.files = [:] }
        world.simulation.checks.declaredAt = [:]
        world.pass(.seconds(120))
        let keys = [app().key, app(1).key]
        #expect(try world.ask { await $0.sources() }.first?.heldPrunes == keys)
        #expect(world.host.running.count == 2)
        #expect(try world.ask { try await $0.confirmPrune() } == keys)
        world.pass(.seconds(1))
        #expect(world.host.running == [])
        #expect(try world.ask { try await $0.confirmPrune() } == [])
    }

    @Test func `a confirmation is for what is held then, not for another accident later`() throws {
        let world = World()
        world.put(app(), app(1))
        let files = world.source.state.withLock { $0.files }
        world.source.change { $0.files = [:] }
        world.simulation.checks.declaredAt = [:]
        world.pass(.seconds(120))
        // Confirmed while nothing can be read; then the files are back.
        world.source.change { $0.isUnavailable = true }
        world.pass(.seconds(60))
        _ = try world.ask { try await $0.confirmPrune() }
        world.source.change { state in
            state.isUnavailable = false
            state.files = files
        }
        world.pass(.seconds(60))
        world.source.change { $0.files = [:] }
        world.pass(.seconds(120))
        #expect(world.host.running.count == 2)
        #expect(try world.ask { await $0.sources() }.first?.heldPrunes == [app().key, app(1).key])
    }

    @Test func `a source that cannot be read deletes nothing, and says why`() throws {
        let world = World()
        world.put(app(), app(1), app(2), app(4))
        world.source.change { state in
            state.files["app-0.yaml"] = nil
            state.isUnavailable = true
        }
        world.pass(.seconds(120))
        #expect(world.host.running.count == 4)
        #expect(try world.ask { await $0.sources() }.first?.unavailable?.contains("gone") == true)
    }

    @Test func `a file that is being written keeps what it declared`() throws {
        let world = World()
        world.put(app(), app(1), app(2), app(4))
        world.source.change { state in
            state.files["app-0.yaml"] = Array("apiVersion: era".utf8)
            state.unsettled = ["app-0.yaml"]
        }
        world.pass(.seconds(60))
        #expect(world.host.running.count == 4)
        world.source.change { $0.unsettled = [] }
        world.pass(.seconds(60))
        #expect(world.host.running.count == 4)
        #expect(try world.ask { await $0.sources() }.first?.files.first?.problems.isEmpty == false)
    }

    @Test func `a file that is copied and then removed is not missed while the copy is written`() throws {
        let world = World()
        world.put(app(), app(1), app(2), app(4))
        world.source.change { state in
            state.files["copy.yaml"] = state.files.removeValue(forKey: "app-0.yaml")
            state.unsettled = ["copy.yaml"]
        }
        world.settle()
        world.source.change { $0.unsettled = [] }
        world.pass(.seconds(60))
        #expect(world.starts(app(), 1) == 1)
        #expect(try world.view(app())?.record.declaration.origin.path == "copy.yaml")
    }

    @Test func `a resync has read the sources and looked at all when it returns`() throws {
        let world = World()
        world.put(app())
        let id = InstanceID(app().key, RevisionNumber(1))
        world.host.exit(id, .code(1), at: world.clock.now().uptime)
        try world.ask { await $0.resync() }
        #expect(world.journal(app()).contains { $0.hasPrefix("instanceExited") })
    }

    @Test func `a resync does not wait for a step that hangs`() throws {
        let world = World()
        world.faults.stall("install")
        world.put(app(), app(1))
        try world.ask { await $0.resync() }
        #expect(try world.phase(app()) == .installing)
    }
}
