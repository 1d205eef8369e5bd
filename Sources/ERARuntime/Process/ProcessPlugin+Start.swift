public import ERAContracts
public import ERACore
internal import Glibc

extension ProcessPlugin {
    public func install(
        _ instance: PreparedInstance,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> InstanceHandle {
        let place = shims.place(instance.id)
        let spec = instance.spec
        if let artifact = instance.artifact {
            guard artifact.content == .file else { throw Self.refused(artifact) }
            let format = spec.artifact?.format ?? .auto
            try await options.unpacker.unpack(
                artifact.path,
                name: artifact.name,
                format: format,
                into: place.filesDirectory,
                progress: progress
            )
            makeExecutable("\(place.filesDirectory)/\(artifact.name)")
        } else {
            try makeEmptyFiles(place, spec)
        }
        guard mkdir(place.shimDirectory, 0o700) == 0 || errno == EEXIST else {
            throw failure("make the directory", place.shimDirectory)
        }
        _ = try launch(instance)
        return InstanceHandle(version: Self.handleVersion, payload: .object([:]))
    }

    public func start(_ instance: PreparedInstance, handle: InstanceHandle) async throws {
        guard handle.version <= Self.handleVersion else {
            throw Failure.permanent(
                .unsupported,
                "\(instance.id) was installed by a newer ERA (handle version \(handle.version)); use that"
            )
        }
        // Asked first: the files of what runs are left alone.
        if case .running = try await shims.status(instance.id) { return }
        try await shims.start(try launch(instance), instance.id)
    }

    /// Volumes that only the workload's mount namespace has are reached by way of the running workload.
    public func probeEnvironment(_ instance: PreparedInstance) async throws -> ProbeEnvironment {
        let launch = try launch(instance)
        var directory = launch.workingDirectory
        if !launch.mounts.isEmpty, case .running(let running) = try await shims.status(instance.id),
            let pid = running.pid
        {
            directory = "/proc/\(pid)/root\(directory)"
        }
        let variables = launch.environment.map { ($0.name, $0.value) }
        return ProbeEnvironment(
            workingDirectory: directory,
            variables: Dictionary(variables) { _, last in last },
            user: instance.spec.user,
            capabilities: launch.capabilities
        )
    }

    /// An image is no tree of files before its layers are laid upon each other.
    private static func refused(_ artifact: StoredArtifact) -> Failure {
        let what =
            artifact.content == .image
            ? "a container image" : "an artifact of several files, each in a blob of its own"
        return .permanent(
            .unsupported,
            "\(artifact.shown) is \(what); plugin process takes one file, "
                + "or an archive: push a tar of them as a single blob"
        )
    }

    /// A single file that was fetched is a program; what an archive brings has its modes from there.
    private func makeExecutable(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return }
        chmod(path, 0o755)
    }

    /// A program of the host gets an empty directory to be in, its user's own.
    private func makeEmptyFiles(_ place: ShimPlace, _ spec: DeploymentSpec) throws {
        guard mkdir(place.filesDirectory, 0o755) == 0 || errno == EEXIST else {
            throw failure("make the directory", place.filesDirectory)
        }
        chmod(place.filesDirectory, 0o755)
        if let name = spec.user, geteuid() == 0, let user = HostUser(name) {
            chown(place.filesDirectory, user.user, user.group)
        }
    }

    /// Everything that the shim needs to know, with volumes linked and directories there.
    private func launch(_ instance: PreparedInstance) throws -> ShimLaunch {
        let spec = instance.spec
        let place = shims.place(instance.id)
        let user = try user(spec)
        let directory = try workingDirectory(spec, place)
        // A revision that was found without a record has its files, and nobody knows the archive.
        let hasFiles = instance.artifact != nil || spec.artifact != nil
        let files = hasFiles ? place.filesDirectory : nil
        let lookup = CommandPath(searchPath: options.searchPath, files: files)
        guard let command = spec.command.first, let path = lookup.resolve(command) else {
            let command = spec.command.first ?? ""
            let where_ =
                files == nil ? searchPathText : "the artifact, nor in the search path"
            throw Failure.permanent(
                .commandMissing,
                "there is no program \(command) that may be executed in \(where_)"
            )
        }
        let config = ProcessConfig.parse(spec.runtime.config).config
        var launch = ShimLaunch(
            executable: CommandPath.relative(path, to: directory, below: place.filesDirectory),
            arguments: spec.command + spec.args,
            environment: environment(instance, user),
            workingDirectory: directory
        )
        if spec.user != nil, geteuid() == 0 {
            launch.user = ShimLaunch.User(user: user.user, group: user.group, groups: user.groups)
        }
        launch.capabilities = config.capabilities
        launch.limits = config.limits
        launch.oomScoreAdjust = config.oomScoreAdjust
        launch.logMaxSize = config.logMaxSize
        launch.logMaxFiles = config.logMaxFiles
        launch.resources = spec.resources
        launch.leftoverGrace = min(spec.stop.grace, .seconds(2))
        launch.sockets = spec.ports.filter(\.passSocket).map {
            ShimLaunch.Socket(
                name: $0.name.rawValue,
                host: $0.host,
                port: $0.port,
                isUDP: $0.transport == .udp
            )
        }
        launch.mounts = try attach(instance.volumes, directory, user, isOther: launch.user != nil)
        return launch
    }

    private func user(_ spec: DeploymentSpec) throws -> HostUser {
        guard let name = spec.user else { return .current }
        guard let user = HostUser(name) else {
            throw Failure.permanent(.userMissing, "there is no user \(name) on this host; create it")
        }
        return user
    }

    private func workingDirectory(_ spec: DeploymentSpec, _ place: ShimPlace) throws -> String {
        if spec.workingDirectory.hasPrefix("/") { return spec.workingDirectory }
        guard let relative = containedPath(spec.workingDirectory) else {
            throw Failure.permanent(.invalidSpec, "spec.workingDirectory leads out of the artifact")
        }
        return relative.isEmpty ? place.filesDirectory : "\(place.filesDirectory)/\(relative)"
    }

    /// Our own variables, then the manifest's, which win.
    private func environment(
        _ instance: PreparedInstance,
        _ user: HostUser
    ) -> [(name: String, value: SecretText)] {
        var own: [(String, String)] = [
            ("PATH", options.searchPath.joined(separator: ":")),
            ("HOME", user.home),
            ("USER", user.name),
            ("LOGNAME", user.name),
            ("ERA_NAMESPACE", instance.id.deployment.namespace.rawValue),
            ("ERA_NAME", instance.id.deployment.name.rawValue),
            ("ERA_REVISION", instance.id.revision.description),
        ]
        for port in instance.spec.ports {
            let name = port.name.rawValue.uppercased().map { $0 == "-" ? "_" : $0 }
            own.append(("PORT_" + String(name), String(port.port)))
        }
        let given = Set(instance.environment.map(\.name))
        return own.filter { !given.contains($0.0) }.map { ($0.0, SecretText($0.1)) } + instance.environment
    }

    /// Links each volume, or says how to mount it.
    ///
    /// A link is enough for a relative path; what is absolute, in memory or read-only needs a mount, and so
    /// does a workload of another user, who may not walk to the volume from `/`.
    private func attach(
        _ volumes: [PreparedInstance.Volume],
        _ directory: String,
        _ user: HostUser,
        isOther: Bool
    ) throws -> [ShimLaunch.Mount] {
        var mounts: [ShimLaunch.Mount] = []
        for volume in volumes {
            let isAbsolute = volume.mountPath.hasPrefix("/")
            let canMount = geteuid() == 0
            guard canMount && (isAbsolute || volume.tmpfs != nil || volume.isReadOnly || isOther) else {
                try link(volume, directory)
                continue
            }
            let target = isAbsolute ? volume.mountPath : try mountPoint(volume, directory)
            var mount = ShimLaunch.Mount(
                source: volume.hostPath,
                target: target,
                isReadOnly: volume.isReadOnly
            )
            if let tmpfs = volume.tmpfs {
                let size = tmpfs.sizeLimit.map { ",size=\($0.bytes)" } ?? ""
                mount.source = nil
                mount.options = "mode=0755,uid=\(user.user),gid=\(user.group)\(size)"
            }
            mounts.append(mount)
        }
        return mounts
    }

    private func link(_ volume: PreparedInstance.Volume, _ directory: String) throws {
        guard volume.tmpfs == nil, let path = containedPath(volume.mountPath), !path.isEmpty else {
            throw Failure.permanent(.unsupported, "cannot mount volume \(volume.name): only root can mount")
        }
        let parts = path.split(separator: "/")
        try FileTree.makeDirectories(parts.dropLast().joined(separator: "/"), below: directory)
        try FileTree.link("\(directory)/\(path)", to: volume.hostPath)
    }

    /// Makes the place below the working directory that a volume is mounted on: what the volume is.
    private func mountPoint(_ volume: PreparedInstance.Volume, _ directory: String) throws -> String {
        guard let path = containedPath(volume.mountPath), !path.isEmpty else {
            throw Failure.permanent(
                .invalidSpec,
                "volume \(volume.name): \(volume.mountPath) leads out of the instance"
            )
        }
        let parts = path.split(separator: "/")
        try FileTree.makeDirectories(parts.dropLast().joined(separator: "/"), below: directory)
        let target = "\(directory)/\(path)"
        var source = stat()
        guard volume.tmpfs == nil, stat(volume.hostPath, &source) == 0, source.st_mode & S_IFMT != S_IFDIR
        else {
            try FileTree.makeDirectories(path, below: directory)
            return target
        }
        let file = open(target, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard file >= 0 else { throw failure("make the mount point", target) }
        close(file)
        return target
    }
}
