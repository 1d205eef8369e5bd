import ERAContracts
import ERACore
import ERAEngine
import Synchronization
import Testing

@testable import ERATestKit

/// What is asked before the records are loaded, and how long that takes.
@Suite struct StartTests {
    private let world = World()

    private func apply(_ app: SimulatedDeployment) throws {
        let deployment = try declared(app)
        _ = try world.ask { try await $0.apply(deployment, expecting: nil, dryRun: false) }
    }

    /// The database is lost, and who is asked what runs does not answer for five seconds.
    private func restartSlowly() {
        world.disk.lose()
        world.faults.stall("status")
        world.restart()
    }

    @Test func `a change that comes before what runs is known waits, and replaces it like any update`() throws
    {
        try apply(app())
        world.pass(.seconds(10))
        restartSlowly()
        let next = try declared(app { $0.minor = 1 })
        let isApplied = Mutex(false)
        world.simulation.ask { engine in
            _ = try await engine.apply(next, expecting: nil, dryRun: false)
            isApplied.withLock { $0 = true }
        }
        world.pass(.seconds(4))
        #expect(!isApplied.withLock { $0 })
        #expect(try !world.ask { await $0.health() }.isReady)
        world.faults.unstall()
        world.pass(.seconds(60))
        #expect(isApplied.withLock { $0 })
        let record = try #require(try world.view(app())).record
        #expect(record.servedRevision == RevisionNumber(2))
        #expect(world.starts(app(), 1) == 1)
        #expect(world.host.running == [InstanceID(app().key, RevisionNumber(2))])
    }

    @Test func `a list that comes before the records are loaded is not empty but late`() throws {
        try apply(app())
        world.pass(.seconds(10))
        // An instance of another deployment that no record knows holds up the start.
        try apply(app(1))
        world.pass(.seconds(10))
        world.disk.flushDeferred()
        world.disk.state.withLock { state in
            state.durable.records[app(1).key] = nil
            state.durable.journals[app(1).key] = nil
        }
        world.faults.stall("status")
        world.restart()
        let counts = Mutex<[Int]>([])
        world.simulation.ask { engine in
            let count = await engine.list().views.count
            counts.withLock { $0.append(count) }
        }
        world.simulation.ask { engine in
            let count = await engine.watch().list.views.count
            counts.withLock { $0.append(count) }
        }
        world.pass(.seconds(4))
        #expect(counts.withLock { $0 } == [])
        world.pass(.seconds(2))
        #expect(counts.withLock { $0 } == [1, 1])
        world.faults.unstall()
    }

    @Test func `instances that do not answer are waited for together`() throws {
        for index in 0..<20 { try apply(app(index)) }
        world.pass(.seconds(60))
        #expect(world.host.running.count == 20)
        restartSlowly()
        let isLoaded = Mutex(false)
        world.simulation.ask { engine in
            _ = await engine.list()
            isLoaded.withLock { $0 = true }
        }
        world.pass(.seconds(11))
        #expect(isLoaded.withLock { $0 })
        world.faults.unstall()
    }

    @Test func `who gives up waiting for the records changes nothing`() throws {
        let engine = Engine(seams: world.simulation.seams(world.faults.boot()))
        let answers = Mutex(0)
        let deployment = try declared(app())
        let asker = Task(executorPreference: world.simulation.executor) {
            await #expect(throws: CancellationError.self) {
                _ = try await engine.apply(deployment, expecting: nil, dryRun: false)
            }
            answers.withLock { $0 += 1 }
        }
        world.settle()
        #expect(answers.withLock { $0 } == 0)
        asker.cancel()
        world.settle()
        #expect(answers.withLock { $0 } == 1)
    }
}
