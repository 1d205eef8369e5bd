public import ERAContracts
public import ERACore
import GRDB

/// Records, journal and events in one SQLite database, `<data>/era.db`.
///
/// Changes are put in a queue and written by one flush at a time: whoever waits while one is under way shares
/// the next. One append at a time for a deployment: an entry builds on the record before it.
///
/// An append that throws did not happen: its entry is not written later either, and where the disk turns out
/// to have it nevertheless, ``recover()`` takes it back. Deferred entries, whose callers were told that all
/// is well, are kept and written by ``recover()``. A caller that cancels waits all the same, since its entry
/// is in the order already; only while it waits for room in the queue it gets `CancellationError`.
public actor SQLiteRecordStore: RecordStore {
    /// What the store has done since it was opened.
    public struct Statistics: Equatable, Sendable {
        /// Transactions, each with one flush of the disk.
        public var commits = 0
        /// Journal entries that are on disk.
        public var entries = 0
        /// Events that were dropped because the disk did not take them in time.
        public var droppedEvents = 0
    }

    enum Condition {
        case open
        case faulted(StoreFault)
        case closed
    }

    /// A change that waits for the disk, and who waits for it.
    struct PendingChange {
        var version: ResourceVersion
        var change: StoreChange
        /// Nil: nobody; the change was accepted.
        var waiter: CheckedContinuation<Void, any Error>?
    }

    let options: StoreOptions
    let directory: DataDirectory
    let disk = DiskQueue()
    var lock: DirectoryLock?
    var connection: Connection
    var condition = Condition.open
    var counters = Statistics()

    /// What `load` has not handed over yet.
    private var unclaimed: StoredState?
    private let quarantinedCopy: String?
    /// What the tables hold.
    var written: [DeploymentKey: WrittenRecord]
    /// The greatest version given out.
    var lastVersion: Int64
    /// The greatest version of a change that is on disk.
    var durableVersion: Int64
    /// Versions up to here are never given out again by whoever opens the store next.
    var reservedVersion: Int64

    var queue: [PendingChange] = []
    var inFlight: [PendingChange] = []
    var eventLog = EventLog()
    /// Somebody waits in `queue`, or a deferral is over.
    var isFlushDue = false
    var flushTask: Task<Void, Never>?
    var deferralTask: Task<Void, Never>?
    var recoveryTask: Task<Void, any Error>?
    private var roomWaiters: [CheckedContinuation<Void, Never>] = []

    /// Opens the store of a data directory, which is made if need be; waits for the disk.
    ///
    /// A damaged database is moved aside, a new one begun, and ``StoredState/quarantinedCopy`` set, at this
    /// and each later start until the operator removes the copy. The same where the database is missing
    /// although the directory has instances or volumes.
    /// - Throws: ``StoreFault``: `locked` by another process; `newerSchema`,
    ///   with nothing touched; `unwritable`.
    public static func open(
        dataDirectory: String,
        options: StoreOptions = StoreOptions()
    ) throws(StoreFault) -> SQLiteRecordStore {
        let directory = DataDirectory(path: dataDirectory)
        return SQLiteRecordStore(directory, options, try StoreOpening(directory, options))
    }

    private init(_ directory: DataDirectory, _ options: StoreOptions, _ opening: StoreOpening) {
        self.directory = directory
        self.options = options
        lock = opening.lock
        connection = opening.connection
        written = opening.contents.written
        lastVersion = opening.lastVersion
        durableVersion = opening.lastVersion
        reservedVersion = opening.reservedVersion
        if let fault = opening.fault { condition = .faulted(fault) }
        quarantinedCopy = opening.quarantinedCopy
        unclaimed = StoredState(
            records: opening.contents.records,
            resourceVersion: ResourceVersion(opening.lastVersion),
            bootID: opening.contents.bootID,
            quarantinedCopy: opening.quarantinedCopy
        )
    }

    /// What the store has done since it was opened.
    public var statistics: Statistics {
        var statistics = counters
        statistics.droppedEvents = eventLog.dropped
        return statistics
    }

    // MARK: RecordStore

    public func load() async throws -> StoredState {
        if let state = unclaimed {
            unclaimed = nil
            return state
        }
        try await flush()
        let connection = connection
        let contents = try await disk.run { try connection.read(RecordReader.contents) }
        return StoredState(
            records: contents.records,
            resourceVersion: ResourceVersion(lastVersion),
            bootID: contents.bootID,
            quarantinedCopy: quarantinedCopy
        )
    }

    public func append(_ entry: JournalEntry, _ durability: Durability) async throws -> ResourceVersion {
        try await waitForRoom()
        return switch durability {
        case .required: try await enqueueAndWait(.entry(entry))
        case .deferred: enqueue(.entry(entry))
        }
    }

    public func flush() async throws {
        try ensureOpen()
        guard !queue.isEmpty || !inFlight.isEmpty else { return }
        try await wait(for: .marker, ResourceVersion(lastVersion))
    }

    /// Likewise, and until the events noted so far are on disk.
    func flushWithEvents() async throws {
        try ensureOpen()
        try await wait(for: .marker, ResourceVersion(lastVersion))
    }

    public func forget(_ key: DeploymentKey, uid: String) async throws -> ResourceVersion {
        try await waitForRoom()
        return try await enqueueAndWait(.forget(key, uid: uid))
    }

    public func setBootID(_ id: String) async throws {
        try await waitForRoom()
        _ = try await enqueueAndWait(.boot(id))
    }

    public func note(_ event: EventNotice) async {
        if case .closed = condition { return }
        eventLog.note(event) {
            // None is left only when the disk is stuck.
            guard lastVersion < reservedVersion else { return nil }
            lastVersion += 1
            return ResourceVersion(lastVersion)
        }
        armDeferral()
    }

    public func events(_ key: DeploymentKey?) async throws -> [StoredEvent] {
        if case .closed = condition { try ensureOpen() }
        // Taken before the read: what is committed meanwhile is then found in one place or the other.
        let pending = eventLog.pending.filter { key == nil || $0.notice.key == key }
        let connection = connection
        let stored = try await disk.run { try connection.read { try EventRows.read(key, $0) } }
        let newest = Dictionary((stored + pending).map { ($0.id, $0) }) {
            $0.resourceVersion < $1.resourceVersion ? $1 : $0
        }
        return newest.values.sorted { $0.resourceVersion < $1.resourceVersion }
    }

    public func journal(_ key: DeploymentKey) async throws -> JournalExcerpt {
        switch condition {
        case .open: try await flush()
        case .faulted: break  // Reading goes on; what is kept for recovery is added below.
        case .closed: try ensureOpen()
        }
        let kept: [JournalEvent] = queue.compactMap { pending in
            guard case .entry(let entry) = pending.change, entry.record.key == key,
                pending.waiter == nil, case .faulted = condition
            else { return nil }
            return entry.event
        }
        let connection = connection
        var excerpt = try await disk.run {
            try connection.read { try JournalRows.excerpt(key.description, $0).excerpt }
        }
        excerpt.events += kept
        return excerpt
    }

    /// Writes what is still to be written, and gives up database and lock. Anything later fails.
    public func close() async {
        if case .open = condition {
            // What cannot be written now is lost as in a crash, which the next start copes with.
            try? await flushWithEvents()
        }
        condition = .closed
        deferralTask?.cancel()
        await flushTask?.value
        _ = await recoveryTask?.result
        failWaiters(.broken("the store is closed"))
        let (connection, reserved) = (connection, Int64(lastVersion))
        let options = options
        // Likewise: then the next start skips some versions.
        _ = try? await disk.run {
            defer { connection.close() }
            try connection.write(Batch(reserved: reserved), options: options)
        }
        lock = nil
    }

    // MARK: The queue

    /// - Throws: ``StoreFault``: what is wrong with the store.
    func ensureOpen() throws(StoreFault) {
        switch condition {
        case .open: return
        case .faulted(let fault): throw fault
        case .closed: throw .broken("the store is closed")
        }
    }

    /// Returns when the queue has room and a resource version may be given out.
    private func waitForRoom() async throws {
        while true {
            try ensureOpen()
            if queue.count < pendingChangesLimit, lastVersion < reservedVersion { return }
            try Task.checkCancellation()
            isFlushDue = true
            kick()
            await withCheckedContinuation { roomWaiters.append($0) }
        }
    }

    func admitRoomWaiters() {
        let waiters = roomWaiters
        roomWaiters = []
        for waiter in waiters { waiter.resume() }
    }

    private func nextVersion() -> ResourceVersion {
        unclaimed = nil
        lastVersion += 1
        return ResourceVersion(lastVersion)
    }

    private func enqueue(_ change: StoreChange) -> ResourceVersion {
        let version = nextVersion()
        queue.append(PendingChange(version: version, change: change))
        armDeferral()
        return version
    }

    private func enqueueAndWait(_ change: StoreChange) async throws -> ResourceVersion {
        let version = nextVersion()
        try await wait(for: change, version)
        return version
    }

    private func wait(for change: StoreChange, _ version: ResourceVersion) async throws {
        try await withCheckedThrowingContinuation { waiter in
            queue.append(PendingChange(version: version, change: change, waiter: waiter))
            isFlushDue = true
            kick()
        }
    }
}
