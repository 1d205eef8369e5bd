public import ERAContracts
public import ERACore
internal import ERALinux
internal import ERAManifest
internal import ERAOCI
internal import Glibc

extension ContainerPlugin {
    public func stage(
        _ instance: PreparedInstance,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws { _ = try await unpack(instance, progress: progress) }

    public func install(
        _ instance: PreparedInstance,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> InstanceHandle {
        let name = try await unpack(instance, progress: progress)
        try await workloads.claim(instance.id)
        return InstanceHandle(version: Self.handleVersion, payload: .object(["rootfs": .string(name)]))
    }

    /// Makes the image's root file system where it is not there yet, and checks what is to run in it.
    ///
    /// - Returns: Its name.
    private func unpack(
        _ instance: PreparedInstance,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> String {
        guard let artifact = instance.artifact else {
            throw Failure.permanent(
                .invalidSpec,
                "a container needs an image: say spec.artifact.source: oci://…"
            )
        }
        let image = try await queue.run { try StoredImage(artifact) }
        // One mapping for all of it: the host's files may change meanwhile.
        let namespace = try await namespaces?.required()
        let name = try await roots.use(
            image.layers,
            by: instance.directory,
            in: namespace,
            progress: progress
        )
        try await queue.run {
            try Folder(root: place(instance.id).directory).replace(
                ContainerPlace.imageName,
                with: image.configText,
                owner: nil,
                mode: 0o600
            )
            // What is wrong with command or user is found out before anything is stopped for it.
            _ = try words(instance, image.config, root: roots.path(name), in: namespace)
        }
        return name
    }

    public func start(_ instance: PreparedInstance, handle: InstanceHandle) async throws {
        guard handle.version <= Self.handleVersion else {
            throw Failure.permanent(
                .unsupported,
                "\(instance.id) was installed by a newer ERA (handle version \(handle.version)); use that"
            )
        }
        // The files of what runs are left alone.
        guard try await !workloads.status(instance.id).mayHaveProcesses else { return }
        let config = ContainerConfig.parse(instance.spec.runtime.config).config
        let program: EngineProgram
        do throws(EngineMissing) {
            program = try await engines.find(config.engine, groups)
        } catch {
            throw Failure.permanent(.unsupported, error.message)
        }
        let place = place(instance.id)
        var attachment: NetworkAttachment?
        var reserved: ReservedPorts?
        // Until the container is in its network nobody else keeps that; and nobody gets its ports before it
        // is taken back.
        defer { withExtendedLifetime((attachment, reserved)) {} }
        do {
            let prepared = try await whileUnsupervised(instance.id) {
                try await queue.run { try engines.forgetOtherBoots() }
                try await removeRemains(place)
                try await networks.disconnect(place)
                await leaveNetworks(of: instance.id.deployment, besides: instance.id)
                reserved = try await reserve(instance, config)
                attachment = try await connect(instance, config)
                var launch = try await prepare(instance, config, program, attachment)
                launch.reserved = reserved
                return launch
            }
            guard let launch = prepared else { return }
            do {
                try await workloads.start(instance.id) { launch }
            } catch let failure as Failure where failure.code == .startFailed {
                throw explained(failure, program, place)
            }
        } catch {
            if attachment != nil { await forgetNetwork(instance.id) }
            throw error
        }
    }

    /// Does something while no shim has the instance.
    ///
    /// - Returns: Nil, and nothing is done, where it runs after all.
    /// - Throws: ``Failure``.
    func whileUnsupervised<Value>(
        _ id: InstanceID,
        _ body: () async throws -> Value
    ) async throws -> Value? {
        guard let lock = try await host.shims.takeLock(workloads.place(id)) else { return nil }
        defer { close(lock) }
        return try await body()
    }

    // MARK: What is started

    /// Makes the files of a run, and says how to start it.
    private func prepare(
        _ instance: PreparedInstance,
        _ config: ContainerConfig,
        _ program: EngineProgram,
        _ attachment: NetworkAttachment?
    ) async throws -> ShimLaunch {
        let place = place(instance.id)
        let namespace = try await namespaces?.required()
        let lower = try await queue.run { try root(of: instance) }
        let image = try await queue.run { try installedImage(place) }
        try await clear(place)
        try await queue.run { try place.make() }
        var launch = launch(instance.spec, config, program, place)
        if let namespace {
            try await enter(namespace, &launch, lower, place)
        } else if let overlay = try await queue.run({ try overlay(lower, place) }) {
            launch.mounts = [overlay]
        } else {
            try await copy(lower, to: place.rootPath)
        }
        let words = try await queue.run { try self.words(instance, image, root: lower, in: namespace) }
        for volume in instance.volumes {
            if let namespace {
                try await give(volume, of: instance.spec, to: words.user, in: namespace)
            } else {
                try await queue.run { try give(volume, of: instance.spec, to: words.user) }
            }
        }
        let restrictions = try await queue.run {
            try writeBundle(instance, config, words, place, attachment, namespace)
        }
        launch.launcher = ShimLaunch.Launcher(
            pidFile: place.pidPath,
            restrictions: restrictions,
            gainsPrivileges: namespace != nil
        )
        return launch
    }

    private func launch(
        _ spec: DeploymentSpec,
        _ config: ContainerConfig,
        _ program: EngineProgram,
        _ place: ContainerPlace
    ) -> ShimLaunch {
        var launch = ShimLaunch(
            executable: program.tool.path,
            arguments: [program.tool.path] + program.prefix + [
                "--log", place.logPath, "--log-format", "json", "run", "--detach", "--pid-file",
                place.pidPath,
                "--bundle", place.bundlePath, place.name,
            ],
            environment: [("PATH", SecretText(host.options.searchPath.joined(separator: ":")))],
            workingDirectory: "/"
        )
        // The engine needs all that it can get; the container's own are in its configuration.
        launch.capabilities = .max
        launch.sockets = ShimWorkloads.sockets(spec)
        launch.logMaxSize = config.workload.logMaxSize
        launch.logMaxFiles = config.workload.logMaxFiles
        launch.leftoverGrace = min(spec.stop.grace, .seconds(2))
        return launch
    }

    /// The root file system that was unpacked when the instance was installed.
    private func root(of instance: PreparedInstance) throws -> String {
        guard let name = try roots.pinned(by: instance.directory), access(roots.path(name), F_OK) == 0 else {
            throw Failure.permanent(
                .startFailed,
                "the unpacked image of \(instance.id) is not in \(roots.directory); change spec.version, to have "
                    + "it unpacked anew"
            )
        }
        return roots.path(name)
    }

    private func installedImage(_ place: ContainerPlace) throws -> ImageConfig {
        guard let bytes = readSmallFile(place.imagePath, limit: OCILimits.configSizeLimit) else {
            throw failure("read", place.imagePath)
        }
        do throws(OCIError) {
            return try ImageConfig(bytes)
        } catch {
            throw Failure.permanent(.startFailed, "\(place.imagePath): \(error)")
        }
    }

    /// The mount by which a container writes beside its image; nil where this host cannot.
    private func overlay(_ lower: String, _ place: ContainerPlace) throws -> ShimLaunch.Mount? {
        let options = RootStore.options(lower: lower, upper: place.upperPath, work: place.workPath)
        guard let options, try roots.hasOverlay() else { return nil }
        return ShimLaunch.Mount(source: nil, target: place.rootPath, options: options, isOverlay: true)
    }

    /// Where there is no overlay each run has a copy, with owners, links and attributes.
    private func copy(_ lower: String, to root: String) async throws {
        guard let path = CommandPath(searchPath: host.options.searchPath, files: nil).resolve("cp") else {
            throw Failure.permanent(.unsupported, "there is no cp in the PATH of era daemon")
        }
        let tool = HostTool(path, searchPath: host.options.searchPath)
        let outcome = try await tool.run(["-a", "\(lower)/.", root], within: Self.copyLimit)
        guard outcome.status == .code(0) else {
            throw Failure.transient(.fileSystemError, "cannot copy the image to \(root): \(outcome.lastLine)")
        }
    }

    /// How long the copy of a root file system may take.
    static var copyLimit: Duration { .seconds(600) }

    // MARK: Why not

    /// Says what the engine said of a start that failed.
    private func explained(_ failure: Failure, _ program: EngineProgram, _ place: ContainerPlace) -> Failure {
        let bytes = readSmallFile(place.logPath, limit: 64 << 10) ?? []
        let messages = String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap {
            line -> String? in
            // A line that is none of its records says nothing.
            let record = try? JSONValue(jsonText: Array(line.utf8))
            guard record?["level"]?.string == "error" || record?["level"]?.string == "fatal" else {
                return nil
            }
            return record?["msg"]?.string
        }
        guard let said = messages.last else { return failure }
        let message = "\(program.name.rawValue) cannot start it: \(said.prefix(600))"
        let isMissing =
            ["executable file not found", "no such file or directory", "permission denied"]
            .contains { said.contains($0) } && said.contains("exec")
        return isMissing
            ? .permanent(.commandMissing, message + "; mend spec.command, or the image")
            : Failure(failure.code, message, failure.persistence, retryAfter: failure.retryAfter)
    }
}
