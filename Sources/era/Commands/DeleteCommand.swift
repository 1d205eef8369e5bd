import ArgumentParser
import ERAAPI
import ERAClient
import ERACore

/// `era delete`
struct DeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Stop deployments and remove what they left.",
        discussion: """
            What a file declares is deleted by removing it from the file: the error names it. With --all \
            and without a daemon, everything that still runs is stopped and removed here and now.
            """,
        aliases: ["rm"]
    )

    @Argument(
        help: ArgumentHelp("The deployments.", valueName: "name"),
        completion: .custom { words, _, _ in await Completion.names(words) },
        transform: { try NameArgument($0) }
    )
    var names: [NameArgument] = []

    @Flag(help: "All deployments, of every namespace unless -n names one.")
    var all = false

    @Flag(name: [.customShort("A"), .long], help: "Of all namespaces; --all means that already.")
    var allNamespaces = false

    @Flag(inversion: .prefixedNo, help: "Wait until they are gone.")
    var wait = true

    @Option(
        help: ArgumentHelp("How long to wait: 90s, 5m (default: 5m).", valueName: "duration"),
        transform: DurationArgument.read
    )
    var timeout: Duration = .seconds(300)

    @Option(
        help: ArgumentHelp(
            "Where a daemon kept its state; used without one (ERA_DATA_DIR).",
            valueName: "directory"
        ),
        completion: .directory
    )
    var dataDir: String = Defaults.current.dataDirectory

    @Option(
        help: ArgumentHelp(
            "Where a daemon had runtime plugins of others; used without one; may be repeated (ERA_PLUGIN_DIR).",
            valueName: "directory"
        ),
        completion: .directory
    )
    var pluginDir: [String] = []

    @OptionGroup var namespace: NamespaceOption
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if names.isEmpty, !all { throw ValidationError("name the deployments to delete, or say --all") }
        if !names.isEmpty, all { throw ValidationError("a NAME does not go with --all; leave one out") }
        if allNamespaces, !all { throw ValidationError("--all-namespaces goes with --all; add it") }
        if allNamespaces, namespace.namespace != nil {
            throw ValidationError("--all-namespaces does not go with --namespace; leave one out")
        }
    }

    func run() async throws {
        let client = connection.client()
        let keys: [DeploymentKey]
        do {
            keys =
                all
                ? try await client.list(namespace: namespace.namespace).items.map(\.key)
                : names.map(namespace.key)
        } catch ClientError.notReachable(let socketPath, let why) where all {
            return try await deleteOffline(ClientError.notReachable(socketPath: socketPath, why: why))
        }
        if keys.isEmpty { return Console.noteLine("no deployments") }
        var failures = 0
        var deleted: [DeploymentKey] = []
        for key in keys {
            do {
                _ = try await client.about(key) { try await $0.delete(key) }
                deleted.append(key)
            } catch let error as CommandFailure {
                Console.note(ErrorReport(error).talk)
                failures += 1
            } catch let error as ClientError where error.status != nil {
                Console.note(ErrorReport(Self.explained(error, key)).talk)
                failures += 1
            }
        }
        try await finish(deleted, client)
        if failures > 0 { throw CommandFailure.told() }
    }

    /// Says of each that it is deleted: at once, or when it is gone.
    private func finish(_ keys: [DeploymentKey], _ client: ERAClient) async throws {
        let clock = ContinuousClock()
        let end = clock.now + timeout
        for key in keys {
            if wait {
                try await Awaiting(client, key, .deleted).finish(
                    within: max(.zero, end - clock.now),
                    of: timeout
                )
                Console.line("deployment \(key) deleted")
            } else {
                Console.line("deployment \(key) is being deleted")
            }
        }
    }

    private static func explained(_ error: ClientError, _ key: DeploymentKey) -> CommandFailure {
        guard let place = Refusal.declaredElsewhere(error) else { return Refusal.explained(error, key) }
        return CommandFailure("deployment \(key) is declared in \(place); remove it there, and it is deleted")
    }
}
