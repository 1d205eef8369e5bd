import ERAContracts
import ERACore
import GRDB

/// A store's files, locked, checked and open.
struct StoreOpening {
    let lock: DirectoryLock
    let connection: Connection
    let contents: RecordReader.Contents
    let quarantinedCopy: String?
    /// The greatest resource version that may have been given out before.
    let lastVersion: Int64
    /// Versions up to here may be given out now.
    let reservedVersion: Int64
    /// Why nothing can be written though everything could be read: the disk is full, say.
    let fault: StoreFault?

    /// What a look at the database shows before anything is written to it.
    private enum Finding {
        case sound, damaged
    }

    /// - Throws: ``StoreFault``.
    init(_ directory: DataDirectory, _ options: StoreOptions) throws(StoreFault) {
        try directory.prepare()
        lock = try DirectoryLock(path: directory.lock)
        try directory.prepareDatabase(at: options.wallTime())
        if try Self.inspect(directory) == .sound,
            let opened = try Self.openSound(directory, options)
        {
            (connection, contents) = opened
        } else {
            try directory.quarantine(at: options.wallTime())
            try directory.prepareDatabase(at: options.wallTime())
            guard let opened = try Self.openSound(directory, options) else {
                throw .broken("the new database \(directory.database) cannot be read back; check the disk")
            }
            (connection, contents) = opened
        }
        quarantinedCopy = directory.quarantinedCopy
        var last = max(contents.reserved, contents.newest)
        if last == 0, quarantinedCopy != nil {
            // What the lost database had given out is not known; no store gives out a thousand a second for long.
            last = options.wallTime().sinceEpoch.milliseconds
        }
        lastVersion = last
        (reservedVersion, fault) = Self.reserve(after: last, connection, options)
    }

    /// Looks at the database without writing to it or to its log.
    ///
    /// - Throws: ``StoreFault/newerSchema(found:)``, or ``StoreFault/unwritable(_:)`` when it cannot be read.
    private static func inspect(_ directory: DataDirectory) throws(StoreFault) -> Finding {
        let size = fileSize(directory.database) ?? 0
        guard size > 0 else { return .sound }
        // SQLite takes less than a page for an empty database, and would write over it.
        guard size >= smallestPageSize else { return .damaged }
        defer { directory.removeIndex() }
        do {
            var configuration = Configuration()
            configuration.readonly = true
            configuration.busyMode = .timeout(busyTimeoutSeconds)
            let queue = try DatabaseQueue(path: directory.database, configuration: configuration)
            // Nothing was written that closing could lose.
            defer { try? queue.close() }
            return try queue.read { db in
                let known = Schema.migrator.migrations
                let unknown = try Schema.migrator.appliedIdentifiers(db).subtracting(known)
                if let newest = unknown.max() { throw StoreFault.newerSchema(found: newest) }
                let problems = try String.fetchAll(db, sql: "PRAGMA quick_check(1)")
                return problems == ["ok"] ? .sound : .damaged
            }
        } catch {
            if Self.isDamage(error) { return .damaged }
            throw StoreFault(error, path: directory.database)
        }
    }

    /// - Returns: Nil when a row turns out to be damaged.
    private static func openSound(
        _ directory: DataDirectory,
        _ options: StoreOptions
    ) throws(StoreFault) -> (Connection, RecordReader.Contents)? {
        var opened: Connection?
        do {
            let connection = try Connection(path: directory.database, options: options)
            opened = connection
            return (connection, try connection.queue.read(RecordReader.contents))
        } catch {
            opened?.close()
            if isDamage(error) { return nil }
            throw StoreFault(error, path: directory.database)
        }
    }

    private static func reserve(
        after last: Int64,
        _ connection: Connection,
        _ options: StoreOptions
    ) -> (reserved: Int64, fault: StoreFault?) {
        let reserved = last + versionReservation
        do {
            try connection.write(Batch(reserved: reserved), options: options)
            return (reserved, nil)
        } catch {
            return (last, error)
        }
    }

    /// Whether an error says that the file is not, or not wholly, what was written.
    ///
    /// A text whose checksum is right but which does not decode is no damage: another release wrote it. Moving the
    /// database aside would help nobody.
    private static func isDamage(_ error: any Error) -> Bool {
        switch error {
        case let error as DatabaseError:
            [.SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_ERROR].contains(error.resultCode)
                || error.extendedResultCode == .SQLITE_IOERR_SHORT_READ
        case is DamagedRow: true
        // Of the opening itself: SQLite's complaint, already put into words.
        case StoreFault.broken: true
        default: false
        }
    }
}

/// Resource versions that are reserved ahead at once: more than can be given out while two flushes last.
let versionReservation = 4 * Int64(pendingChangesLimit)

/// In bytes; a database is at least one page.
///
/// Source: SQLite, "Database File Format", section 1.2.2.
private let smallestPageSize = 512
