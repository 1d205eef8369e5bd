import ArgumentParser
import ERACore
import ERASource
import Logging

/// The options that say what an engine works on; the daemon and `era reconcile` have them alike.
struct EngineOptionsGroup: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "These options by their names in camelCase, as YAML (ERA_CONFIG).",
            valueName: "file"
        ),
        completion: .file()
    )
    var config: String = Defaults.current.configFile

    @OptionGroup var places: PlaceOptions

    @Option(
        help: ArgumentHelp(
            "A git repository of manifests; may be repeated, takes the place of the default directory (ERA_SOURCE).",
            valueName: "git+https://…#branch:directory"
        ),
        transform: { try Self.address($0) }
    )
    var source: [GitAddress] = []

    @Option(
        help: ArgumentHelp("The sockets of the API and the shims (ERA_RUN_DIR).", valueName: "directory"),
        completion: .directory
    )
    var runDir: String = Defaults.current.runDirectory

    @Option(
        help: ArgumentHelp(
            "Where runtime plugins of others are, era-plugin-NAME; may be repeated (ERA_PLUGIN_DIR). "
                + "(default: \(Defaults.current.pluginDirectory))",
            valueName: "directory"
        ),
        completion: .directory
    )
    var pluginDir: [String] = []

    @Flag(help: "Fetch artifacts over http without TLS as well (ERA_ALLOW_HTTP).")
    var allowHttp = false

    @Option(
        help: ArgumentHelp(
            "A registry to speak to in plain http; may be repeated (ERA_INSECURE_REGISTRY).",
            valueName: "host[:port]"
        ),
        transform: { try RegistryName($0) }
    )
    var insecureRegistry: [RegistryName] = []

    @Option(
        help: ArgumentHelp(
            "Where a registry's contents are as well, asked first; may be repeated (ERA_REGISTRY_MIRROR).",
            valueName: "host=mirror"
        ),
        transform: { try RegistryMirror($0) }
    )
    var registryMirror: [RegistryMirror] = []

    @Option(
        help: ArgumentHelp(
            "Above it, artifacts that nothing needs go before their hour is over: 20Gi (ERA_ARTIFACT_SPACE).",
            valueName: "size"
        ),
        transform: { try ByteCount($0) }
    )
    var artifactSpace: ByteCount?

    @OptionGroup var trust: TrustOptions

    @Option(
        help: ArgumentHelp(
            "What is written to standard error: trace to critical (ERA_LOG_LEVEL). (default: notice)",
            valueName: "level"
        ),
        transform: { try Self.level($0) }
    )
    var logLevel: Logger.Level = .notice

    private static func address(_ text: String) throws(InvalidValue) -> GitAddress {
        do throws(GitAddressProblem) {
            return try GitAddress(text)
        } catch {
            throw InvalidValue(text, expected: "the address of a repository: it \(error)")
        }
    }

    /// The directory of manifests; nil where only repositories are named.
    var manifests: String? {
        places.givenManifests ?? (source.isEmpty ? places.manifests : nil)
    }

    private static func level(_ text: String) throws(InvalidValue) -> Logger.Level {
        guard let level = Logger.Level(rawValue: text) else {
            let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw InvalidValue(text, expected: "a log level; one of: \(levels)")
        }
        return level
    }
}
