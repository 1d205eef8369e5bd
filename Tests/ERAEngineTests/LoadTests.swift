import ERAContracts
import ERACore
import ERAEngine
import Synchronization
import Testing

@testable import ERATestKit

/// 500 deployments on one machine (reliability.md §1, "500 manifests at once").
@Suite(.serialized) struct LoadTests {
    private static let count = 500

    private func crowd(_ change: (inout SimulatedDeployment) -> Void = { _ in }) -> [SimulatedDeployment] {
        (0..<Self.count).map { app($0, change) }
    }

    private func declare(_ apps: [SimulatedDeployment], in world: World) {
        world.source.change { state in
            for app in apps { state.files["\(app.name).yaml"] = Array(app.manifest.utf8) }
        }
    }

    /// With real threads: the simulator's single one says nothing of how long an answer takes.
    @Test(.timeLimit(.minutes(5))) func `the API answers while 500 deployments start`() async throws {
        let world = World(isBooted: false)
        declare(crowd(), in: world)
        let engine = Engine(seams: world.simulation.seams(world.faults.boot()))
        let process = Task { try await engine.run() }
        defer { process.cancel() }
        let clock = ContinuousClock()
        var answers: [Duration] = []
        var running = 0
        while running < Self.count {
            let start = clock.now
            let list = await engine.list()
            answers.append(clock.now - start)
            running = list.views.count { $0.record.phase == .running }
            try await Task.sleep(for: .milliseconds(5))
        }
        let median = answers.sorted()[answers.count / 2]
        let slowest = answers.sorted()[answers.count * 99 / 100]
        print("500 deployments: list answered \(answers.count) times, median \(median), p99 \(slowest)")
        // reliability.md wants 100 ms; twenty times that keeps the test
        // honest in a debug build on a busy machine.
        #expect(median < .milliseconds(100))
        #expect(slowest < .seconds(2))
    }

    @Test(.timeLimit(.minutes(5))) func `500 idle deployments cost nothing between two full looks`() throws {
        let world = World()
        declare(crowd(), in: world)
        world.pass(.seconds(45))
        #expect(world.host.running.count == Self.count)
        let before = world.simulation.jobs
        // The next full look is at 60 seconds.
        world.pass(.seconds(14))
        #expect(world.simulation.jobs == before)
    }

    @Test(.timeLimit(.minutes(5))) func `a full look at 500 costs each the same as at 50`() throws {
        func jobs(_ count: Int) -> Int {
            let world = World()
            declare(Array(crowd().prefix(count)), in: world)
            world.pass(.seconds(45))
            let before = world.simulation.jobs
            world.pass(.seconds(30))
            return (world.simulation.jobs - before) / count
        }
        let (few, many) = (jobs(50), jobs(500))
        #expect(many <= few + 1)
        #expect(many < 10)
    }

    /// Not one pass a probe: what a probe says changes nothing as long as it says the same.
    @Test(.timeLimit(.minutes(5))) func `a probe that says the same again brings no pass`() throws {
        let world = World()
        let probed = app { $0.hasProbe = true }
        world.put(probed)
        world.pass(.seconds(32))
        let looks = world.simulation.chronicle.counts["status"] ?? 0
        // Probes every 2 seconds, no full look before 60 seconds.
        world.pass(.seconds(26))
        #expect(world.simulation.chronicle.counts["status"] == looks)
        #expect((world.simulation.chronicle.counts["probe"] ?? 0) > 20)
    }

    @Test(.timeLimit(.minutes(5))) func `500 that all fail after a reboot are started again with pauses`()
        throws
    {
        let world = World()
        declare(crowd(), in: world)
        world.pass(.seconds(45))
        world.faults.fail("start")
        world.simulation.reboot()
        world.pass(.seconds(20))
        let tries = world.lines.filter { $0.contains("fails before its effect") }.count
        // Each at once, then after 1, 2, 4 and 8 seconds.
        #expect(tries >= Self.count && tries <= Self.count * 6)
        world.faults.mend()
        world.pass(.seconds(60))
        #expect(world.host.running.count == Self.count)
    }

    @Test(.timeLimit(.minutes(5))) func `a pass over one of 500 takes no longer than over one of 50`() throws
    {
        func microseconds(_ count: Int) -> Double {
            let world = World()
            declare(Array(crowd().prefix(count)), in: world)
            world.pass(.seconds(45))
            let id = InstanceID(app().key, RevisionNumber(1))
            let clock = ContinuousClock()
            let times = (0..<200).map { _ in
                clock.measure {
                    world.simulation.hint(id)
                    world.settle()
                }
            }
            return times.sorted()[times.count / 2] / .microseconds(1)
        }
        let (few, many) = (microseconds(50), microseconds(500))
        print("one pass: \(few) µs of 50 deployments, \(many) µs of 500")
        #expect(many < few * 4)
    }
}
