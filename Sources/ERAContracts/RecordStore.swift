public import ERACore

/// Where records, their journal and the events that people read are kept, durably.
///
/// Entries become durable in the order in which they were appended: whatever a crash keeps is a prefix.
public protocol RecordStore: Sendable {
    /// Everything the store holds; called once, at start.
    func load() async throws -> StoredState

    /// Appends one fact and the record that it leads to, in one transaction.
    ///
    /// With ``Durability/required`` the call returns when the entry, and everything before it, is on disk;
    /// callers that wait at the same time share one flush. With ``Durability/deferred`` it returns at once,
    /// and the entry goes to disk with the next flush, at most ``deferralLimit`` later.
    /// - Returns: The resource version of the entry: greater than any before it, also across restarts.
    /// - Throws: ``StoreFault``: with `required` the entry did not happen, and is not written later either.
    ///   Nothing after a failed entry is written until ``recover()`` has succeeded.
    func append(_ entry: JournalEntry, _ durability: Durability) async throws -> ResourceVersion

    /// Waits until everything appended so far is on disk.
    func flush() async throws

    /// After a fault: reopens what was lost and writes the entries that were not yet on disk.
    /// - Throws: ``StoreFault`` while the trouble lasts.
    func recover() async throws

    /// The facts of one deployment since `base`, oldest first: replayed upon `base` they give the record.
    func journal(_ key: DeploymentKey) async throws -> JournalExcerpt

    /// Removes a deployment and its journal: its tombstone was collected. Events stay until they expire.
    func forget(_ key: DeploymentKey, uid: String) async throws -> ResourceVersion

    /// Notes something for people. Equal ones are counted, not repeated. Never waits for the disk, never
    /// fails the caller: an event that cannot be written is dropped.
    func note(_ event: EventNotice) async

    /// Events, oldest first; of one deployment where `key` is given.
    func events(_ key: DeploymentKey?) async throws -> [StoredEvent]

    /// Notes in which boot the uptimes of the records are meant.
    func setBootID(_ id: String) async throws
}

/// How long a deferred entry may wait for its flush.
public let deferralLimit = Duration.milliseconds(50)

/// Whether an append waits for the disk: `required` is for what must be known before the next effect.
public enum Durability: Hashable, Sendable {
    case required, deferred
}

/// The position of a change in the order of all changes; monotonic across restarts.
public struct ResourceVersion: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
    public let rawValue: Int64
    public init(_ rawValue: Int64) { self.rawValue = rawValue }
    public init(from decoder: any Decoder) throws { rawValue = try Int64(from: decoder) }
    public func encode(to encoder: any Encoder) throws { try rawValue.encode(to: encoder) }
    public var description: String { String(rawValue) }
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// One append: the fact, and the record after it.
public struct JournalEntry: Equatable, Sendable {
    public var event: JournalEvent
    public var record: DeploymentRecord

    public init(event: JournalEvent, record: DeploymentRecord) {
        self.event = event
        self.record = record
    }
}

/// A piece of journal, and the record that it starts from (nil: from nothing).
public struct JournalExcerpt: Equatable, Sendable {
    public var base: DeploymentRecord?
    public var events: [JournalEvent]

    public init(base: DeploymentRecord?, events: [JournalEvent]) {
        self.base = base
        self.events = events
    }
}

/// What the store held when it was opened.
public struct StoredState: Equatable, Sendable {
    public var records: [StoredRecord]
    /// The greatest resource version given so far.
    public var resourceVersion: ResourceVersion
    /// The boot in which the records' uptimes are meant; nil in a new store.
    public var bootID: String?
    /// The store was found damaged, and this is where the damaged copy lies: nothing may be deleted on the
    /// strength of its absence from the records.
    public var quarantinedCopy: String?

    public init(
        records: [StoredRecord],
        resourceVersion: ResourceVersion,
        bootID: String?,
        quarantinedCopy: String? = nil
    ) {
        self.records = records
        self.resourceVersion = resourceVersion
        self.bootID = bootID
        self.quarantinedCopy = quarantinedCopy
    }
}

/// A record with the version of its last change.
public struct StoredRecord: Equatable, Sendable {
    public var record: DeploymentRecord
    public var resourceVersion: ResourceVersion

    public init(record: DeploymentRecord, resourceVersion: ResourceVersion) {
        self.record = record
        self.resourceVersion = resourceVersion
    }
}

/// Something worth telling people about a deployment, as Kubernetes' events do.
public struct EventNotice: Hashable, Sendable, Codable {
    public enum Kind: String, Hashable, Sendable, Codable {
        case normal = "Normal"
        case warning = "Warning"
    }

    public var key: DeploymentKey
    public var uid: String
    public var kind: Kind
    /// One CamelCase word.
    public var reason: String
    public var message: String
    public var at: WallTime

    public init(key: DeploymentKey, uid: String, kind: Kind, reason: String, message: String, at: WallTime) {
        self.key = key
        self.uid = uid
        self.kind = kind
        self.reason = reason
        self.message = message
        self.at = at
    }
}

/// A noticed event, with how often and when.
public struct StoredEvent: Hashable, Sendable, Codable {
    /// Unique in the store.
    public var id: Int64
    /// The first of its kind; `at` is the first time.
    public var notice: EventNotice
    public var count: Int
    public var lastAt: WallTime
    public var resourceVersion: ResourceVersion

    public init(
        id: Int64,
        notice: EventNotice,
        count: Int,
        lastAt: WallTime,
        resourceVersion: ResourceVersion
    ) {
        self.id = id
        self.notice = notice
        self.count = count
        self.lastAt = lastAt
        self.resourceVersion = resourceVersion
    }
}

/// The store cannot do its work.
public enum StoreFault: Error, Equatable, Sendable, CustomStringConvertible {
    /// Another process holds the data directory.
    case locked(holder: Int32?)
    /// The database was written by a newer ERA; it is left untouched.
    case newerSchema(found: String)
    /// No space, read-only, an input/output error: nothing is written until it is mended.
    case unwritable(String)
    /// Anything else.
    case broken(String)

    public var description: String {
        switch self {
        case .locked(let holder):
            "the data directory is in use by another era process\(holder.map { " (PID \($0))" } ?? "")"
        case .newerSchema(let found):
            "the database was written by a newer version of era (migration \(found)); "
                + "it is untouched: start that version"
        case .unwritable(let why): "the database cannot be written: \(why)"
        case .broken(let why): "the database does not work: \(why)"
        }
    }
}
