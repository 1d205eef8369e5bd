public import ERAContracts
public import ERACore
internal import ERALinux
internal import Glibc

extension Failure.Code {
    /// What was to run is no module, or none that runs here.
    static let moduleRefused = Self(rawValue: "ModuleRefused")
}

extension WasmPlugin {
    /// How long the engine may take to compile a module beforehand.
    static let compileLimit = Duration.seconds(300)
    /// A larger file is no module that ERA runs.
    static let moduleSizeLimit = 1 << 30
    /// Where absolute mount paths are on the host, below the unpacked files.
    static let volumesName = ".era-volumes"
    /// Where the precompiled module is, under the module's own name, below the unpacked files.
    static let compiledName = ".era-compiled"
    /// Where modules are read.
    private static let reading = BlockingQueue(label: "era.wasm")

    public func stage(
        _ instance: PreparedInstance,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws { try await workloads.makeFiles(instance, progress: progress) }

    public func install(
        _ instance: PreparedInstance,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> InstanceHandle {
        let spec = instance.spec
        let config = WasmConfig.parse(spec.runtime.config).config
        let engine = try await engines.find(config.engine)
        // Another may have come since Validating.
        if let problem = engine.problems(spec).first {
            throw Failure.permanent(.unsupported, "\(problem.field): \(problem.message)")
        }
        try await workloads.makeFiles(instance, progress: progress)
        let files = workloads.place(instance.id).filesDirectory
        let searchPath = host.options.searchPath
        let file = try await Self.reading.run {
            let file = try WasmFile(instance, files: files, searchPath: searchPath)
            try file.check(for: engine, memoryLimit: spec.resources.memory)
            try file.requireDirectories(config.files)
            return file
        }
        var handle = WasmHandle(engine: engine, module: file.name)
        if engine.canPrecompile {
            handle.precompiled = try await file.precompile(engine, searchPath: searchPath)
        }
        _ = try launch(instance, handle)
        try await workloads.claim(instance.id)
        return handle.handle
    }

    public func start(_ instance: PreparedInstance, handle: InstanceHandle) async throws {
        let handle = try WasmHandle(handle, of: instance.id)
        try await workloads.start(instance.id) { try launch(instance, handle) }
    }

    public func probeEnvironment(_ instance: PreparedInstance) async throws -> ProbeEnvironment {
        try await workloads.probeEnvironment(instance, try surroundings(instance).launch)
    }

    /// The engine that the module was installed for, told to run it.
    private func launch(_ instance: PreparedInstance, _ handle: WasmHandle) throws -> ShimLaunch {
        var handle = handle
        let identity = WasmEngines.identity(handle.engine.path)
        guard let identity else {
            throw Failure.permanent(
                .commandMissing,
                "\(handle.engine.shown), with which \(instance.id) was installed, is no more at "
                    + "\(handle.engine.path); install it there again, or change spec.version to use another"
            )
        }
        // Another version cannot use what this one compiled, and compiles it when it starts.
        if identity != handle.engine.identity { handle.precompiled = nil }
        var (launch, directories) = try surroundings(instance)
        let own = workloads.identity(instance)
        let given = Set(instance.environment.map(\.name))
        launch.executable = handle.engine.path
        launch.arguments = handle.engine.arguments(
            WasmEngine.Run(
                module: handle.module,
                precompiled: handle.precompiled,
                arguments: Array(instance.spec.command.dropFirst()) + instance.spec.args,
                variables: own.filter { !given.contains($0.name) }.map { ($0.name, SecretText($0.value)) }
                    + instance.environment,
                directories: directories,
                memoryLimit: instance.spec.resources.memory
            )
        )
        return launch
    }

    /// Everything but the engine: who runs where, and the directories in place.
    private func surroundings(
        _ instance: PreparedInstance
    ) throws -> (launch: ShimLaunch, directories: [(host: String, guest: String)]) {
        var placed = instance
        var directories: [(host: String, guest: String)] = []
        for (index, volume) in instance.volumes.enumerated() {
            let guest = volume.mountPath
            if guest.hasPrefix("/") { placed.volumes[index].mountPath = "\(Self.volumesName)/\(volume.name)" }
            directories.append((placed.volumes[index].mountPath, guest))
            var status = stat()
            guard volume.tmpfs != nil || stat(volume.hostPath, &status) == 0 else {
                throw failure("look at volume \(volume.name) at", volume.hostPath)
            }
            guard volume.tmpfs != nil || status.st_mode & S_IFMT == S_IFDIR else {
                throw Failure.permanent(
                    .unsupported,
                    "volume \(volume.name) is no directory, and a module is given directories only"
                )
            }
        }
        let config = WasmConfig.parse(instance.spec.runtime.config).config
        var launch = try workloads.launch(placed, executable: "", arguments: [], config: config.workload)
        // First, so that a volume may lie below one of them.
        launch.mounts = readOnlyMounts(config.files, in: launch.workingDirectory)
        launch.mounts += try workloads.attach(placed, launch.workingDirectory)
        return (launch, config.files.map { ($0, $0) } + directories)
    }

    /// Mounts that keep the module from changing the artifact's files; none where only root could mount.
    private func readOnlyMounts(_ paths: [String], in directory: String) -> [ShimLaunch.Mount] {
        guard geteuid() == 0 else { return [] }
        return paths.map { path in
            let place = "\(directory)/\(path)"
            return ShimLaunch.Mount(source: place, target: place, isReadOnly: true)
        }
    }
}
