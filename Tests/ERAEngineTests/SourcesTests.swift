import ERAContracts
import ERACore
import ERAEngine
import Synchronization
import Testing

@testable import ERATestKit

/// Two sources beside each other.
@Suite struct SourcesTests {
    private let world = World(isBooted: false)
    private let other = ScriptedSource(id: SourceID("git:/simulated"))

    private func run() -> Task<Void, Never> {
        var seams = world.simulation.seams(world.faults.boot())
        seams.sources = [world.source, other]
        let engine = Engine(seams: seams)
        return Task(executorPreference: world.simulation.executor) {
            // It ends by being cancelled.
            try? await engine.run()
        }
    }

    private func put(_ app: SimulatedDeployment, in source: ScriptedSource) {
        source.change { $0.files["\(app.name).yaml"] = Array(app.manifest.utf8) }
        world.settle()
    }

    private var origin: String? {
        world.disk.flushDeferred()
        return world.disk.records[app().key]?.declaration.origin.source
    }

    @Test func `what moves from one source to another goes on running`() {
        let process = run()
        defer { process.cancel() }
        put(app(), in: world.source)
        put(app(1), in: world.source)
        put(app(), in: other)
        world.pass(.seconds(10))
        #expect(origin == "directory:/simulated")
        world.source.change { $0.files["app-0.yaml"] = nil }
        world.pass(.seconds(10))
        #expect(origin == "git:/simulated")
        #expect(world.starts(app(), 1) == 1)
        #expect(world.host.running.count == 2)
    }

    @Test(arguments: 0..<30)
    func `who asks for a resync while the engine ends does not wait for ever`(jobs: Int) {
        let engine = Engine(seams: world.simulation.seams(world.faults.boot()))
        let process = Task(executorPreference: world.simulation.executor) {
            // It ends by being cancelled.
            try? await engine.run()
        }
        put(app(), in: world.source)
        world.pass(.seconds(1))
        process.cancel()
        for _ in 0..<jobs { _ = world.simulation.executor.runOne() }
        let isAnswered = Mutex(false)
        let asker = Task(executorPreference: world.simulation.executor) {
            await engine.resync()
            isAnswered.withLock { $0 = true }
        }
        defer { asker.cancel() }
        world.settle()
        #expect(isAnswered.withLock { $0 })
    }

    @Test func `a source that cannot be read holds up no other`() {
        other.change { $0.isUnavailable = true }
        let process = run()
        defer { process.cancel() }
        put(app(), in: world.source)
        world.pass(.seconds(1))
        #expect(world.host.running.count == 1)
    }

    @Test func `each deployment says what is wrong with its file, for as long as it is`() throws {
        let world = World()
        world.put(app(), app(1), app(2))
        world.pass(.seconds(10))
        let name = "\(app().name).yaml"
        world.source.change { $0.files[name] = Array("spec: [".utf8) }
        world.pass(.seconds(1))
        let view = try #require(try world.view(app()))
        #expect(view.sourceProblem?.message.hasPrefix(name) == true)
        #expect(view.record.phase == .running)
        #expect(try world.view(app(1))?.sourceProblem == nil)
        world.put(app())
        world.pass(.seconds(1))
        #expect(try world.view(app())?.sourceProblem == nil)

        // Twice the same name: neither counts, and what runs says so.
        world.source.change { $0.files["copy.yaml"] = Array(app().manifest.utf8) }
        world.pass(.seconds(1))
        #expect(try world.view(app())?.sourceProblem?.message.contains("copy.yaml") == true)
        world.source.change { $0.files["copy.yaml"] = nil }
        world.pass(.seconds(1))
        #expect(try world.view(app())?.sourceProblem == nil)

        // After a restart nobody knows what the broken file declared; what runs says why it stays.
        world.put(app(3))
        world.pass(.seconds(5))
        world.source.change { $0.files["\(app(3).name).yaml"] = Array("spec: [".utf8) }
        world.restart()
        world.pass(.seconds(1))
        let kept = try #require(try world.view(app(3)))
        #expect(kept.sourceProblem?.message.contains("may still declare this deployment") == true)
        #expect(kept.record.phase == .running)
        world.put(app(3))
        world.pass(.seconds(1))
        #expect(try world.view(app(3))?.sourceProblem == nil)

        // A new one is not there, and why is known.
        world.source.change { $0.files["new.yaml"] = Array(app(4).manifest.utf8) + Array("  no: 1\n".utf8) }
        world.pass(.seconds(1))
        #expect(try world.view(app(4)) == nil)
        let key = app(4).key
        let problem = try world.ask { await $0.problem(of: key) }
        #expect(problem?.hasPrefix("new.yaml:") == true && problem?.contains("stays") == false)
        world.source.change { $0.files["new.yaml"] = nil }
        world.pass(.seconds(1))

        // Held back.
        world.simulation.checks.declaredAt = [:]
        world.source.change { $0.files = [:] }
        world.pass(.seconds(1))
        #expect(try world.view(app())?.sourceProblem?.message.contains("--confirm") == true)
    }
}
