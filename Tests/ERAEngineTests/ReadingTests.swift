import ERAContracts
import ERACore
import ERAEngine
import Synchronization
import Testing

@testable import ERATestKit

@Suite struct ReadingTests {
    /// Collects what a stream yields; a class, since another task fills it.
    private final class Collector<Element: Sendable>: Sendable {
        private let elements = Mutex<[Element]>([])
        func add(_ element: Element) { elements.withLock { $0.append(element) } }
        var all: [Element] { elements.withLock { $0 } }
    }

    @Test func `who watches sees a deployment come, change and go`() throws {
        let world = World()
        world.put(app(1), app(2), app(4))
        let seen = Collector<DeploymentChange>()
        world.simulation.ask { engine in for await change in await engine.watch().changes { seen.add(change) }
        }
        world.settle()
        world.put(app())
        world.pass(.seconds(1))
        world.remove(app())
        world.pass(.seconds(1))
        let kinds = seen.all.filter { $0.view.record.key == app().key }.map(\.kind)
        #expect(kinds.first == .added)
        #expect(kinds.last == .deleted)
        #expect(kinds.filter { $0 == .added }.count == 1)
        #expect(seen.all.contains { $0.view.record.phase == .running && $0.view.instance != nil })
    }

    @Test func `who watches events gets them as they happen`() throws {
        let world = World()
        let seen = Collector<StoredEvent>()
        world.simulation.ask { engine in for await event in await engine.watchEvents() { seen.add(event) } }
        world.settle()
        world.put(app())
        world.pass(.seconds(1))
        let reasons = seen.all.map(\.notice.reason)
        #expect(reasons.first == "Declared")
        #expect(reasons.contains("Running"))
        let key = app().key
        #expect(try world.ask { try await $0.events(key) }.map(\.notice.reason) == reasons)
    }

    @Test func `logs are those of the revision that serves, or of the one before`() throws {
        let world = World()
        let key = app().key
        func logs(previous: Bool) throws -> String {
            try world.ask { engine in
                var bytes: [UInt8] = []
                for try await chunk in try await engine.logs(key, previous: previous, LogRequest()) {
                    bytes += chunk
                }
                return String(decoding: bytes, as: UTF8.self)
            }
        }
        #expect(throws: ControlFault.notFound(key)) { try logs(previous: false) }
        world.put(app())
        #expect(try logs(previous: false) == "output of default/app-0/1")
        #expect(throws: ControlFault.self) { try logs(previous: true) }
        world.put(app { $0.minor = 1 })
        world.pass(.seconds(30))
        #expect(try logs(previous: false) == "output of default/app-0/2")
        #expect(try logs(previous: true) == "output of default/app-0/1")
        // What failed is what one wants to read, though it is newer.
        world.put(app { ($0.minor, $0.behaviour) = (2, .unstartable) })
        world.pass(.seconds(60))
        #expect(try logs(previous: false) == "output of default/app-0/2")
        #expect(try logs(previous: true) == "output of default/app-0/3")
    }

    @Test func `health counts phases, and is ready once the sources were read`() throws {
        let world = World(isBooted: false)
        world.simulation.source.change { $0.isUnavailable = true }
        world.simulation.boot()
        world.settle()
        #expect(try world.ask { await $0.health() }.isReady)
        world.source.change { $0.isUnavailable = false }
        world.put(app(), app(1))
        let health = try world.ask { await $0.health() }
        #expect(health.phases == [.running: 2])
        #expect(health.busy == 0)
    }

    @Test func `plugins are listed with what they can do`() throws {
        let world = World()
        let plugins = try world.ask { await $0.plugins() }
        #expect(plugins.map(\.name) == [.process])
    }

    @Test func `what cannot be used is listed with why, behind what can`() throws {
        let shelf = PluginShelf()
        let world = World(shelf: shelf)
        #expect(try world.ask { await $0.plugins() }.map(\.name) == [.process])
        shelf.put(isThere: false)
        let refused = RefusedPlugin(name: .process, path: "/shelf/process", reason: "has fallen off")
        #expect(try world.ask { await $0.plugins() } == [.refused(refused)])
    }

    /// The names of the events that a life leaves behind, in order: what `era events` shows.
    @Test func `an update that fails tells its story in events`() throws {
        let world = World()
        world.put(app())
        world.pass(.seconds(30))
        world.put(app { ($0.minor, $0.behaviour) = (1, .unstartable) })
        world.pass(.seconds(60))
        let key = app().key
        let reasons = try world.ask { try await $0.events(key) }.map(\.notice.reason)
        #expect(
            reasons == [
                "Declared", "Fetching", "Starting", "Started", "Running", "Declared", "Updating", "Starting",
                "StartFailed", "RollingBack", "Running",
            ]
        )
    }
}
