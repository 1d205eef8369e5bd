public import ERAContracts
public import ERACore
public import Logging
internal import Glibc

/// Runs programs of the host, or from an artifact, each below a shim that outlives the daemon.
public struct ProcessPlugin: RuntimePlugin {
    /// What the plugin needs to know of its surroundings.
    public struct Options: Sendable {
        /// Absolute; instances are below `instances/`.
        public var dataDirectory: String
        /// Absolute; control sockets are below `shims/`.
        public var runDirectory: String
        /// The `era-shim` executable.
        public var shimPath: String
        /// Where commands without a slash are looked for; also the PATH of workloads.
        public var searchPath: [String]
        /// Names the boot: the content of `/proc/sys/kernel/random/boot_id`.
        public var bootID: String
        public var unpacker: any ArtifactUnpacker
        /// For waits; tests that do not wait for real give another.
        public var clock: any Clock<Duration>
        public var logger: Logger
        /// Whether to put workloads into cgroups of their own where the host allows.
        public var usesControlGroups: Bool

        public init(
            dataDirectory: String,
            runDirectory: String,
            shimPath: String,
            searchPath: [String],
            bootID: String,
            unpacker: any ArtifactUnpacker,
            clock: any Clock<Duration> = ContinuousClock(),
            logger: Logger,
            usesControlGroups: Bool = true
        ) {
            self.dataDirectory = dataDirectory
            self.runDirectory = runDirectory
            self.shimPath = shimPath
            self.searchPath = searchPath
            self.bootID = bootID
            self.unpacker = unpacker
            self.clock = clock
            self.logger = logger
            self.usesControlGroups = usesControlGroups
        }
    }

    /// The plugin's own version.
    static let version: SemanticVersion = {
        guard let version = try? SemanticVersion("1.0.0") else {  // the text beside it is one
            preconditionFailure("1.0.0 is a semantic version")
        }
        return version
    }()
    /// The version of the handle's payload.
    static let handleVersion = 1

    public let description: PluginDescription
    let options: Options
    let shims: ShimClient

    /// Makes the plugin; starts nothing. Makes the parent cgroup of all workloads where the host allows.
    public init(_ options: Options) {
        self.options = options
        let membership = readSmallFile("/proc/self/cgroup", limit: 65_536) ?? []
        let groups =
            options.usesControlGroups
            ? ControlGroups(membership: String(decoding: membership, as: UTF8.self)) : nil
        shims = ShimClient(
            ShimClient.Options(
                dataDirectory: options.dataDirectory,
                runDirectory: options.runDirectory,
                shimPath: options.shimPath,
                bootID: options.bootID,
                groups: groups,
                clock: options.clock,
                logger: options.logger
            )
        )
        description = PluginDescription(
            name: .process,
            version: Self.version,
            capabilities: [
                .withoutArtifact, .passSocket, .resourceLimits, .user, .volumes, .logs, .execProbe,
            ],
            configSchema: ProcessConfig.schema,
            details: [
                "shim": options.shimPath,
                "cgroup": groups?.root ?? "none: no writable cgroup v2 hierarchy",
            ]
        )
    }

    // MARK: Life

    public func status(_ id: InstanceID) async throws -> InstanceStatus { try await shims.status(id) }

    public func stop(_ id: InstanceID, _ stop: StopSpec) async throws {
        try await shims.stop(id, signal: stop.signal.number, grace: stop.signal == .kill ? .zero : stop.grace)
    }

    public func delete(_ id: InstanceID) async throws {
        let place = shims.place(id)
        guard access(place.directory, F_OK) == 0 else {
            // Only that it is not there says that there is nothing to delete.
            if errno == ENOENT || errno == ENOTDIR { return }
            throw failure("look at", place.directory)
        }
        if try await shims.status(id).mayHaveProcesses {
            throw Failure.transient(.pluginFault, "cannot delete \(id) while it runs; stop it first")
        }
        shims.forget(id)
        try await shims.releaseSockets(ofLast: place)
        // There only where a shim was killed: others remove their own.
        shims.options.groups?.remove(place.name)
        let folder = try Folder(root: place.directory)
        // The shim's last: as long as it is there the instance counts as installed.
        for name in [ShimPlace.logName, ShimPlace.filesName, ShimPlace.shimName] { try folder.remove(name) }
    }

    public func instances() async throws -> [InstanceID] {
        let root = options.dataDirectory
        return try instanceDirectories(below: root).filter { id in
            access("\(root)/instances/\(id)/\(ShimPlace.shimName)", F_OK) == 0
        }
    }

    public func changes() -> AsyncStream<InstanceID> { shims.changes() }

    public func logs(_ id: InstanceID, _ request: LogRequest) -> AsyncThrowingStream<[UInt8], any Error> {
        let reader = LogReader(directory: shims.place(id).logDirectory, request, clock: options.clock)
        return AsyncThrowingStream { try await reader.next() }
    }
}

extension StopSpec.Signal {
    /// The number that Linux has for it.
    var number: Int32 {
        switch self {
        case .term: SIGTERM
        case .int: SIGINT
        case .quit: SIGQUIT
        case .hup: SIGHUP
        case .usr1: SIGUSR1
        case .usr2: SIGUSR2
        case .kill: SIGKILL
        }
    }
}
