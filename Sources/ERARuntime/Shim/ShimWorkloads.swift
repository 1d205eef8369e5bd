internal import ERAContracts
internal import ERACore
internal import ERALinux
internal import Glibc

/// The instances of one plugin below shims; those of others are not there for it.
///
/// A plugin passes its verbs on to this; what it adds is what to run (``install``'s files, a ``ShimLaunch``).
struct ShimWorkloads: Sendable {
    let host: ShimHost
    let plugin: PluginName

    private var shims: ShimClient { host.shims }

    func place(_ id: InstanceID) -> ShimPlace { shims.place(id) }

    // MARK: Life

    /// Notes durably that the instance is installed, and whose it is: the last thing that `install` does.
    ///
    /// - Throws: ``Failure``, also when it is another plugin's.
    func claim(_ id: InstanceID) async throws {
        let place = place(id)
        // Nothing is written twice; and a host without threads to write by may go on with what it has.
        if try shims.isInstalled(place), try shims.owner(place) == plugin { return }
        try await shims.blocking.run { try shims.claim(place, for: plugin) }
    }

    /// Starts the instance; one that runs is left alone.
    ///
    /// - Parameter launch: Made only where there is something to start: what runs keeps its files.
    func start(_ id: InstanceID, _ launch: () throws -> ShimLaunch) async throws {
        // Whoever has the directory, nothing of another plugin's is started.
        try claimed(id)
        if case .running = try await shims.status(id) { return }
        try await shims.start(try launch(), id)
    }

    func status(_ id: InstanceID) async throws -> InstanceStatus {
        guard try isOurs(id) else { return .absent }
        return try await shims.status(id)
    }

    func stop(_ id: InstanceID, _ stop: StopSpec) async throws {
        guard try isOurs(id) else { return }
        try await shims.stop(id, signal: stop.signal.number, grace: stop.signal == .kill ? .zero : stop.grace)
    }

    func release(_ key: DeploymentKey) async {
        // Whose sockets they are does not depend on the revision.
        await shims.releaseSockets(place(InstanceID(key, RevisionNumber(1))))
    }

    func delete(_ id: InstanceID) async throws {
        let place = place(id)
        guard access(place.directory, F_OK) == 0 else {
            // Only that it is not there says that there is nothing to delete.
            if errno == ENOENT || errno == ENOTDIR { return }
            throw failure("look at", place.directory)
        }
        guard try isOurs(id) || !shims.isInstalled(place) else { return }
        if try await shims.status(id).mayHaveProcesses {
            throw Failure.transient(.pluginFault, "cannot delete \(id) while it runs; stop it first")
        }
        shims.forget(id)
        try await shims.releaseSockets(ofLast: place)
        // There only where a shim was killed: others remove their own.
        shims.options.groups?.remove(place.name)
        let folder = try Folder(root: place.directory)
        // The log stays: somebody wants to know why a version failed. It goes with the instance's directory.
        // The shim's last: as long as it is there the instance counts as installed.
        for name in [ShimPlace.filesName, ShimPlace.newShimName, ShimPlace.shimName] {
            try folder.remove(name)
        }
        shims.forgetOwner(id)
    }

    // MARK: What there is

    func instances() throws -> [InstanceID] {
        try instanceDirectories(below: host.options.dataDirectory).filter { try isOurs($0) }
    }

    func changes() -> AsyncStream<InstanceID> { shims.changes(of: plugin) }

    func logs(_ id: InstanceID, _ request: LogRequest) -> AsyncThrowingStream<[UInt8], any Error> {
        let reader = LogReader(directory: place(id).logDirectory, request, clock: host.options.clock)
        return AsyncThrowingStream { try await reader.next() }
    }

    /// Volumes that only the workload's mount namespace has are reached by way of the running workload.
    func probeEnvironment(_ instance: PreparedInstance, _ launch: ShimLaunch) async throws -> ProbeEnvironment
    {
        var directory = launch.workingDirectory
        if !launch.mounts.isEmpty, case .running(let running) = try await status(instance.id),
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

    // MARK: Whose it is

    private func isOurs(_ id: InstanceID) throws -> Bool { try shims.owner(place(id)) == plugin }

    private func claimed(_ id: InstanceID) throws {
        guard let owner = try shims.owner(place(id)), owner != plugin else { return }
        throw place(id).failure(owner: owner, plugin)
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
