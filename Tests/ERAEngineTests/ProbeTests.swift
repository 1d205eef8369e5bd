import ERAContracts
import ERACore
import Synchronization
import Testing

@testable import ERAEngine
@testable import ERATestKit

/// Probes run beside the steps, and do none of their work.
@Suite struct ProbeTests {
    private let id = InstanceID(app().key, RevisionNumber(1))

    private func count(_ call: String, in world: World) -> Int { world.lines.count { $0.contains(call) } }

    @Test func `an exec probe fetches, prepares and notes nothing`() throws {
        let world = World()
        world.put(app { $0.hasExecProbe = true })
        world.pass(.seconds(10))
        #expect(try world.phase(app()) == .running)
        let before = (count("fetch", in: world), count("prepare", in: world))
        #expect(before.0 > 0 && before.1 > 0, "the control: an artifact was fetched for it")
        world.host.state.withLock { $0.manifests[id] = nil }
        let probes = world.simulation.chronicle.counts["probe"] ?? 0
        world.pass(.seconds(30))
        #expect((world.simulation.chronicle.counts["probe"] ?? 0) > probes + 10)
        #expect((count("fetch", in: world), count("prepare", in: world)) == before)
        #expect(world.host.state.withLock { $0.manifests[id] } == nil)
        #expect(try world.phase(app()) == .running)
    }

    @Test func `a probe for another monitor of the same start has a place of its own`() throws {
        let world = World()
        let probed = app { $0.hasProbe = true }
        world.put(probed)
        world.pass(.seconds(10))
        #expect(try world.ask { await $0.probePlaces.count } == 0)
        world.faults.stall("probe")
        world.pass(.seconds(5))
        #expect(try world.ask { await $0.probePlaces.count } == 1)
        // One look that fails, and there is a new monitor.
        world.faults.stall("status \(id)")
        world.simulation.hint(id)
        world.pass(.seconds(6))
        world.faults.unstall()
        world.faults.stall("probe")
        world.simulation.hint(id)
        world.pass(.seconds(30))
        #expect(world.starts(probed, 1) == 1)
        #expect(try world.ask { await $0.probePlaces.count } == 2)
    }
}
