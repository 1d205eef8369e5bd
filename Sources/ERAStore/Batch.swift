import ERAContracts
import ERACore

/// What one transaction writes.
struct Batch: Sendable {
    enum Operation: Sendable {
        case write(RecordWrite)
        case forget(DeploymentKey, uid: String)
        case boot(String)
    }

    /// In the order in which they were asked for; entries of one deployment are one write.
    var operations: [Operation] = []
    var events: [StoredEvent] = []
    /// The greatest resource version that may be given out once this batch is on disk; nil: as before.
    var reserved: Int64?

    var isEmpty: Bool { operations.isEmpty && events.isEmpty && reserved == nil }
}

/// The journal rows of one deployment in a batch, and the record that they lead to.
struct RecordWrite: Sendable {
    var record: DeploymentRecord
    var version: ResourceVersion
    var rows: [Row] = []
    /// What the tables hold of the deployment before; nil when it is new.
    var before: WrittenRecord?

    struct Row: Sendable {
        var seq: ResourceVersion
        var uid: String
        var event: JournalEvent
    }

    /// Another deployment of the same name: its revisions count from 1 again.
    var isSuccessor: Bool { before.map { $0.uid != record.uid } ?? false }

    /// Whether the declaration must be written.
    var needsDeclaration: Bool { isSuccessor || before?.declaration != record.declaration }

    /// The revisions that must be written.
    var newRevisions: [Revision] {
        let known = isSuccessor ? [] : before?.revisions ?? []
        return record.revisions.values.filter { !known.contains($0.number) }
    }

    /// The revisions whose rows must go.
    var goneRevisions: [RevisionNumber] {
        guard let before else { return [] }
        return before.revisions.filter { isSuccessor || record.revisions[$0] == nil }
    }

    var after: WrittenRecord {
        WrittenRecord(
            uid: record.uid,
            declaration: record.declaration,
            revisions: Set(record.revisions.keys),
            journalEntries: (before?.journalEntries ?? 0) + rows.count
        )
    }
}

/// What the tables hold of a deployment, as far as it saves writing it again.
struct WrittenRecord: Equatable, Sendable {
    var uid: String
    var declaration: Declaration
    var revisions: Set<RevisionNumber>
    var journalEntries: Int
}

/// Puts changes together for one transaction.
struct BatchBuilder {
    /// What the tables hold once the batch is on disk.
    private(set) var written: [DeploymentKey: WrittenRecord]
    private(set) var batch = Batch()
    /// Where in `batch.operations` the write of a deployment stands that can still grow.
    private var open: [DeploymentKey: Int] = [:]

    init(written: [DeploymentKey: WrittenRecord]) { self.written = written }

    mutating func add(_ change: StoreChange, _ version: ResourceVersion) {
        switch change {
        case .entry(let entry): add(entry, version)
        case .forget(let key, let uid):
            open[key] = nil
            batch.operations.append(.forget(key, uid: uid))
            if written[key]?.uid == uid { written[key] = nil }
        case .boot(let id): batch.operations.append(.boot(id))
        case .marker: break
        }
    }

    private mutating func add(_ entry: JournalEntry, _ version: ResourceVersion) {
        let key = entry.record.key
        let index = open[key] ?? batch.operations.endIndex
        var write = RecordWrite(record: entry.record, version: version, before: written[key])
        if index < batch.operations.endIndex, case .write(let earlier) = batch.operations[index] {
            write.rows = earlier.rows
            write.before = earlier.before
        }
        write.rows.append(RecordWrite.Row(seq: version, uid: entry.record.uid, event: entry.event))
        if index < batch.operations.endIndex {
            batch.operations[index] = .write(write)
        } else {
            batch.operations.append(.write(write))
        }
        open[key] = index
        written[key] = write.after
    }

    mutating func add(_ events: [StoredEvent]) { batch.events = events }
    mutating func reserve(_ version: Int64?) { batch.reserved = version }
}

/// One change on its way to the disk.
enum StoreChange: Sendable {
    case entry(JournalEntry)
    case forget(DeploymentKey, uid: String)
    case boot(String)
    /// Nothing: for whoever waits for what stands before it.
    case marker
}
