import ERAContracts
import ERACore
import ERAEngine
import ERAManifest
import Synchronization
import Testing

@testable import ERATestKit

/// One engine on a simulated machine on which nothing fails by itself: a test says what does.
struct World {
    let simulation: Simulation

    var clock: ManualClock { simulation.clock }
    var disk: MemoryDisk { simulation.disk }
    var host: SimulatedHost { simulation.host }
    var faults: Faults { simulation.faults }
    var source: ScriptedSource { simulation.source }
    var lines: [String] { simulation.chronicle.lines }

    /// - Parameter shelf: Where the plugin comes and goes; nil where it is part of the program.
    init(seed: UInt64 = 1, options: EngineOptions? = nil, isBooted: Bool = true, shelf: PluginShelf? = nil) {
        simulation = Simulation(seed: seed, options: options)
        if let shelf { simulation.catalog = shelf.offering }
        simulation.faults.turnOff()
        guard isBooted else { return }
        simulation.boot()
        settle()
    }

    /// Everything that can run now runs.
    func settle() {
        // Hundreds of deployments may start in one moment.
        simulation.settle(jobLimit: 500_000)
        #expect(simulation.violations == [])
    }

    /// Lets time pass, with everybody waking when it is time.
    func pass(_ duration: Duration) {
        let end = clock.now().uptime + duration
        while clock.now().uptime < end {
            simulation.pass(end - clock.now().uptime)
            settle()
        }
        disk.flushDeferred()
    }

    /// What the engine answers.
    func ask<Value: Sendable>(
        _ question: @escaping @Sendable (Engine) async throws -> Value
    ) throws -> Value {
        let answer = Answer<Value>()
        simulation.ask { engine in
            do {
                answer.give(.success(try await question(engine)))
            } catch {
                answer.give(.failure(error))
            }
        }
        settle()
        return try #require(answer.taken, "the engine does not answer").get()
    }

    func view(_ app: SimulatedDeployment) throws -> DeploymentView? {
        let key = app.key
        return try ask { await $0.view(key) }
    }

    func phase(_ app: SimulatedDeployment) throws -> Phase? { try view(app)?.record.phase }

    func put(_ apps: SimulatedDeployment...) {
        for app in apps { simulation.put(app) }
        settle()
    }

    func remove(_ app: SimulatedDeployment) {
        simulation.remove(app)
        settle()
    }

    func restart() {
        simulation.crashAndBoot()
        settle()
    }

    /// The facts about a deployment that are on disk, by name.
    func journal(_ app: SimulatedDeployment) -> [String] {
        disk.flushDeferred()
        return (disk.journals[app.key] ?? []).map(\.kind.name)
    }

    func starts(_ app: SimulatedDeployment, _ revision: Int) -> Int {
        host.starts(of: InstanceID(app.key, RevisionNumber(revision)))
    }
}

/// An answer that comes from another task; a class, since both hold it.
private final class Answer<Value: Sendable>: Sendable {
    private let value = Mutex<Result<Value, any Error>?>(nil)

    func give(_ result: Result<Value, any Error>) { value.withLock { $0 = result } }
    var taken: Result<Value, any Error>? { value.withLock { $0 } }
}

/// A version 1.0 of app-`index` that works, with a change.
func app(_ index: Int = 0, _ change: (inout SimulatedDeployment) -> Void = { _ in }) -> SimulatedDeployment {
    var deployment = SimulatedDeployment(index: index)
    deployment.hasProbe = false
    change(&deployment)
    return deployment
}

/// The deployment that a manifest declares.
func declared(_ app: SimulatedDeployment) throws -> Deployment {
    let file = ManifestFile(reading: Array(app.manifest.utf8), file: "test.yaml")
    return try #require(file.entries.first?.deployment)
}
