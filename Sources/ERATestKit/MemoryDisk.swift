public import ERAContracts
public import ERACore
import Synchronization

/// What a simulated machine has on disk for the store: it outlives the process that writes it.
///
/// Keeps the contract of ``RecordStore``: a crash keeps a prefix, and no version is given out twice.
public final class MemoryDisk: Sendable {
    struct Contents: Sendable {
        var journals: [DeploymentKey: [JournalEvent]] = [:]
        var records: [DeploymentKey: StoredRecord] = [:]
        var bootID: String?
    }

    struct State: Sendable {
        var durable = Contents()
        /// Accepted and not yet flushed.
        var pending: [Change] = []
        var version: Int64 = 0
        var notices: [StoredEvent] = []
        var isFull = false
        /// Appends and flushes since the beginning.
        var operations = 0
    }

    enum Change: Sendable {
        case entry(JournalEntry, ResourceVersion)
        case forget(DeploymentKey, uid: String)
    }

    let state = Mutex(State())
    /// Done to what is flushed before it is written: nothing, on an honest disk.
    private let tamper: (@Sendable (inout [Change]) -> Void)?

    public init() { tamper = nil }

    init(tamper: (@Sendable (inout [Change]) -> Void)?) { self.tamper = tamper }

    /// The process ended: what was not flushed is lost, but for the first `kept` changes.
    public func crash(keeping kept: Int) {
        state.withLock { state in
            write(Array(state.pending.prefix(kept)), &state.durable)
            state.pending = []
            state.isFull = false
        }
    }

    /// The database is gone.
    func lose() {
        state.withLock { state in
            state.durable = Contents()
            state.pending = []
        }
    }

    /// Whether writes fail from now on.
    public func setFull(_ isFull: Bool) { state.withLock { $0.isFull = isFull } }

    /// The flush that deferred changes get without being asked for, ``deferralLimit`` after they were made.
    public func flushDeferred() {
        state.withLock { state in
            guard !state.isFull else { return }
            write(state.pending, &state.durable)
            state.pending = []
        }
    }

    public var pendingCount: Int { state.withLock { $0.pending.count } }

    /// Everything that a process that starts now would find.
    public var records: [DeploymentKey: DeploymentRecord] {
        state.withLock { $0.durable.records.mapValues(\.record) }
    }

    /// The same at once, without a copy.
    var contents: Contents { state.withLock { $0.durable } }

    public var journals: [DeploymentKey: [JournalEvent]] { state.withLock { $0.durable.journals } }

    func write(_ changes: [Change], _ contents: inout Contents) {
        var changes = changes
        tamper?(&changes)
        for change in changes {
            switch change {
            case .entry(let entry, let version):
                let key = entry.record.key
                contents.journals[key, default: []].append(entry.event)
                contents.records[key] = StoredRecord(record: entry.record, resourceVersion: version)
            case .forget(let key, let uid):
                // Another deployment of the same name is not meant.
                guard contents.records[key]?.record.uid == uid else { continue }
                contents.journals[key] = nil
                contents.records[key] = nil
            }
        }
    }
}

/// A store on a ``MemoryDisk``.
public struct MemoryStore: RecordStore {
    private let disk: MemoryDisk

    public init(_ disk: MemoryDisk) { self.disk = disk }

    public func load() async throws -> StoredState {
        disk.state.withLock { state in
            StoredState(
                records: state.durable.records.values.sorted { $0.record.key < $1.record.key },
                resourceVersion: ResourceVersion(state.version),
                bootID: state.durable.bootID
            )
        }
    }

    public func append(_ entry: JournalEntry, _ durability: Durability) async throws -> ResourceVersion {
        try disk.state.withLock { state in
            state.operations += 1
            guard !state.isFull else { throw StoreFault.unwritable("no space left on the simulated disk") }
            state.version += 1
            let version = ResourceVersion(state.version)
            state.pending.append(.entry(entry, version))
            if durability == .required {
                disk.write(state.pending, &state.durable)
                state.pending = []
            }
            return version
        }
    }

    public func flush() async throws {
        try disk.state.withLock { state in
            state.operations += 1
            guard !state.isFull else { throw StoreFault.unwritable("no space left on the simulated disk") }
            disk.write(state.pending, &state.durable)
            state.pending = []
        }
    }

    public func recover() async throws { try await flush() }

    public func journal(_ key: DeploymentKey) async throws -> JournalExcerpt {
        disk.state.withLock { JournalExcerpt(base: nil, events: $0.durable.journals[key] ?? []) }
    }

    public func forget(_ key: DeploymentKey, uid: String) async throws -> ResourceVersion {
        try disk.state.withLock { state in
            guard !state.isFull else { throw StoreFault.unwritable("no space left on the simulated disk") }
            state.version += 1
            state.pending.append(.forget(key, uid: uid))
            return ResourceVersion(state.version)
        }
    }

    public func note(_ event: EventNotice) async {
        disk.state.withLock { state in
            state.version += 1
            let version = ResourceVersion(state.version)
            state.notices.append(
                StoredEvent(
                    id: state.version,
                    notice: event,
                    count: 1,
                    lastAt: event.at,
                    resourceVersion: version
                )
            )
            // A simulated week would keep everything.
            if state.notices.count > 1000 { state.notices.removeFirst(500) }
        }
    }

    public func events(_ key: DeploymentKey?) async throws -> [StoredEvent] {
        disk.state.withLock { state in state.notices.filter { key == nil || $0.notice.key == key } }
    }

    public func setBootID(_ id: String) async throws { disk.state.withLock { $0.durable.bootID = id } }
}
