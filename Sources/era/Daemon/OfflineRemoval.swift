import ArgumentParser
import ERACore
import ERAContracts
import ERAEngine
import Logging

/// Deletes every deployment when no daemon runs to do it.
enum OfflineRemoval {
    /// How long everything may take to stop.
    private static let timeLimit = Duration.seconds(600)

    /// What is left to delete.
    private struct Rest: Settling {
        var keys: [DeploymentKey]
        var isSettled: Bool { keys.isEmpty }
    }

    /// - Parameter log: Takes lines for people.
    /// - Returns: How many deployments were deleted.
    /// - Throws: ``CommandFailure``.
    static func run(
        dataDirectory: String,
        runDirectory: String,
        log: @escaping @Sendable (String) -> Void
    ) async throws -> Int {
        let options = try EngineOptionsGroup.parse([
            "--data-dir=\(dataDirectory)", "--run-dir=\(runDirectory)",
        ])
        let composition = try Composition(
            options,
            manifests: nil,
            engineOptions: EngineOptions(),
            logger: try options.logger(log),
            environment: .current()
        )
        let engine = composition.engine
        let keys = await Keys()
        let rest = try await OneShot(engine).run(until: ContinuousClock.now + timeLimit) {
            for view in await engine.list().views {
                await keys.add(view.record.key)
                _ = try await engine.delete(view.record.key, dryRun: false)
            }
        } check: { _ in
            Rest(keys: await engine.list().views.map(\.record.key))
        }
        await composition.close()
        guard rest.isSettled else {
            let names = rest.keys.map(\.description).joined(separator: ", ")
            throw CommandFailure("still being deleted: \(names); run it again to go on", .timedOut)
        }
        return await keys.all.count
    }

    /// What was there at the beginning. An actor, since it is filled beside the engine.
    private actor Keys {
        private(set) var all: Set<DeploymentKey> = []
        init() async {}
        func add(_ key: DeploymentKey) { all.insert(key) }
    }
}
