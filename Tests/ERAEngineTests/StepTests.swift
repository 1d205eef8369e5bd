import ERAContracts
import ERACore
import ERAEngine
import Synchronization
import Testing

@testable import ERATestKit

@Suite struct StepTests {
    @Test func `a step that takes too long fails with a time-out and is tried again`() throws {
        let world = World()
        world.faults.stall("start")
        world.put(app())
        world.pass(.seconds(29))
        #expect(try world.phase(app()) == .activating)
        #expect(try world.view(app())?.step == .start(RevisionNumber(1)))
        world.pass(.seconds(1))
        #expect(world.journal(app()).contains("stepFailed(Start revision 1: Timeout)"))
        world.faults.unstall()
        world.pass(.seconds(5))
        #expect(try world.phase(app()) == .running)
    }

    @Test func `what is wrong with a key in the manifest is told at Validating, before anything is fetched`()
        throws
    {
        let world = World()
        var deployment = try declared(app())
        deployment.spec.artifact?.signature = SignatureSpec(type: .minisign, keys: [.text("no key")])
        let change = deployment
        _ = try world.ask { try await $0.apply(change, expecting: nil, dryRun: false) }
        world.pass(.seconds(5))
        let view = try #require(try world.view(app()))
        #expect(view.record.phase == .failed)
        let told = "spec.artifact.signature.publicKey: is no key, by script"
        #expect("\(view.record.conditions)".contains(told))
        #expect(!world.lines.contains { $0.contains("fetch ") })
    }

    @Test func `a fetch of which nothing is heard ends; the limit is not on the whole download`() throws {
        let world = World()
        world.faults.stall("fetch")
        world.put(app { $0.progressDeadline = "30m" })
        world.pass(.seconds(599))
        #expect(!world.journal(app()).contains { $0.contains("Timeout") })
        world.pass(.seconds(2))
        #expect(world.journal(app()).contains("stepFailed(Fetch revision 1: Timeout)"))
    }

    @Test func `a newer generation cancels the step under way, and its late outcome counts for nothing`()
        throws
    {
        let world = World()
        world.faults.stall("fetch")
        world.put(app())
        #expect(try world.view(app())?.step == .fetch(RevisionNumber(1)))
        world.faults.unstall()
        world.put(app { $0.minor = 1 })
        world.pass(.seconds(1))
        #expect(try world.view(app())?.record.servedRevision == RevisionNumber(2))
        #expect(!world.journal(app()).contains { $0.hasPrefix("step") && $0.contains("Fetch revision 1") })
    }

    @Test func `a stop under way says that it waits, and until when at the latest`() throws {
        let world = World()
        world.put(app(1), app(2), app())
        world.pass(.seconds(5))
        world.faults.stall("stop")
        let begun = world.simulation.clock.now().uptime
        world.remove(app())
        let view = try #require(try world.view(app()))
        #expect(view.step == .stop(RevisionNumber(1)))
        #expect(view.wait?.reason == .stopping)
        #expect(view.wait?.until.map { $0 >= begun + .seconds(10) && $0 < begun + .seconds(20) } == true)
    }

    @Test func `an update unpacks while the old version serves, and a first version when it is installed`()
        throws
    {
        let world = World()
        world.faults.stall("stage")
        world.put(app { $0.progressDeadline = "30m" })
        world.pass(.seconds(5))
        #expect(try world.phase(app()) == .running)
        world.put(
            app {
                $0.minor = 1
                $0.progressDeadline = "30m"
            }
        )
        world.pass(.seconds(5))
        let view = try #require(try world.view(app()))
        #expect(view.step == .prepare(RevisionNumber(2)))
        #expect(view.record.servedRevision == RevisionNumber(1))
        #expect(world.simulation.host.running.map(\.revision) == [RevisionNumber(1)])
        world.faults.unstall()
        world.pass(.seconds(620))
        #expect(try world.view(app())?.record.servedRevision == RevisionNumber(2))
    }

    @Test func `what cannot be unpacked never stops what serves`() throws {
        let world = World()
        world.put(app())
        world.pass(.seconds(5))
        world.faults.fail("stage")
        world.put(app { $0.minor = 1 })
        world.pass(.seconds(600))
        let journal = world.journal(app())
        #expect(journal.contains { $0.hasPrefix("stepFailed(Prepare revision 2") })
        #expect(!journal.contains { $0.contains("Stop revision 1") })
        #expect(world.simulation.host.running.map(\.revision) == [RevisionNumber(1)])
        #expect(world.simulation.host.state.withLock { $0.starts.values.max() } == 1)
    }

    @Test func `a delete interrupts an install, and what is half done is removed`() throws {
        let world = World()
        world.put(app(1), app(2))
        world.faults.stall("install")
        world.put(app())
        #expect(try world.phase(app()) == .installing)
        world.faults.unstall()
        world.remove(app())
        world.pass(.seconds(1))
        #expect(try world.view(app()) == nil)
        world.simulation.checkEnd()
        #expect(world.simulation.violations == [])
    }

    // reliability.md: "1 s, doubling, cap 5 min, ±20 % jitter".
    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func `attempts are spaced by a doubling pause with jitter`(_ seed: UInt64) throws {
        let world = World(seed: seed)
        world.faults.fail("prepare")
        world.put(app())
        world.pass(.seconds(60))
        let failures = (world.disk.journals[app().key] ?? []).filter {
            if case .stepFailed(.prepare, _, _) = $0.kind { true } else { false }
        }
        #expect(failures.count == 4)  // retry.limit: 3
        let pauses = zip(failures, failures.dropFirst()).map { ($1.at.uptime - $0.at.uptime) / .seconds(1) }
        for (pause, expected) in zip(pauses, [1.0, 2, 4]) {
            #expect(pause >= expected * 0.8 && pause <= expected * 1.2)
        }
        #expect(try world.phase(app()) == .failed)
    }

    @Test func `only so many deployments are worked on at once, and each gets its turn`() throws {
        var options = EngineOptions()
        options.parallelLimit = 3
        let world = World(options: options)
        world.faults.stall("validate")
        for index in 0..<8 { world.put(app(index)) }
        func hanging() -> Int { world.lines.filter { $0.hasSuffix("hangs") }.count }
        #expect(hanging() == 3)
        world.pass(.milliseconds(200))
        #expect(hanging() == 3)
        // Who takes long goes on without a place.
        world.pass(.milliseconds(100))
        #expect(hanging() == 6)
        world.pass(.milliseconds(300))
        #expect(hanging() == 8)
        world.faults.unstall()
        world.pass(.seconds(35))
        for index in 0..<8 { #expect(try world.phase(app(index)) == .running) }
    }

    @Test func `nothing is started or stopped while only observing`() throws {
        var options = EngineOptions()
        options.observeOnly = true
        let world = World(options: options)
        world.put(app())
        world.pass(.seconds(60))
        #expect(world.starts(app(), 1) == 0)
        #expect(try world.view(app())?.wait?.reason.word == "SourceProblem")
    }
}
