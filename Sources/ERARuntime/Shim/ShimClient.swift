internal import CLinux
internal import Dispatch
internal import ERAContracts
internal import ERACore
internal import ERALinux
internal import Glibc
internal import Logging
internal import Synchronization

/// Starts, finds, asks and stops shims: what the plugins whose workloads are processes of the host share.
///
/// A class because it owns the connections. It remembers nothing that it could not find again: who asks a new
/// client about an instance gets the same answer.
final class ShimClient: Sendable {
    /// How long a shim may take to answer.
    static let answerLimit = Duration.seconds(5)
    /// How long from fork to exec, mounts included.
    static let launchLimit = Duration.seconds(15)
    /// What a stop may take beyond its grace: the shim's own limit for the kill, and some time to tell.
    static let killLimit = Duration.seconds(6)
    /// Hints that wait for a slow listener; beyond that the oldest go, and the next full pass finds out.
    static let hintLimit = 65_536

    struct Options: Sendable {
        var dataDirectory: String
        var runDirectory: String
        var shimPath: String
        var bootID: String
        var groups: ControlGroups?
        var clock: any Clock<Duration>
        var logger: Logger
    }

    let options: Options
    let queue = DispatchQueue(label: "era.shims")
    /// For what waits for the disk.
    let blocking = BlockingQueue(label: "era.shims.files")
    let census = ProcessCensus()
    private let links = Mutex<[InstanceID: ShimLink]>([:])
    private let orphans = Mutex<[InstanceID: ExitWatch]>([:])
    private let owners = Mutex<[InstanceID: PluginName]>([:])
    private let listeners = Mutex<[Int: Listener]>([:])

    private struct Listener: Sendable {
        var plugin: PluginName
        var continuation: AsyncStream<InstanceID>.Continuation
    }

    init(_ options: Options) { self.options = options }

    func place(_ id: InstanceID) -> ShimPlace {
        ShimPlace(id, dataDirectory: options.dataDirectory, runDirectory: options.runDirectory)
    }

    // MARK: Hints

    /// Yields an instance of a plugin whenever its shim said something.
    func changes(of plugin: PluginName) -> AsyncStream<InstanceID> {
        AsyncStream(bufferingPolicy: .bufferingNewest(Self.hintLimit)) { continuation in
            let number = listeners.withLock { listeners in
                let number = (listeners.keys.max() ?? 0) + 1
                listeners[number] = Listener(plugin: plugin, continuation: continuation)
                return number
            }
            continuation.onTermination = { [weak self] _ in
                self?.listeners.withLock { $0[number] = nil }
            }
        }
    }

    private func hint(_ id: InstanceID) {
        let listeners = listeners.withLock { Array($0.values) }
        // Where it cannot be told whose it is all are told: to look once more harms nobody.
        let owner = try? owner(place(id))
        for listener in listeners where owner == nil || listener.plugin == owner {
            listener.continuation.yield(id)
        }
    }

    // MARK: Owners

    /// The plugin that has an instance, as far as it was asked for before: it never becomes another.
    func knownOwner(_ id: InstanceID) -> PluginName? { owners.withLock { $0[id] } }

    func rememberOwner(_ plugin: PluginName, _ id: InstanceID) { owners.withLock { $0[id] = plugin } }

    /// For an instance that is no more.
    func forgetOwner(_ id: InstanceID) { owners.withLock { $0[id] = nil } }

    // MARK: Connections

    /// The live connection to an instance's shim, if there is one now.
    func existingLink(_ id: InstanceID) -> ShimLink? {
        links.withLock { links in
            guard let link = links[id] else { return nil }
            if !link.snapshot.isClosed { return link }
            links[id] = nil
            return nil
        }
    }

    /// Takes over a connected socket.
    func adopt(_ descriptor: Int32, _ id: InstanceID) -> ShimLink {
        let link = ShimLink(descriptor: descriptor, queue: queue) { [weak self] in self?.hint(id) }
        links.withLock { $0[id] = link }
        orphans.withLock { $0[id] = nil }
        return link
    }

    /// Connects to the shim of an instance and asks it to tell of changes.
    ///
    /// - Returns: Nil when nobody listens there.
    /// - Throws: ``Failure`` when it listens and does not answer, or answers nonsense.
    func connect(_ place: ShimPlace) async throws -> ShimLink? {
        if let link = existingLink(place.instance) { return link }
        let descriptor = era_spawn_connect(place.runDirectory, place.name)
        guard descriptor >= 0 else {
            if errno == EAGAIN { throw hung(place) }
            return nil
        }
        let link = adopt(descriptor, place.instance)
        guard let answer = await link.ask("watch", within: Self.answerLimit) else {
            forget(place.instance)
            try Task.checkCancellation()
            throw hung(place)
        }
        if answer.isClosed, answer.record == nil {
            forget(place.instance)
            return nil
        }
        return link
    }

    /// Drops what is remembered of an instance.
    func forget(_ id: InstanceID) {
        links.withLock { $0.removeValue(forKey: id) }?.disconnect()
        orphans.withLock { $0[id] = nil }
    }

    /// Tells of the end of a workload that has no shim any more.
    func watchOrphan(_ process: ProcessIdentity, _ id: InstanceID) {
        orphans.withLock { orphans in
            guard orphans[id] == nil else { return }
            orphans[id] = ExitWatch(process, queue: queue) { [weak self] in self?.hint(id) }
        }
    }

    func hung(_ place: ShimPlace) -> Failure {
        .transient(
            .timeout,
            "asked the supervisor of \(place.instance) how it is, and got no answer within "
                + "\(Self.answerLimit.components.seconds) s; if it stays so, end the process that the file "
                + "\(place.statePath) names as shim"
        )
    }

    /// What marks the processes of an instance when nobody supervises them.
    func sweep(_ place: ShimPlace, workload: ProcessIdentity?, shim: ProcessIdentity? = nil) -> StraySweep {
        StraySweep(
            marker: place.name,
            workload: workload,
            shim: shim,
            groups: options.groups,
            groupName: place.name,
            census: census,
            clock: options.clock
        )
    }
}
