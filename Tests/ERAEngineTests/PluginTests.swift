import ERAContracts
import ERACore
import Testing

@testable import ERAEngine
@testable import ERATestKit

/// Plugins that come and go while deployments of theirs run.
@Suite struct PluginTests {
    @Test func `what a plugin that disappears runs stays as it is, says why, and goes on when it is back`()
        throws
    {
        let shelf = PluginShelf()
        let world = World(shelf: shelf)
        world.put(app())
        #expect(try world.phase(app()) == .running)
        let running = world.host.running
        shelf.put(isThere: false)
        world.put(app { $0.minor = 1 })
        world.pass(.seconds(7200))
        #expect(world.host.running == running)
        #expect(try world.phase(app()) != .failed && world.view(app())?.record.quarantine == nil)
        let wait = try world.view(app())?.wait?.reason
        #expect(wait?.word == "PluginMissing")
        #expect("\(wait as Any)".contains("process is not on the shelf"))
        shelf.put(isThere: true)
        world.pass(.seconds(60))
        #expect(try world.view(app())?.record.servedRevision == RevisionNumber(2))
    }

    @Test func `a deletion waits for the plugin that has to do it`() throws {
        let shelf = PluginShelf()
        let world = World(shelf: shelf)
        world.put(app(), app(1))
        shelf.put(isThere: false)
        world.remove(app())
        world.pass(.seconds(7200))
        #expect(try world.phase(app()) == .stopping)
        #expect(world.host.running.count == 2)
        shelf.put(isThere: true)
        world.pass(.seconds(60))
        #expect(try world.view(app()) == nil)
        #expect(world.host.running.count == 1)
    }

    @Test func `after a restart without the plugin its deployments are taken over when it is there`() throws {
        let shelf = PluginShelf()
        let world = World(shelf: shelf)
        world.put(app())
        let running = world.host.running
        shelf.put(isThere: false)
        world.restart()
        world.pass(.seconds(600))
        #expect(world.host.running == running)
        shelf.put(isThere: true)
        world.pass(.seconds(5))
        #expect(try world.phase(app()) == .running && world.host.running == running)
        #expect(world.starts(app(), 1) == 1)
    }

    @Test func `revisions that hang are asked at once, and hold their deployment up no longer than one`()
        throws
    {
        let world = World()
        world.put(app())
        world.pass(.seconds(60))
        world.put(app { $0.minor = 1 })
        world.pass(.seconds(60))
        let key = app().key
        #expect(try world.view(app())?.record.onDisk.count == 2)
        world.faults.stall("status")
        let before = world.simulation.chronicle.counts["status", default: 0]
        _ = try world.ask { try await $0.request(.restart, for: key) }
        #expect(world.simulation.chronicle.counts["status", default: 0] == before + 2)
        world.pass(.seconds(6))
        #expect(try world.view(app())?.wait != nil)
        world.faults.unstall()
        world.pass(.seconds(60))
        #expect(try world.phase(app()) == .running && world.starts(app(), 2) == 2)
    }

    @Test func `a new deployment of a plugin that is not there fails, and may be retried when it is`() throws
    {
        let shelf = PluginShelf(isThere: false)
        let world = World(shelf: shelf)
        world.put(app())
        #expect(try world.phase(app()) == .failed)
        shelf.put(isThere: true)
        let key = app().key
        _ = try world.ask { try await $0.request(.retry, for: key) }
        world.pass(.seconds(5))
        #expect(try world.phase(app()) == .running)
    }
}
