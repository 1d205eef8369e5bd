import ERAContracts
import ERACore
import Testing

@testable import ERAEngine
@testable import ERATestKit

@Suite struct OrderTests {
    private let database = app(0)
    private let web = app(1) { $0.dependsOn = 0 }

    private func index(_ text: String, in world: World) throws -> Int {
        try #require(world.lines.firstIndex { $0.hasSuffix(text) }, "\(text) did not happen")
    }

    @Test func `what depends on another starts once that is Available`() throws {
        let world = World()
        world.put(web)
        world.pass(.seconds(60))
        #expect(try world.view(web)?.wait?.reason == .dependencies([database.key]))
        world.put(database)
        world.pass(.seconds(1))
        #expect(try world.phase(web) == .running)
        let (first, second) = (
            try index("start default/app-0/1", in: world), try index("start default/app-1/1", in: world)
        )
        #expect(first < second)
    }

    @Test func `a dependency in another namespace counts`() throws {
        let world = World()
        let far = app(3)
        world.put(app(1) { $0.dependsOn = 3 })
        #expect(try world.view(web)?.wait?.reason == .dependencies([far.key]))
        world.put(far)
        world.pass(.seconds(1))
        #expect(try world.phase(web) == .running)
    }

    @Test func `who depends on another is known as long as it does, and no longer`() throws {
        let world = World()
        func dependents() throws -> [DeploymentKey: Set<DeploymentKey>] {
            try world.ask { await $0.dependents }
        }
        world.put(database, web)
        for index in 2..<8 { world.put(app(index)) }
        world.pass(.seconds(10))
        #expect(try dependents() == [database.key: [web.key]])
        // Declared otherwise, to and fro.
        world.put(app(1) { $0.dependsOn = 2 })
        #expect(try dependents() == [app(2).key: [web.key]])
        world.put(app(1) { $0.minor = 1 })
        #expect(try dependents().isEmpty)
        world.put(web)
        #expect(try dependents() == [database.key: [web.key]])
        // Deleted, and declared again while its tombstone is there.
        world.pass(.seconds(10))
        world.remove(web)
        world.pass(.seconds(10))
        #expect(try world.view(web) == nil)
        #expect(try dependents().isEmpty)
        world.restart()
        #expect(try dependents().isEmpty)
        world.put(web)
        #expect(try dependents() == [database.key: [web.key]])
    }

    @Test func `what others depend on is deleted after them`() throws {
        let world = World()
        world.put(database, web)
        for index in 2..<8 { world.put(app(index)) }
        world.pass(.seconds(10))
        world.faults.stall("stop default/app-1")
        world.source.change { state in
            state.files["app-0.yaml"] = nil
            state.files["app-1.yaml"] = nil
        }
        world.simulation.checks.declaredAt = [:]
        world.settle()
        #expect(try world.view(database)?.wait?.reason == .dependents([web.key]))
        world.faults.unstall()
        world.pass(.seconds(60))
        #expect(try world.view(database) == nil)
        let (first, second) = (
            try index("delete default/app-1/1", in: world), try index("stop default/app-0/1", in: world)
        )
        #expect(first < second)
    }

    @Test func `a tombstone is collected, and the name is free again`() throws {
        let world = World()
        world.put(database, app(2), app(4), app(5))
        world.remove(database)
        world.pass(.seconds(5))
        #expect(world.disk.records[database.key]?.phase == .deleted)
        world.pass(.seconds(200))
        #expect(world.disk.records[database.key] == nil)
        world.put(database)
        world.pass(.seconds(5))
        #expect(try world.phase(database) == .running)
        #expect(world.disk.records[database.key]?.newestRevision == RevisionNumber(1))
    }

    @Test func `a name declared again while it is deleted comes back when that is done`() throws {
        let world = World()
        world.put(database, app(2), app(4), app(5))
        world.faults.stall("stop default/app-0")
        world.remove(database)
        #expect(try world.phase(database) == .stopping)
        world.put(database)
        #expect(try world.phase(database) == .stopping)
        world.faults.unstall()
        world.pass(.seconds(60))
        #expect(try world.phase(database) == .running)
    }
}
