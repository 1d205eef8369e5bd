public import ERAContracts
public import ERACore
internal import ERALinux
internal import ERAOCI
internal import Glibc
internal import Logging

/// Runs OCI images by runc or crun, each container below a shim that outlives the daemon.
public struct ContainerPlugin: RuntimePlugin {
    /// The plugin's own version.
    static let version = SemanticVersion(major: 1, minor: 0, patch: 0)
    /// The version of the handle's payload.
    static let handleVersion = 1

    public let description: PluginDescription
    let host: ShimHost
    let workloads: ShimWorkloads
    let roots: RootStore
    let engines: EngineShelf
    let groups: ContainerGroups
    let networks: ContainerNetworks
    /// Nil where the daemon is root.
    let namespaces: UserNamespaces?
    /// Where it waits for the disk.
    let queue: BlockingQueue
    let removal: TreeRemoval

    /// Makes the plugin; starts nothing, and asks no engine anything.
    ///
    /// - Parameters:
    ///   - unpackProgram: The words of a program that does what `unpacker` does, for ``UnpackRequest``;
    ///     used where the daemon is not root.
    ///   - namespaces: Where containers are of users of their own; nil where the daemon is root.
    public init(
        _ host: ShimHost,
        unpacker: any LayerUnpacker,
        unpackProgram: [String] = [],
        namespaces: UserNamespaces? = nil
    ) {
        self.host = host
        self.namespaces = namespaces
        queue = BlockingQueue(label: "era.containers")
        removal = TreeRemoval(queue: queue, namespaces: namespaces)
        workloads = host.workloads(of: .container)
        roots = RootStore(
            dataDirectory: host.options.dataDirectory,
            unpacker: unpacker,
            unpackProgram: unpackProgram,
            removal: removal
        )
        let engines = EngineShelf(
            searchPath: host.options.searchPath,
            directory: "\(host.options.runDirectory)/containers",
            bootID: host.options.bootID,
            isRootless: namespaces != nil
        )
        self.engines = engines
        groups = ContainerGroups(groups: host.shims.options.groups, isRootless: namespaces != nil)
        networks = ContainerNetworks(host.options, queue: queue)
        let found = ContainerEngine.Name.allCases.compactMap { engines.path($0) }
        description = PluginDescription(
            name: .container,
            version: Self.version,
            capabilities: [.passSocket, .resourceLimits, .user, .volumes, .logs, .execProbe],
            configSchema: ContainerConfig.schema,
            details: host.details.merging(
                [
                    "engines": found.isEmpty ? "none: install runc" : found.joined(separator: ", "),
                    "bridge": networks.bridge,
                ]
            ) { _, own in own }
        )
    }

    public func status(_ id: InstanceID) async throws -> InstanceStatus { try await workloads.status(id) }

    public func instances() async throws -> [InstanceID] { try workloads.instances() }

    public func changes() -> AsyncStream<InstanceID> { workloads.changes() }

    public func logs(_ id: InstanceID, _ request: LogRequest) -> AsyncThrowingStream<[UInt8], any Error> {
        workloads.logs(id, request)
    }

    func place(_ id: InstanceID) -> ContainerPlace {
        let place = workloads.place(id)
        return ContainerPlace(
            instanceDirectory: place.directory,
            name: place.name,
            stateDirectory: engines.stateDirectory
        )
    }

    // MARK: The end

    public func release(_ key: DeploymentKey) async {
        await leaveNetworks(of: key, besides: nil)
        await workloads.release(key)
    }

    public func stop(_ id: InstanceID, _ stop: StopSpec) async throws {
        try await workloads.stop(id, stop)
        // Another plugin's instance may run; ours does not any more.
        guard try await !workloads.status(id).mayHaveProcesses else { return }
        await forget(id)
    }

    public func delete(_ id: InstanceID) async throws {
        if try await workloads.status(id).mayHaveProcesses {
            throw Failure.transient(.pluginFault, "cannot delete \(id) while it runs; stop it first")
        }
        await forget(id)
        let place = place(id)
        // What could not be taken back would never be again: nobody would know of it.
        try await networks.disconnect(place)
        if access(place.directory, F_OK) == 0 {
            try await removal.remove([RootStore.placeName], in: place.instanceDirectory)
        }
        try await workloads.delete(id)
        try await roots.collect()
    }

    /// Removes what the engine remembers of a container that has ended, and the files of its run: what it
    /// wrote, and its configuration with the secrets in it.
    ///
    /// What cannot be removed now is removed before the next start, and with the instance.
    private func forget(_ id: InstanceID) async {
        let place = place(id)
        await leaveNetwork(place)
        do {
            try await removeRemains(place)
            guard access(place.directory, F_OK) == 0 else { return }
            try await clear(place)
        } catch {
            host.options.logger.warning(
                "container not cleaned up",
                metadata: ["instance": "\(id)", "error": "\(error)"]
            )
        }
    }

    /// Removes the files of a run. Nothing may run.
    ///
    /// - Throws: ``Failure``, `CancellationError`.
    func clear(_ place: ContainerPlace) async throws {
        try await removal.remove(ContainerPlace.runNames, in: place.directory)
    }

    /// Removes what an engine remembers of a container that does not run, and with it its control groups.
    ///
    /// - Throws: ``Failure``.
    func removeRemains(_ place: ContainerPlace) async throws {
        guard access(place.statePath, F_OK) == 0 else { return }
        for program in engines.programs(of: place.name) { try await program.delete(place.name) }
    }
}

/// Where a container's files are.
struct ContainerPlace: Sendable {
    let instanceDirectory: String
    /// Of the container, and of its control group.
    let name: String
    /// What the engines remember.
    let stateDirectory: String

    var directory: String { "\(instanceDirectory)/\(RootStore.placeName)" }
    var statePath: String { "\(stateDirectory)/\(name)" }
    /// The image's configuration, as it was installed.
    var imagePath: String { "\(directory)/\(Self.imageName)" }
    /// Where the root file system is mounted, or copied to.
    var rootPath: String { "\(directory)/root" }
    var upperPath: String { "\(directory)/upper" }
    var workPath: String { "\(directory)/work" }
    /// What the engine is given: `config.json`, and files of `/etc`.
    var bundlePath: String { "\(directory)/bundle" }
    var pidPath: String { "\(directory)/pid" }
    /// What the engine says when it cannot start it.
    var logPath: String { "\(directory)/engine.log" }

    static let imageName = "image.json"
    /// What each start makes anew.
    static let runNames = ["root", "upper", "work", "bundle", "pid", "engine.log"]

    /// Makes the directories of a run; what was there before is removed.
    ///
    /// - Throws: ``Failure``.
    func make() throws {
        let folder = try Folder(root: directory)
        for name in ["root", "upper"] {
            // What the container sees as its root directory.
            try folder.make(name).set(owner: nil, mode: 0o755)
        }
        for name in ["work", "bundle"] { _ = try folder.make(name) }
    }
}
