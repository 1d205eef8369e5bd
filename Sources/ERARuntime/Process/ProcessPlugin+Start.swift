public import ERAContracts
public import ERACore
internal import Glibc

extension ProcessPlugin {
    public func stage(
        _ instance: PreparedInstance,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws { try await workloads.makeFiles(instance, progress: progress) }

    public func install(
        _ instance: PreparedInstance,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> InstanceHandle {
        try await workloads.makeFiles(instance, progress: progress)
        if let artifact = instance.artifact {
            makeExecutable("\(workloads.place(instance.id).filesDirectory)/\(artifact.name)")
        }
        _ = try launch(instance)
        try await workloads.claim(instance.id)
        return InstanceHandle(version: Self.handleVersion, payload: .object([:]))
    }

    public func start(_ instance: PreparedInstance, handle: InstanceHandle) async throws {
        guard handle.version <= Self.handleVersion else {
            throw Failure.permanent(
                .unsupported,
                "\(instance.id) was installed by a newer ERA (handle version \(handle.version)); use that"
            )
        }
        try await workloads.start(instance.id) { try launch(instance) }
    }

    public func probeEnvironment(_ instance: PreparedInstance) async throws -> ProbeEnvironment {
        try await workloads.probeEnvironment(instance, try launch(instance))
    }

    /// A single file that was fetched is a program; what an archive brings has its modes from there.
    private func makeExecutable(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return }
        chmod(path, 0o755)
    }

    /// Everything that the shim needs to know, with volumes linked and directories there.
    private func launch(_ instance: PreparedInstance) throws -> ShimLaunch {
        let spec = instance.spec
        let place = workloads.place(instance.id)
        let directory = try workloads.workingDirectory(instance)
        // A revision that was found without a record has its files, and nobody knows the archive.
        let hasFiles = instance.artifact != nil || spec.artifact != nil
        let files = hasFiles ? place.filesDirectory : nil
        let lookup = CommandPath(searchPath: host.options.searchPath, files: files)
        guard let command = spec.command.first, let path = lookup.resolve(command) else {
            let command = spec.command.first ?? ""
            let where_ =
                files == nil ? host.searchPathText : "the artifact, nor in the search path"
            throw Failure.permanent(
                .commandMissing,
                "there is no program \(command) that may be executed in \(where_)"
            )
        }
        let config = ProcessConfig.parse(spec.runtime.config).config
        var launch = try workloads.launch(
            instance,
            executable: CommandPath.relative(path, to: directory, below: place.filesDirectory),
            arguments: spec.command + spec.args,
            config: config.workload
        )
        launch.capabilities = config.capabilities
        launch.mounts = try workloads.attach(instance, directory)
        return launch
    }
}
