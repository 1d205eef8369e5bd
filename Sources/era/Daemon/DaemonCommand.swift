import ArgumentParser
import ERAContracts
import ERACore
import ERAEngine
import ERAServer
import Logging
import ServiceLifecycle
import UnixSignals

/// Runs the daemon in the foreground, until it is told to end.
struct DaemonCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "daemon",
        abstract: "Watch a directory of manifests and keep what it declares running.",
        discussion: """
            Runs in the foreground; SIGTERM, SIGINT or Ctrl-C end it. What it has deployed goes on running \
            and is taken over by the next daemon: to end that too, era delete --all.
            """
    )

    @OptionGroup var options: EngineOptionsGroup

    @Option(
        help: ArgumentHelp(
            "From one full look at everything to the next (ERA_INTERVAL).",
            valueName: "duration"
        ),
        transform: { try Duration(manifest: $0) }
    )
    var interval: Duration = .seconds(30)

    @Flag(help: "Report what differs and change nothing (ERA_OBSERVE_ONLY).")
    var observeOnly = false

    @Flag(inversion: .prefixedNo, help: "Show a live table where standard output is a terminal (ERA_TABLE).")
    var table = true

    func run() async throws {
        let screen = Screen(isLive: table && Terminal.output.isInteractive)
        let logger = options.logger(screen.note)
        var engineOptions = EngineOptions()
        engineOptions.interval = interval
        engineOptions.observeOnly = observeOnly
        let environment = Environment.current()
        let composition = try Composition(
            options,
            engineOptions: engineOptions,
            logger: logger,
            environment: environment
        )
        let server = APIServer(
            controlPlane: composition.engine,
            options: Options(
                socketPath: Defaults.socketPath(runDirectory: Composition.absolute(options.runDir)),
                version: Era.version
            ),
            logger: logger
        )
        var services: [any Service] = [composition.engine, server, MemoryRelease()]
        if screen.isLive { services.append(Display(engine: composition.engine, screen: screen)) }
        let sources =
            (options.manifests.map { [Composition.absolute($0)] } ?? []) + options.source.map { "\($0)" }
        screen.note("era \(Era.version) watches \(sources.joined(separator: ", "))")
        let group = ServiceGroup(
            services: services,
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        do {
            try await group.run()
        } catch {
            await composition.close()
            throw (error as? SocketFault).map(CommandFailure.init) ?? CommandFailure("\(error)")
        }
        let running = await composition.engine.list().views.filter { $0.instance?.mayHaveProcesses == true }
        await composition.close()
        screen.end()
        sayWhatGoesOn(running.map(\.record.key))
    }

    private func sayWhatGoesOn(_ running: [DeploymentKey]) {
        guard !running.isEmpty else { return Console.noteLine("the daemon has ended; nothing runs") }
        let names = running.map(\.name.rawValue).joined(separator: ", ")
        Console.noteLine("the daemon has ended; these go on running: \(names)")
        Console.noteLine("to stop and remove them: \(Self.removal(options, .current))")
    }

    /// What to type to remove everything: with the directories where they are not the user's defaults.
    static func removal(_ options: EngineOptionsGroup, _ defaults: Defaults) -> String {
        var words = [CommandLine.arguments.first ?? "era", "delete", "--all"]
        if options.runDir != defaults.runDirectory { words += ["--run-dir", options.runDir] }
        if options.places.dataDir != defaults.dataDirectory {
            words += ["--data-dir", options.places.dataDir]
        }
        return words.joined(separator: " ")
    }
}

extension EngineOptionsGroup {
    /// A log of the level asked for.
    func logger(_ write: @escaping @Sendable (String) -> Void) -> Logger {
        Logger(label: "era") { _ in TextLog(level: logLevel, write: write) }
    }
}
