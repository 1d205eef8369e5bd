import ERAContracts
import ERACore
import ERAEngine
import Synchronization
import Testing

@testable import ERATestKit

/// The prune guard in a running engine: removals count together over some minutes.
@Suite struct PruneGuardTests {
    private let world = World()

    /// Ten deployments that run, none of which depends on another.
    private func fill() {
        for index in 0..<10 { world.simulation.put(app(index)) }
        world.settle()
        world.pass(.seconds(60))
    }

    private func held() throws -> Int {
        try world.ask { await $0.sources() }.reduce(0) { $0 + $1.heldPrunes.count }
    }

    /// As `for f in *; do rm $f; sleep 1; done`.
    @Test func `files removed one by one are held from a third of all on`() throws {
        fill()
        #expect(world.host.running.count == 10)
        for index in 0..<10 {
            world.remove(app(index))
            world.pass(.seconds(1))
        }
        #expect(world.host.running.count == 7)
        #expect(try held() == 7)
        // However long nobody confirms it, also through a restart.
        world.pass(.seconds(900))
        #expect(world.host.running.count == 7)
        world.restart()
        world.pass(.seconds(60))
        #expect(world.host.running.count == 7)
        #expect(try held() == 7)
        _ = try world.ask { try await $0.confirmPrune() }
        world.pass(.seconds(10))
        #expect(world.host.running.isEmpty)
        #expect(try held() == 0)
    }

    /// Alone, the two that are left would be no accident.
    @Test func `what was held stays held through a restart, however few it has become`() throws {
        fill()
        for index in 0..<6 {
            world.source.change { $0.files["app-\(index).yaml"] = nil }
            world.simulation.checks.declaredAt[app(index).key] = nil
        }
        world.pass(.seconds(5))
        #expect(try held() == 6)
        for index in 0..<4 { world.put(app(index)) }
        world.pass(.seconds(5))
        #expect(try held() == 2)
        for _ in 0..<2 {
            world.restart()
            world.pass(.seconds(900))
            #expect(world.host.running.count == 10)
            #expect(try held() == 2)
        }
        #expect(world.journal(app(0)).contains("pruneReleased"))
        #expect(world.journal(app(5)).contains("pruneHeld"))
        _ = try world.ask { try await $0.confirmPrune() }
        world.pass(.seconds(10))
        #expect(world.host.running.count == 8)
    }

    @Test func `what was held and is back after a restart is declared as ever`() throws {
        fill()
        for index in 0..<6 {
            world.source.change { $0.files["app-\(index).yaml"] = nil }
            world.simulation.checks.declaredAt[app(index).key] = nil
        }
        world.pass(.seconds(5))
        world.restart()
        for index in 0..<6 { world.put(app(index)) }
        world.pass(.seconds(900))
        #expect(try held() == 0)
        #expect(world.host.running.count == 10)
        #expect(try (0..<6).allSatisfy { try world.view(app($0))?.record.pruneHeldAt == nil })
    }

    /// The control: somebody removes a file now and then.
    @Test func `single files removed over a day are deleted without a question`() throws {
        fill()
        for index in 0..<8 {
            world.remove(app(index))
            world.pass(.seconds(301))
            #expect(world.host.running.count == 9 - index)
        }
        #expect(try held() == 0)
    }

    /// As somebody does who names deployments by their version.
    @Test(arguments: [false, true])
    func `deployments replaced one after the other are deleted without a question`(inOneScan: Bool) throws {
        fill()
        for index in 0..<10 {
            if inOneScan {
                world.source.change { $0.files["app-\(index).yaml"] = nil }
                world.simulation.checks.declaredAt[app(index).key] = nil
            } else {
                world.remove(app(index))
            }
            world.put(app(10 + index))
            world.pass(.seconds(5))
            if index % 3 == 2 { world.restart() }
        }
        #expect(try held() == 0)
        #expect(world.host.running.count == 10)
    }

    @Test func `what comes back is not held any more`() throws {
        fill()
        for index in 0..<5 {
            world.remove(app(index))
            world.pass(.seconds(1))
        }
        #expect(try held() == 2)
        for index in 3..<5 { world.put(app(index)) }
        world.pass(.seconds(5))
        #expect(try held() == 0)
        #expect(world.starts(app(4), 1) == 1)
    }

    @Test func `what comes back makes up for itself and for nothing else`() throws {
        for index in 0..<20 { world.simulation.put(app(index)) }
        world.settle()
        world.pass(.seconds(60))
        for index in 0..<6 {
            world.remove(app(index))
            world.pass(.seconds(1))
        }
        #expect(world.host.running.count == 14)
        for index in 0..<3 { world.simulation.put(app(index)) }
        world.settle()
        world.pass(.seconds(5))
        #expect(world.host.running.count == 17)
        for index in 6..<10 {
            world.remove(app(index))
            world.pass(.seconds(1))
        }
        #expect(world.host.running.count == 14, "six of twenty are gone, and the seventh is held")
        #expect(try held() == 1)
    }

    @Test func `a confirmation says what is deleted now; the rest waits for a file and is still shown`()
        throws
    {
        world.put(app(), app(1))
        world.pass(.seconds(60))
        world.source.change { $0.files = [:] }
        world.simulation.checks.declaredAt = [:]
        world.pass(.seconds(5))
        #expect(try held() == 2)
        world.source.change { state in
            state.files["new.yaml"] = []
            state.unsettled = ["new.yaml"]
        }
        world.settle()
        #expect(try world.ask { try await $0.confirmPrune() } == [])
        world.pass(.seconds(60))
        #expect(world.host.running.count == 2)
        #expect(try held() == 2)
        world.source.change { $0.files["new.yaml"] = nil }
        world.pass(.seconds(5))
        #expect(world.host.running.isEmpty)
        #expect(try held() == 0)
    }

    @Test func `a file that was never readable is named, and a confirmation gets past it`() throws {
        fill()
        world.source.change { state in
            state.files["locked.yaml"] = []
            state.unreadable = ["locked.yaml"]
        }
        world.settle()
        world.remove(app(0))
        world.pass(.seconds(600))
        #expect(world.host.running.count == 10)
        #expect(try held() == 1)
        let file = try #require(
            try world.ask { await $0.sources() }.first?.files.first { $0.path == "locked.yaml" }
        )
        #expect(file.problems.contains { $0.contains("default/app-0") && $0.contains("era prune --confirm") })
        _ = try world.ask { try await $0.confirmPrune() }
        world.pass(.seconds(5))
        #expect(world.host.running.count == 9)

        world.remove(app(1))
        world.pass(.seconds(5))
        #expect(world.host.running.count == 9)
        world.source.change { $0.files["locked.yaml"] = nil }
        world.pass(.seconds(5))
        #expect(world.host.running.count == 8, "without the file, what waited only for it is deleted")
    }
}
