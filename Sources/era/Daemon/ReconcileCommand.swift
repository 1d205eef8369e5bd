import ArgumentParser
import ERAAPI
import ERAClient
import ERAContracts
import ERACore
import ERAEngine

/// One pass until everything has converged, for cron, timers and CI.
struct ReconcileCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reconcile",
        abstract: "Bring about what the manifests declare, once, and say what came of it.",
        discussion: """
            Ends when every deployment is Running and past its bake time, or has been given up. With a \
            daemon on the same run directory it asks that one. Exit code 4: some deployment is Failed or was \
            rolled back; 5: not all had converged in time.
            """
    )

    @OptionGroup var options: EngineOptionsGroup

    @Option(
        help: ArgumentHelp("How long to wait for everything (ERA_TIMEOUT).", valueName: "duration"),
        transform: { try Duration(manifest: $0) }
    )
    var timeout: Duration = .seconds(300)

    @Flag(help: "Let deletions happen that the prune guard would hold back.")
    var confirmPrune = false

    func run() async throws {
        let client = ERAClient(socketPath: Defaults.socketPath(runDirectory: options.runDir))
        let summary: Summary
        if await Self.isReachable(client) {
            summary = try await askDaemon(client)
        } else {
            summary = try await reconcileHere()
        }
        summary.show()
        if let exit = summary.exit { throw CommandFailure.told(exit) }
    }

    private static func isReachable(_ client: ERAClient) async -> Bool {
        // Nobody there is the usual case, and no error.
        (try? await client.health()) != nil
    }

    private func askDaemon(_ client: ERAClient) async throws -> Summary {
        Console.noteLine("a daemon runs here; asking it")
        try await client.resync()
        try await Task.sleep(for: OneShot.settleTime)
        try await client.resync()
        if confirmPrune { _ = try await client.confirmPrune() }
        let deadline = ContinuousClock.now + timeout
        while true {
            let objects = try await client.list(namespace: nil).items
            let sources = try await client.sources()
            let summary = Summary(objects, sources, isOver: ContinuousClock.now >= deadline)
            if summary.isSettled || ContinuousClock.now >= deadline { return summary }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    private func reconcileHere() async throws -> Summary {
        let composition = try Composition(
            options,
            manifests: options.manifests,
            engineOptions: EngineOptions(),
            logger: try options.logger(Console.noteLine),
            environment: .current()
        )
        let engine = composition.engine
        let summary = try await OneShot(engine).run(until: ContinuousClock.now + timeout) {
            try await Task.sleep(for: OneShot.settleTime)
            await engine.resync()
            if confirmPrune { _ = try await engine.confirmPrune() }
        } check: { isOver in
            let now = SystemClock().now()
            let objects = await engine.list().views.map { $0.object(at: now) }
            return Summary(objects, await engine.sources(), isOver: isOver)
        }
        await composition.close()
        return summary
    }
}
