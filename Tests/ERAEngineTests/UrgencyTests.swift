import ERAContracts
import ERACore
import ERAEngine
import Synchronization
import Testing

@testable import ERATestKit

/// What is urgent waits for nothing that is slow.
@Suite struct UrgencyTests {
    private let first = InstanceID(app().key, RevisionNumber(1))

    private func crash(_ id: InstanceID, in world: World) {
        world.host.exit(id, .code(1), at: world.clock.now().uptime)
        world.simulation.hint(id)
        world.settle()
    }

    /// Version 1.0 runs, and the fetch of 1.1 takes for ever.
    private func updating(_ world: World, _ change: (inout SimulatedDeployment) -> Void = { _ in }) throws {
        world.put(app { change(&$0) })
        world.pass(.seconds(10))
        #expect(try world.phase(app()) == .running)
        world.faults.stall("fetch", telling: StepProgress(done: ByteCount(1), total: nil))
        world.put(
            app {
                change(&$0)
                $0.minor = 1
            }
        )
        world.pass(.seconds(1))
        #expect(try world.view(app())?.step == .fetch(RevisionNumber(2)))
    }

    @Test(arguments: ["fetch", "validate", "start", "stop"])
    func `however many hang, another is started again at once`(_ call: String) throws {
        let world = World(options: EngineOptions())
        world.put(app(100))
        if call == "stop" { for index in 0..<40 { world.put(app(2 * index)) } }
        world.pass(.seconds(10))
        world.faults.stall(call == "start" || call == "stop" ? "\(call) default/app-" : call)
        if call == "start" { world.faults.unstall() }
        for index in 0..<40 {
            if call == "start" { world.faults.stall("start default/app-\(2 * index)/") }
            if call == "stop" { world.remove(app(2 * index)) } else { world.put(app(2 * index)) }
        }
        // So many at once are held back otherwise.
        if call == "stop" {
            world.simulation.ask { _ = try await $0.confirmPrune() }
            world.settle()
        }
        world.pass(.milliseconds(600))
        #expect(world.lines.filter { $0.hasSuffix("hangs") }.count == 40)
        let id = InstanceID(app(100).key, RevisionNumber(1))
        let before = world.starts(app(100), 1)
        crash(id, in: world)
        world.pass(.milliseconds(1))
        #expect(world.starts(app(100), 1) == before + 1)
    }

    @Test func `what serves is started again while its successor is fetched, each time when it is due`()
        throws
    {
        let world = World()
        try updating(world)
        crash(first, in: world)
        world.pass(.milliseconds(10))
        #expect(world.starts(app(), 1) == 2)
        #expect(try world.view(app())?.step == .fetch(RevisionNumber(2)))
        crash(first, in: world)
        world.pass(.milliseconds(700))
        #expect(world.starts(app(), 1) == 2)
        // restart.initialDelay: 1 s, with a jitter of a fifth.
        world.pass(.milliseconds(600))
        #expect(world.starts(app(), 1) == 3)
        #expect(try world.view(app())?.step == .fetch(RevisionNumber(2)))
        world.faults.unstall()
        world.pass(.seconds(20))
        #expect(try world.view(app())?.record.servedRevision == RevisionNumber(2))
        #expect(try world.phase(app()) == .running)
    }

    @Test func `what serves is started again when it is no more alive while its successor is fetched`() throws
    {
        let world = World()
        try updating(world) { $0.hasProbe = true }
        world.host.state.withLock { _ = $0.sickened.insert(app().key) }
        // Two probes that fail, two seconds apart.
        world.pass(.milliseconds(4100))
        #expect(world.starts(app(), 1) == 2)
        world.host.state.withLock { _ = $0.sickened.remove(app().key) }
        #expect(try world.view(app())?.step == .fetch(RevisionNumber(2)))
    }

    @Test func `a download goes on when there is nothing more urgent`() throws {
        let world = World()
        try updating(world)
        // Full looks, hints without a reason, and a plugin that cannot answer for once.
        for _ in 0..<10 {
            world.simulation.hint(first)
            world.pass(.seconds(20))
        }
        #expect(world.simulation.chronicle.counts["call cancelled"] == nil)
        #expect(try world.view(app())?.step == .fetch(RevisionNumber(2)))
    }

    @Test func `no time runs for who waits for his turn to download`() throws {
        let world = World()
        world.faults.stall("fetch", telling: .queued)
        world.put(app())
        world.pass(.seconds(3600))
        #expect(try world.phase(app()) == .fetching)
        #expect(try world.view(app())?.progress == .queued)
        #expect(!world.journal(app()).contains { $0.hasPrefix("stepFailed") })
        world.faults.unstall()
        world.pass(.seconds(20))
        #expect(try world.phase(app()) == .running)
    }

    @Test func `a slow download is no lack of progress; a silent one is`() throws {
        let world = World()
        let some = StepProgress(done: ByteCount(1), total: ByteCount(100))
        world.faults.stall("fetch", telling: some)
        world.put(app())
        world.pass(.seconds(3600))
        #expect(try world.phase(app()) == .fetching)
        #expect(!world.journal(app()).contains { $0.hasPrefix("stepFailed") })
        // It fails; what it achieved before still counts.
        world.faults.fail("fetch")
        world.faults.unstall()
        world.pass(.seconds(11))
        #expect(try world.phase(app()) == .fetching)
        world.faults.mend()
        world.faults.stall("fetch")
        world.pass(.seconds(121))
        let failed = try #require(try world.view(app()))
        guard case .failed(let defeat) = failed.record.state else {
            Issue.record("\(failed.record.phase) after a silent download")
            return
        }
        #expect(defeat.failure.code == .progressDeadlineExceeded)
    }

    /// What the full look repairs is no proof: it is an hour away.
    private var patient: EngineOptions {
        var options = EngineOptions()
        options.interval = .seconds(3600)
        return options
    }

    @Test func `a download that tells of itself and then hangs is given up in time`() throws {
        let world = World(options: patient)
        world.faults.stall("fetch", telling: StepProgress(done: ByteCount(1), total: nil))
        world.put(app { $0.progressDeadline = "30m" })
        world.pass(.seconds(1500))
        #expect(!world.journal(app()).contains { $0.contains("Timeout") })
        world.faults.stall("fetch")
        world.faults.fallSilent()
        world.pass(.seconds(621))
        #expect(world.journal(app()).contains("stepFailed(Fetch revision 1: Timeout)"))
    }

    @Test func `the progress deadline moves with the progress, and is kept to`() throws {
        let world = World(options: patient)
        world.faults.stall("fetch", telling: StepProgress(done: ByteCount(1), total: nil))
        world.put(app())
        world.pass(.seconds(300))
        #expect(try world.phase(app()) == .fetching)
        world.faults.stall("fetch")
        world.faults.fallSilent()
        world.pass(.seconds(135))
        #expect(try world.phase(app()) == .failed)
    }
}
