import ERAContracts
import ERACore
import FoundationEssentials
import GRDB
import Synchronization

/// The one connection to the database. Every method waits for the disk: call it on the store's ``DiskQueue``.
struct Connection: Sendable {
    let path: String
    let queue: DatabaseQueue
    private let afterCommit: @Sendable () throws -> Void
    private let gate = ConnectionGate()

    /// Opens the database for writing and brings its tables up to date.
    ///
    /// The file must be there. With exclusive locking the index of the log is in memory: no `-shm` file, and
    /// no other program can come in between.
    ///
    /// - Parameter isForReading: Leaves the log as it is, which no space is needed for: what is there can be
    ///   read, and nothing may be written.
    /// - Throws: SQLite's own error: whoever opens must tell damage from other trouble.
    init(path: String, options: StoreOptions, isForReading: Bool = false) throws {
        self.path = path
        afterCommit = options.afterCommit
        var configuration = Configuration()
        configuration.busyMode = .timeout(busyTimeoutSeconds)
        configuration.prepareDatabase { db in
            try db.execute(
                sql: """
                    PRAGMA locking_mode = EXCLUSIVE;
                    PRAGMA journal_mode = WAL;
                    PRAGMA synchronous = FULL;
                    PRAGMA temp_store = MEMORY;
                    PRAGMA cache_size = -1024;
                    PRAGMA journal_size_limit = 4194304;
                    """
            )
        }
        queue = try DatabaseQueue(path: path, configuration: configuration)
        try Schema.migrator.migrate(queue)
        guard !isForReading else { return }
        // From here on nothing rests on pages that an earlier, failed fsync may have left in the cache only.
        try queue.writeWithoutTransaction { db in
            let isBusy = try Int.fetchOne(db, sql: "PRAGMA wal_checkpoint(TRUNCATE)")
            guard isBusy == 0 else { throw DatabaseError(resultCode: .SQLITE_BUSY) }
        }
    }

    /// Closes the connection; what was committed is moved from the log into
    /// the database, where that can be done.
    func close() {
        gate.close()
        try? queue.close()  // a failure leaves the log, which the next opening reads
    }

    // MARK: Writing

    /// Writes a batch: all of it, or nothing.
    func write(_ batch: Batch, options: StoreOptions) throws(StoreFault) {
        try gate.check(path)
        do {
            let prepared = try PreparedBatch(batch)
            try queue.inTransaction { db in
                try prepared.execute(db)
                try EventRows.write(batch.events, options, db)
                if let reserved = batch.reserved { try Meta.set("reserved", reserved, db) }
                return .commit
            }
            try afterCommit()
        } catch {
            throw StoreFault(error, path: path)
        }
    }

    /// Takes back what stands after `version`: entries whose callers were told that they failed.
    ///
    /// - Returns: The deployments that were touched, as they are now; nil where there is nothing left.
    func undo(after version: ResourceVersion) throws(StoreFault) -> [DeploymentKey: WrittenRecord?] {
        try gate.check(path)
        do {
            var restored: [DeploymentKey: WrittenRecord?] = [:]
            try queue.inTransaction { db in
                restored = try JournalRows.undo(after: version, db)
                return .commit
            }
            return restored
        } catch {
            throw StoreFault(error, path: path)
        }
    }

    /// Folds the oldest entries of a deployment's journal into its base, so that `keep` are left.
    ///
    /// - Returns: The number of entries left.
    func trim(_ key: DeploymentKey, keep: Int) throws(StoreFault) -> Int {
        try gate.check(path)
        do {
            var left = 0
            try queue.inTransaction { db in
                left = try JournalRows.trim(key, keep: keep, db)
                return .commit
            }
            return left
        } catch {
            throw StoreFault(error, path: path)
        }
    }

    // MARK: Reading

    func read<Value>(_ body: (Database) throws -> Value) throws(StoreFault) -> Value {
        try gate.check(path)
        do {
            return try queue.read(body)
        } catch {
            throw StoreFault(error, path: path)
        }
    }
}

/// Whether a connection is open still: SQLite must not be asked after that. A class, since all copies of the
/// connection share it.
private final class ConnectionGate: Sendable {
    private let isClosed = Mutex(false)

    func close() { isClosed.withLock { $0 = true } }

    func check(_ path: String) throws(StoreFault) {
        guard isClosed.withLock({ $0 }) else { return }
        throw .unwritable("\(path) is closed until it can be opened again; era then goes on by itself")
    }
}

/// How long an opening waits for another program that looks at the database.
let busyTimeoutSeconds: Double = 5

/// Single values.
enum Meta {
    static func set(_ name: String, _ value: any DatabaseValueConvertible, _ db: Database) throws {
        try db.cachedStatement(
            sql: """
                INSERT INTO meta (name, value) VALUES (?, ?)
                ON CONFLICT (name) DO UPDATE SET value = excluded.value
                """
        ).execute(arguments: [name, value])
    }

    static func value<Value: DatabaseValueConvertible>(
        _ name: String,
        as type: Value.Type,
        _ db: Database
    ) throws -> Value? {
        try Value.fetchOne(db, sql: "SELECT value FROM meta WHERE name = ?", arguments: [name])
    }
}
