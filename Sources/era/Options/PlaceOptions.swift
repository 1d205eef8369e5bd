import ArgumentParser

/// Where ERA finds and keeps things, for the commands that work on files themselves.
struct PlaceOptions: ParsableArguments {
    /// Nil unless somebody said so: a daemon that runs may read another one than the default.
    @Option(
        name: .customLong("manifests"),
        help: ArgumentHelp(
            "The directory of manifests (ERA_MANIFESTS). (default: \(Defaults.current.manifestsDirectory))",
            valueName: "directory"
        ),
        completion: .directory
    )
    var givenManifests: String?

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

    /// The directory given, or the default.
    var manifests: String { givenManifests ?? Defaults.current.manifestsDirectory }
}
