internal import ERAContracts
internal import ERACore
internal import Glibc

/// What of an instance's files and surroundings does not depend on what runs in them.
extension ShimWorkloads {
    // MARK: Files

    /// Unpacks the artifact to where the workload will be, or makes that an empty directory of its user.
    ///
    /// - Throws: ``Failure``, also for an artifact that is no tree of files before somebody lays it out.
    func makeFiles(
        _ instance: PreparedInstance,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws {
        let place = place(instance.id)
        guard let artifact = instance.artifact else { return try makeEmptyFiles(place, instance.spec) }
        let unpacker = host.options.unpacker
        switch artifact.content {
        case .file:
            try await unpacker.unpack(
                artifact.path,
                name: artifact.name,
                format: instance.spec.artifact?.format ?? .auto,
                into: place.filesDirectory,
                progress: progress
            )
        case .files:
            let files = try StoredFiles(artifact).files
            try await unpacker.layOut(files, into: place.filesDirectory, progress: progress)
        case .image:
            throw Failure.permanent(
                .unsupported,
                "\(artifact.shown) is a container image; plugin \(plugin) takes files, or an archive of them: "
                    + "push those, or use plugin container"
            )
        }
    }

    private func makeEmptyFiles(_ place: ShimPlace, _ spec: DeploymentSpec) throws {
        guard mkdir(place.filesDirectory, 0o755) == 0 || errno == EEXIST else {
            throw failure("make the directory", place.filesDirectory)
        }
        chmod(place.filesDirectory, 0o755)
        if let name = spec.user, geteuid() == 0, let user = HostUser(name) {
            chown(place.filesDirectory, user.user, user.group)
        }
    }

    // MARK: Launch

    /// A launch with all that the spec says to every plugin; what it mounts is the caller's to add.
    ///
    /// - Parameter executable: What to exec, absolute or relative to the working directory.
    /// - Throws: ``Failure`` `UserMissing`, `InvalidSpec`.
    func launch(
        _ instance: PreparedInstance,
        executable: String,
        arguments: [String],
        config: WorkloadConfig
    ) throws -> ShimLaunch {
        let spec = instance.spec
        let user = try user(spec)
        var launch = ShimLaunch(
            executable: executable,
            arguments: arguments,
            environment: environment(instance, user),
            workingDirectory: try workingDirectory(instance)
        )
        if spec.user != nil, geteuid() == 0 {
            launch.user = ShimLaunch.User(user: user.user, group: user.group, groups: user.groups)
        }
        launch.limits = config.limits
        launch.oomScoreAdjust = config.oomScoreAdjust
        launch.logMaxSize = config.logMaxSize
        launch.logMaxFiles = config.logMaxFiles
        launch.resources = spec.resources
        launch.leftoverGrace = min(spec.stop.grace, .seconds(2))
        launch.sockets = Self.sockets(spec)
        return launch
    }

    /// The listening sockets that a spec wants handed over, in their order.
    static func sockets(_ spec: DeploymentSpec) -> [ShimLaunch.Socket] {
        spec.ports.filter(\.passSocket).map {
            ShimLaunch.Socket(
                name: $0.name.rawValue,
                host: $0.host,
                port: $0.port,
                isUDP: $0.transport == .udp
            )
        }
    }

    /// - Throws: ``Failure`` `UserMissing`.
    func user(_ spec: DeploymentSpec) throws -> HostUser {
        guard let name = spec.user else { return .current }
        guard let user = HostUser(name) else {
            throw Failure.permanent(.userMissing, "there is no user \(name) on this host; create it")
        }
        return user
    }

    /// Absolute; a relative one is below the unpacked artifact.
    ///
    /// - Throws: ``Failure`` `InvalidSpec` where it leads out of that.
    func workingDirectory(_ instance: PreparedInstance) throws -> String {
        let directory = instance.spec.workingDirectory
        if directory.hasPrefix("/") { return directory }
        guard let relative = containedPath(directory) else {
            throw Failure.permanent(.invalidSpec, "spec.workingDirectory leads out of the artifact")
        }
        let files = place(instance.id).filesDirectory
        return relative.isEmpty ? files : "\(files)/\(relative)"
    }

    /// Our own variables, then the manifest's, which win.
    private func environment(
        _ instance: PreparedInstance,
        _ user: HostUser
    ) -> [(name: String, value: SecretText)] {
        var own: [(String, String)] = [
            ("PATH", host.options.searchPath.joined(separator: ":")),
            ("HOME", user.home),
            ("USER", user.name),
            ("LOGNAME", user.name),
        ]
        own += identity(instance)
        let given = Set(instance.environment.map(\.name))
        return own.filter { !given.contains($0.0) }.map { ($0.0, SecretText($0.1)) } + instance.environment
    }

    /// The variables that tell a workload who it is, and which ports are its own.
    func identity(_ instance: PreparedInstance) -> [(name: String, value: String)] {
        var own: [(String, String)] = [
            ("ERA_NAMESPACE", instance.id.deployment.namespace.rawValue),
            ("ERA_NAME", instance.id.deployment.name.rawValue),
            ("ERA_REVISION", instance.id.revision.description),
        ]
        for port in instance.spec.ports {
            own.append((Self.portVariable(port.name.rawValue), String(port.port)))
        }
        return own
    }

    /// What the variable with the number of a port is called.
    static func portVariable(_ port: String) -> String {
        "PORT_" + String(port.uppercased().map { $0 == "-" ? "_" : $0 })
    }

    // MARK: Problems

    /// What is wrong with the user of a spec on this host.
    func userProblems(_ spec: DeploymentSpec) -> [SpecProblem] {
        guard let name = spec.user else { return [] }
        func problem(_ message: String) -> [SpecProblem] {
            [SpecProblem(field: "spec.user", message: message)]
        }
        guard let user = HostUser(name) else {
            return problem("there is no user \(name) on this host; create it, or correct the name")
        }
        guard geteuid() != 0, user.user != geteuid() else { return [] }
        return problem("only root can run a program as another user; run ERA as root, or leave it out")
    }

    /// Variables that ERA sets and a manifest must not.
    func environmentProblems(_ spec: DeploymentSpec) -> [SpecProblem] {
        spec.env.enumerated().filter {
            $0.element.name.hasPrefix("LISTEN_") || $0.element.name == ProcessCensus.variable
        }
        .map { index, variable in
            SpecProblem(field: "spec.env[\(index)].name", message: "\(variable.name) is set by ERA itself")
        }
    }
}
