import ArgumentParser
import ERACore

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

    @Option(
        help: ArgumentHelp("The directory of manifests (ERA_MANIFESTS).", valueName: "directory"),
        completion: .directory
    )
    var manifests: String = Defaults.current.manifestsDirectory

    @Option(
        help: ArgumentHelp("Database, artifacts, instances, volumes (ERA_DATA_DIR).", valueName: "directory"),
        completion: .directory
    )
    var dataDir: String = Defaults.current.dataDirectory

    @Option(
        help: ArgumentHelp("The sockets of the API and the shims (ERA_RUN_DIR).", valueName: "directory"),
        completion: .directory
    )
    var runDir: String = Defaults.current.runDirectory

    @Option(
        help: ArgumentHelp("Secrets, as NAMESPACE/NAME/KEY (ERA_SECRETS_DIR).", valueName: "directory"),
        completion: .directory
    )
    var secretsDir: String = Defaults.current.secretsDirectory

    @Flag(help: "Fetch artifacts over http without TLS as well (ERA_ALLOW_HTTP).")
    var allowHttp = false

    @Option(
        help: ArgumentHelp(
            "What is written to standard error: trace to critical (ERA_LOG_LEVEL).",
            valueName: "level"
        )
    )
    var logLevel: String = "notice"
}
