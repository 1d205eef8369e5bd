import ArgumentParser
import ERACore
import ERAContracts
import ERAEngine
import Glibc

/// Deletes every deployment when no daemon runs to do it.
enum OfflineRemoval {
    /// How long everything may take to stop.
    private static let timeLimit = Duration.seconds(600)

    /// What is left to delete.
    private struct Rest: Settling {
        var keys: [DeploymentKey]
        var isSettled: Bool { keys.isEmpty }
        var message: String {
            let names = keys.map(\.description).joined(separator: ", ")
            return "still being deleted: \(names); run it again to go on"
        }
    }

    /// - Parameter log: Takes lines for people.
    /// - Returns: How many deployments were deleted.
    /// - Throws: ``CommandFailure``.
    static func run(
        dataDirectory: String,
        runDirectory: String,
        pluginDirectories: [String],
        log: @escaping @Sendable (String) -> Void
    ) async throws -> Int {
        let options = try EngineOptionsGroup.parse(
            ["--data-dir=\(dataDirectory)", "--run-dir=\(runDirectory)"]
                + pluginDirectories.map { "--plugin-dir=\($0)" }
        )
        let composition = try Composition(
            options,
            hasSources: false,
            engineOptions: EngineOptions(),
            logger: options.logger(log),
            environment: .current()
        )
        let engine = composition.engine
        let keys = await Keys()
        let end = try await OneShot(engine, close: composition.close).run(
            until: ContinuousClock.now + timeLimit
        ) {
            for view in await engine.list().views {
                await keys.add(view.record.key)
                _ = try await engine.delete(view.record.key, dryRun: false)
            }
        } check: {
            let views = await engine.list().views
            let left = views.map(\.record.key)
            let reasons = Dictionary(
                views.compactMap { view in view.wait.map { (view.record.key, $0.reason.text) } }
            ) { first, _ in first }
            for line in await keys.tell(left, reasons, at: ContinuousClock.now) { log(line) }
            return Rest(keys: left)
        } abandon: { rest in
            if let rest { log(rest.message) }
            _exit(ProgramExit.timedOut.rawValue)
        }
        guard end.isInTime else { throw CommandFailure(end.outcome.message, .timedOut) }
        return await keys.all.count
    }

    /// What was there at the beginning. An actor, since it is filled beside the engine.
    private actor Keys {
        private(set) var all: Set<DeploymentKey> = []
        init() async {}
        func add(_ key: DeploymentKey) { all.insert(key) }

        private var report = RemovalReport()
        func tell(
            _ left: [DeploymentKey],
            _ reasons: [DeploymentKey: String],
            at now: ContinuousClock.Instant
        ) -> [String] {
            report.lines(all, left, reasons, at: now)
        }
    }
}

/// What to tell people while deployments are being deleted: each that is gone, and now and then what is not.
struct RemovalReport {
    /// How long nothing may be said while something is left.
    static let silence = Duration.seconds(3)
    /// The most names in a line.
    static let namesLimit = 5

    private var gone: Set<DeploymentKey> = []
    private var lastAt: ContinuousClock.Instant?

    /// - Parameter all: Everything that is to be deleted.
    /// - Parameter left: What of it is there still.
    /// - Parameter reasons: What those wait for, as far as they wait.
    mutating func lines(
        _ all: Set<DeploymentKey>,
        _ left: [DeploymentKey],
        _ reasons: [DeploymentKey: String] = [:],
        at now: ContinuousClock.Instant
    ) -> [String] {
        let newlyGone = all.subtracting(left).subtracting(gone)
        gone.formUnion(newlyGone)
        let since = lastAt ?? now
        if newlyGone.isEmpty, now - since < Self.silence || left.isEmpty {
            lastAt = since
            return []
        }
        lastAt = now
        if newlyGone.isEmpty {
            let names = left.sorted().prefix(Self.namesLimit).map { key in
                key.description + (reasons[key].map { " (\($0))" } ?? "")
            }.joined(separator: ", ")
            let more = left.count > Self.namesLimit ? " and \(left.count - Self.namesLimit) more" : ""
            return ["still stopping: \(names)\(more)"]
        }
        return newlyGone.sorted().map { "deployment \($0) deleted" }
    }
}
