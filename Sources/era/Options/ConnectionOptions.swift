import ArgumentParser
import ERAAPI
import ERAClient
import ERACore

/// Which daemon to ask.
struct ConnectionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("The daemon's run directory (ERA_RUN_DIR).", valueName: "directory"),
        completion: .directory
    )
    var runDir: String = Defaults.current.runDirectory

    var socketPath: String { Defaults.socketPath(runDirectory: runDir) }

    /// - Parameter timeout: For each request but the streams.
    func client(timeout: Duration = .seconds(30)) -> ERAClient {
        ERAClient(socketPath: socketPath, timeout: timeout)
    }
}

/// In which namespace names are meant.
struct NamespaceOption: ParsableArguments {
    @Option(
        name: [.short, .long],
        help: "The namespace of the deployments: default, where nothing is said (ERA_NAMESPACE).",
        completion: .custom { words, _, _ in await Completion.namespaces(words) },
        transform: { try NamespaceName($0) }
    )
    var namespace: NamespaceName?

    /// The namespace given, or `default`.
    var chosen: NamespaceName { namespace ?? .default }

    /// What a name on the command line stands for.
    func key(_ argument: NameArgument) -> DeploymentKey {
        DeploymentKey(namespace: argument.namespace ?? chosen, name: argument.name)
    }
}

/// A deployment as it is named on the command line: `web`, or `NAMESPACE/web`.
struct NameArgument: Equatable, Sendable {
    /// Nil where only the name was given.
    var namespace: NamespaceName?
    var name: DeploymentName

    /// - Throws: `InvalidValue` when a part is not an RFC 1123 label.
    init(_ text: String) throws(InvalidValue) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        namespace = parts.count == 2 ? try NamespaceName(parts[0]) : nil
        name = try DeploymentName(parts[parts.count - 1])
    }
}
