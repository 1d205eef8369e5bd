import ERAContracts
import ERACore
import Synchronization
import Testing

@testable import ERAEngine
@testable import ERATestKit

/// What becomes of what runs when the database was lost.
@Suite struct OrphanTests {
    private func id(_ revision: Int) -> InstanceID { InstanceID(app().key, RevisionNumber(revision)) }

    /// The database is gone and the manifest may have changed before the daemon comes back.
    private func lose(_ world: World, declaring next: SimulatedDeployment? = nil) {
        world.disk.lose()
        if let next { world.simulation.put(next) }
        world.restart()
        world.pass(.seconds(20))
    }

    @Test func `another version than the one that runs replaces it like any update`() throws {
        let world = World()
        world.put(app(), app(1))
        lose(world, declaring: app { $0.minor = 1 })
        let record = try #require(try world.view(app())).record
        #expect(record.servedRevision == RevisionNumber(2))
        #expect(record.previous == RevisionNumber(1))
        #expect(world.host.running.filter { $0.deployment == app().key } == [id(2)])
        // Prepared while the old one served, and only then stopped: SimulatedHost notes it when two run.
        #expect(world.journal(app()).contains("admitted"))
        #expect(world.journal(app()).contains("displaced"))
        #expect(world.starts(app(1), 1) == 1, "what is declared as it runs is left alone")
    }

    @Test func `a version that fails gives back what ran, also when no record knew it`() throws {
        let world = World()
        world.put(app(), app(1))
        lose(world, declaring: app { ($0.minor, $0.behaviour) = (1, .unstartable) })
        world.pass(.seconds(60))
        let record = try #require(try world.view(app())).record
        #expect(record.phase == .running)
        #expect(record.servedRevision == RevisionNumber(1))
        #expect(record.quarantine?.generation == 1)
        #expect(world.host.running.contains(id(1)))
    }

    @Test func `a version that is refused leaves alone what runs`() throws {
        let world = World()
        world.put(app(), app(1))
        let before = world.host.status(id(1))
        lose(world, declaring: app { ($0.minor, $0.behaviour) = (1, .invalid) })
        #expect(world.host.status(id(1)) == before)
        #expect(world.starts(app(), 1) == 1)
        #expect(try world.view(app())?.record.servedRevision == RevisionNumber(1))
    }

    @Test(arguments: [nil, "", "{}", "not JSON", "{\"kind\": \"Deployment\"}"])
    func `an instance of which nobody knows what it is, is replaced once`(_ manifest: String?) throws {
        let world = World()
        world.put(app(), app(1))
        world.host.state.withLock { $0.manifests[id(1)] = manifest }
        lose(world)
        let record = try #require(try world.view(app())).record
        #expect(record.servedRevision == RevisionNumber(2))
        #expect(world.host.running.filter { $0.deployment == app().key } == [id(2)])
        #expect(world.host.status(id(1)) == .absent, "nothing is left behind")
        let starts = world.starts(app(), 2)
        lose(world)
        #expect(world.starts(app(), 2) == starts, "from now on it is known")
    }

    @Test func `the manifest of another deployment is not believed`() throws {
        let world = World()
        world.put(app(), app(1))
        world.host.state.withLock { state in
            state.manifests[id(1)] = state.manifests[InstanceID(app(1).key, RevisionNumber(1))]
        }
        lose(world)
        #expect(try world.view(app())?.record.servedRevision == RevisionNumber(2))
    }

    @Test func `of two that exist the one that is declared stays, and the other can be gone back to`() throws
    {
        let world = World()
        world.put(app(), app(1))
        world.put(app { $0.minor = 1 })
        world.pass(.seconds(20))
        #expect(world.host.status(id(1)) == .installed)
        let before = world.host.status(id(2))
        lose(world)
        #expect(world.host.status(id(2)) == before)
        #expect(world.starts(app(), 2) == 1)
        let key = app().key
        _ = try world.ask { try await $0.request(.rollback(to: nil), for: key) }
        world.pass(.seconds(20))
        #expect(try world.view(app())?.record.servedRevision == RevisionNumber(1))
        world.put(app { $0.minor = 2 })
        world.pass(.seconds(20))
        #expect(try world.view(app())?.record.servedRevision == RevisionNumber(3), "no number comes twice")
    }

    @Test func `what was rolled back is tried once more and rolled back again`() throws {
        let world = World()
        world.put(app(), app(1))
        world.put(app { ($0.minor, $0.behaviour, $0.hasProbe) = (1, .sick, true) })
        world.pass(.seconds(60))
        #expect(try world.view(app())?.record.servedRevision == RevisionNumber(1))
        lose(world)
        world.pass(.seconds(60))
        let record = try #require(try world.view(app())).record
        #expect(record.servedRevision == RevisionNumber(1))
        #expect(record.phase == .running)
        #expect(world.host.running.filter { $0.deployment == app().key } == [id(1)])
    }

    @Test func `a crash just after the declaration forgets no instance`() throws {
        let world = World()
        world.put(app(), app(1))
        world.faults.stall("validate")
        lose(world, declaring: app { $0.minor = 1 })
        #expect(world.journal(app()).prefix(2) == ["declared", "found(revisions 1)"])
        // Only the first fact has reached the disk: the deployment, and not what was found of it.
        try world.disk.state.withLock { state in
            let first = try #require(state.durable.journals[app().key]?.first)
            let record = try DeploymentRecord(key: app().key, founding: first)
            state.durable.journals[app().key] = [first]
            state.durable.records[app().key]?.record = record
            state.pending = []
        }
        world.faults.unstall()
        world.restart()
        world.pass(.seconds(20))
        #expect(world.host.running.filter { $0.deployment == app().key } == [id(2)])
        #expect(world.journal(app()).contains { $0.hasPrefix("found") })
    }
}
