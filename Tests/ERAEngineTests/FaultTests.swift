import ERAContracts
import ERACore
import Synchronization
import Testing

@testable import ERAEngine
@testable import ERATestKit

@Suite struct FaultTests {
    @Test
    func `while the store is full nothing is started or stopped, the API answers, and it recovers by itself`()
        throws
    {
        let world = World()
        world.put(app())
        let running = world.host.running
        world.disk.setFull(true)
        world.put(app { $0.minor = 1 })
        world.pass(.seconds(120))
        #expect(world.host.running == running)
        #expect(world.starts(app(), 2) == 0)
        #expect(try world.ask { await $0.health() }.degraded != nil)
        #expect(try world.ask { await $0.list() }.views.count == 1)
        #expect(try world.view(app())?.wait?.reason.word == "StoreDegraded")
        let key = app().key
        #expect(throws: ControlFault.self) { try world.ask { try await $0.request(.restart, for: key) } }
        world.disk.setFull(false)
        world.pass(.seconds(5))
        #expect(try world.ask { await $0.health() }.degraded == nil)
        #expect(try world.view(app())?.record.servedRevision == RevisionNumber(2))
    }

    @Test func `files that are saved again and again while the store is full pile nothing up`() throws {
        let world = World()
        world.put(app())
        world.disk.setFull(true)
        world.put(app { $0.minor = 1 })
        world.pass(.seconds(5))
        #expect(try world.ask { await $0.health() }.degraded != nil)
        let before = try world.ask { await $0.outbox.added }
        for minor: UInt in 2...50 { world.put(app { $0.minor = minor }) }
        #expect(try world.ask { await $0.outbox.added } == before)
        world.disk.setFull(false)
        world.pass(.seconds(60))
        #expect(try world.phase(app()) == .running)
        let spec = try world.view(app())?.record.declaration.deployment
        #expect(try spec == declared(app { $0.minor = 50 }))
    }

    @Test func `a store that is full at the start ends nothing, and all goes on when there is space`() throws
    {
        let world = World(isBooted: false)
        world.disk.setFull(true)
        world.simulation.boot()
        world.settle()
        world.put(app())
        #expect(try world.ask { await $0.health() }.degraded != nil)
        world.disk.setFull(false)
        world.pass(.seconds(5))
        #expect(try world.phase(app()) == .running)
        #expect(world.disk.contents.bootID == "boot-1")
    }

    // reliability.md: "SIGSTOP of the daemon for minutes: … no storm of time-outs on resume".
    @Test func `a process that stood still begins its deadlines anew`() throws {
        let world = World()
        let slow = app { $0.behaviour = .neverReady }
        world.put(slow)
        world.pass(.seconds(60))
        #expect(try world.phase(slow) == .healthChecking)
        world.clock.advance(by: .seconds(600))
        world.settle()
        #expect(try world.phase(slow) == .healthChecking)
        world.pass(.seconds(115))
        #expect(try world.phase(slow) == .healthChecking)
        world.pass(.seconds(10))
        #expect(try world.phase(slow) == .failed)
    }

    // The full look would repair it as well; an hour away, it does not.
    @Test(arguments: [Duration.seconds(30), .seconds(3600)])
    func `a step that stood still with the process gets its time again`(interval: Duration) throws {
        var options = EngineOptions()
        options.interval = interval
        let world = World(options: options)
        world.faults.stall("start")
        world.put(app())
        world.clock.advance(by: .seconds(600))
        world.settle()
        #expect(!world.journal(app()).contains { $0.contains("Timeout") })
        world.pass(.seconds(31))
        #expect(world.journal(app()).contains("stepFailed(Start revision 1: Timeout)"))
    }

    @Test func `a workload that nobody hinted at is found dead by the next full look`() throws {
        let world = World()
        world.put(app())
        world.pass(.seconds(10))
        world.host.exit(InstanceID(app().key, RevisionNumber(1)), .signal(9), at: world.clock.now().uptime)
        world.pass(.seconds(31))
        #expect(world.starts(app(), 1) == 2)
        #expect(try world.phase(app()) == .running)
    }

    @Test func `what serves is started again while the removal of an old revision hangs`() throws {
        let world = World()
        world.faults.stall("delete default/app-0/1")
        for minor: UInt in 0...2 {
            world.put(app { $0.minor = minor })
            world.pass(.seconds(10))
        }
        #expect(try world.view(app())?.step == .purge(RevisionNumber(1)))
        let id = InstanceID(app().key, RevisionNumber(3))
        world.host.exit(id, .code(1), at: world.clock.now().uptime)
        world.simulation.hint(id)
        world.pass(.milliseconds(10))
        #expect(world.starts(app(), 3) == 2)
        world.faults.unstall()
        world.pass(.seconds(400))
        #expect(world.host.status(InstanceID(app().key, RevisionNumber(1))) == .absent)
    }

    @Test func `a restart of ERA leaves what runs alone`() throws {
        let world = World()
        world.put(app(), app(1))
        let before = world.host.status(InstanceID(app().key, RevisionNumber(1)))
        for _ in 0..<5 { world.restart() }
        #expect(world.host.status(InstanceID(app().key, RevisionNumber(1))) == before)
        #expect(try world.phase(app()) == .running)
    }

    @Test func `what runs is taken over with its revision when the database was lost`() throws {
        let world = World()
        world.put(app(), app(1))
        world.put(app { $0.minor = 1 })
        world.pass(.seconds(10))
        let before = world.host.status(InstanceID(app().key, RevisionNumber(2)))
        world.disk.lose()
        world.restart()
        world.pass(.seconds(10))
        let view = try #require(try world.view(app()))
        #expect(view.record.servedRevision == RevisionNumber(2))
        #expect(world.host.status(InstanceID(app().key, RevisionNumber(2))) == before)
        #expect(world.starts(app(), 2) == 1)
    }

    @Test func `instances that nobody declares are left alone when the database was lost`() throws {
        let world = World()
        world.put(app(), app(1))
        let running = world.host.running
        world.disk.lose()
        world.source.change { $0.files = [:] }
        world.restart()
        world.pass(.seconds(120))
        #expect(world.host.running == running)
    }

    @Test func `artifacts stay pinned as long as a revision may need them`() throws {
        let world = World()
        world.put(app())
        world.put(app { $0.minor = 1 })
        world.pass(.seconds(600))
        #expect(world.host.state.withLock { $0.pins?.count } == 2)
        #expect(world.host.state.withLock { $0.blobs.count } == 2)
        // The old version comes back although its blob is old and nobody asked for it.
        let key = app().key
        _ = try world.ask { try await $0.request(.rollback(to: nil), for: key) }
        world.pass(.seconds(10))
        #expect(try world.view(app())?.record.servedRevision == RevisionNumber(1))
    }

    @Test func `the artifacts of what was deleted are collected`() throws {
        let world = World()
        world.put(app(), app(1), app(2))
        world.remove(app())
        world.pass(.seconds(600))
        #expect(world.host.state.withLock { $0.pins?.count } == 1)
        #expect(world.host.state.withLock { $0.blobs.count } == 1)
    }
}
