import ERAAPI
import ERAArtifact
import ERAClient
import ERACore

/// What a shell completes words to, as the daemon knows it.
enum Completion {
    /// How long a shell waits for the daemon.
    static let timeLimit = Duration.seconds(1)

    /// The names of deployments, in the namespace that the words name.
    static func names(_ words: [String]) async -> [String] {
        let namespace = value(of: ["-n", "--namespace"], in: words, "ERA_NAMESPACE") ?? "default"
        return await deployments(words).filter { $0.namespace == namespace }.map(\.name)
    }

    /// The namespaces that there are deployments in.
    static func namespaces(_ words: [String]) async -> [String] {
        await Set(deployments(words).map(\.namespace)).sorted()
    }

    /// What has a name in the store of artifacts.
    static func artifacts(_ words: [String]) -> [String] {
        let data = value(of: ["--data-dir"], in: words, "ERA_DATA_DIR") ?? Defaults.current.dataDirectory
        let store = ArtifactStoreOptions.store(Composition.absolute(data) + "/artifacts")
        // A completion has nowhere to complain: what cannot be read has nothing to complete.
        return (try? store.inventory().items.flatMap(\.names)) ?? []
    }

    private static func deployments(_ words: [String]) async -> [DeploymentObject] {
        let directory =
            value(of: ["--run-dir"], in: words, "ERA_RUN_DIR") ?? Defaults.current.runDirectory
        let client = ERAClient(
            socketPath: Defaults.socketPath(runDirectory: directory),
            timeout: timeLimit
        )
        // A completion has nowhere to complain: without a daemon there is nothing to complete.
        return (try? await client.list().items) ?? []
    }

    /// The value that an option has among the words, or its variable.
    static func value(
        of names: [String],
        in words: [String],
        _ variable: String,
        _ environment: Environment = .current()
    ) -> String? {
        for (index, word) in words.enumerated() {
            if names.contains(word), index + 1 < words.count { return words[index + 1] }
            if let name = names.first(where: { word.hasPrefix($0 + "=") }) {
                return String(word.dropFirst(name.count + 1))
            }
        }
        return environment[variable]
    }
}
