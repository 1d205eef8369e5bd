import ArgumentParser

/// Where ERA finds and keeps things, for the commands that work on files themselves.
struct PlaceOptions: ParsableArguments {
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
        help: ArgumentHelp("Secrets, as NAMESPACE/NAME/KEY (ERA_SECRETS_DIR).", valueName: "directory"),
        completion: .directory
    )
    var secretsDir: String = Defaults.current.secretsDirectory
}
