import ArgumentParser
import ERAClient
import ERACore
import ERAEngine
import Glibc

/// One pass until everything has converged, for cron, timers and CI.
struct ReconcileCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reconcile",
        abstract: "Bring about what the manifests declare, once, and say what came of it.",
        discussion: """
            Ends when every deployment is Running and past its bake time, or has been given up. With a \
            daemon on the same run directory it asks that one, which reads its own manifests: others named \
            with --manifests are refused. Exit code 4: some deployment is Failed or was \
            rolled back; 5: not all had converged in time.
            """
    )

    /// How long a daemon that has the socket may take to say that it is there.
    private static let greetingTimeLimit = Duration.seconds(10)
    /// After which it says again what it waits for.
    private static let silence = Duration.seconds(10)
    /// How long a daemon may take, when time has run out, to say what it has come to.
    private static let lastWordTimeLimit = Duration.seconds(2)

    @OptionGroup var options: EngineOptionsGroup

    @Option(
        help: ArgumentHelp("How long to wait for everything (ERA_TIMEOUT).", valueName: "duration"),
        transform: { try Duration(manifest: $0) }
    )
    var timeout: Duration = .seconds(300)

    @Flag(help: "Let deletions happen that the prune guard would hold back.")
    var confirmPrune = false

    func run() async throws {
        let client = ERAClient(
            socketPath: Defaults.socketPath(runDirectory: options.runDir),
            timeout: max(timeout, Self.lastWordTimeLimit)
        )
        let deadline = ContinuousClock.now + timeout
        let end =
            try await isReachable(client)
            ? try await askDaemon(DaemonEngine(client: client), until: deadline)
            : try await reconcileHere(until: deadline)
        end.outcome.show(isInTime: end.isInTime)
        if let exit = end.outcome.exit(isInTime: end.isInTime) { throw CommandFailure.told(exit) }
    }

    /// - Throws: ``CommandFailure`` where one has the socket and says nothing.
    private func isReachable(_ client: ERAClient) async throws -> Bool {
        do {
            let health = try await Deadline.run(min(timeout, Self.greetingTimeLimit)) {
                try await client.health()
            }
            guard health != nil else { throw silence }
            return true
        } catch ClientError.notReachable {
            // Nobody there is the usual case, and no error.
            return false
        } catch ClientError.timedOut {
            throw silence
        }
    }

    private func askDaemon(_ daemon: DaemonEngine, until deadline: ContinuousClock.Instant) async throws
        -> OneShot.End<Summary>
    {
        Console.noteLine("a daemon runs here; asking it")
        let confirmPrune = confirmPrune
        let manifests = options.places.givenManifests
        let settled = try await Deadline.run(deadline - .now) {
            if let manifests {
                let directories = SourceDirectories(try await daemon.sourceStatuses())
                if let refusal = directories.refusal(of: manifests) { throw refusal }
            }
            try await daemon.takeIn(confirmPrune: confirmPrune)
            var toldAt = ContinuousClock.now
            while true {
                let summary = try await daemon.summary()
                if summary.isSettled { return summary }
                if .now - toldAt > Self.silence {
                    toldAt = .now
                    Console.noteLine("waiting for \(summary.unsettled.joined(separator: ", "))")
                }
                try await Task.sleep(for: .milliseconds(100))
            }
        }
        if let settled { return OneShot.End(outcome: settled, isInTime: true) }
        let last = try await Deadline.run(Self.lastWordTimeLimit) { try await daemon.summary() }
        guard let last else { throw silence }
        return OneShot.End(outcome: last, isInTime: false)
    }

    private var silence: CommandFailure {
        CommandFailure("the daemon on \(options.runDir) does not answer; see: era doctor", .timedOut)
    }

    private func reconcileHere(until deadline: ContinuousClock.Instant) async throws -> OneShot.End<Summary> {
        let composition = try Composition(
            options,
            engineOptions: EngineOptions(),
            logger: options.logger(Console.noteLine),
            environment: .current()
        )
        let own = OwnEngine(engine: composition.engine)
        let confirmPrune = confirmPrune
        return try await OneShot(composition.engine, close: composition.close).run(until: deadline) {
            try await own.takeIn(confirmPrune: confirmPrune)
        } check: {
            await own.summary()
        } abandon: { summary in
            summary?.show(isInTime: false)
            Console.noteLine("something does not end; it is left as it is, and the next run goes on with it")
            _exit((summary?.exit(isInTime: false) ?? .timedOut).rawValue)
        }
    }
}
