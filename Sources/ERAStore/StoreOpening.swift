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
        var trouble: StoreFault?
        if try Self.inspect(directory) == .sound,
            let opened = try Self.openSound(directory, options)
        {
            (connection, contents, trouble) = opened
        } else {
            // SQLite reports a place that the disk does not give back as corrupt, too.
            try directory.readThrough()
            try directory.quarantine(at: options.wallTime())
            try directory.prepareDatabase(at: options.wallTime())
            guard let opened = try Self.openSound(directory, options) else {
                throw .broken("the new database \(directory.database) cannot be read back; check the disk")
            }
            (connection, contents, trouble) = opened
        }
        quarantinedCopy = directory.quarantinedCopy
        var last = max(contents.reserved, contents.newest)
        if last == 0, quarantinedCopy != nil {
            // What the lost database had given out is not known; no store
            // gives out a thousand a second for long.
            last = options.wallTime().sinceEpoch.milliseconds
        }
        lastVersion = last
        (reservedVersion, fault) =
            trouble.map { (last, $0) } ?? Self.reserve(after: last, connection, options)
    }

    /// Looks at the database without writing to it or to its log.
    ///
    /// - Throws: ``StoreFault``: `newerSchema`; anything else when it cannot
    ///   be read, or is no database of era.
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
                let applied = try Schema.applied(db)
                let unknown = applied.subtracting(known)
                if let newest = unknown.max() { throw StoreFault.newerSchema(found: newest) }
                let problems = try String.fetchAll(db, sql: "PRAGMA quick_check(1)")
                guard problems == ["ok"] else {
                    if let error = readError(in: problems) { throw error }
                    return .damaged
                }
                try Schema.check(db, applied: applied)
                return .sound
            }
        } catch {
            if isDamage(error) || isUnreadable(error) { return .damaged }
            // Looking needs a little space for the index of the log, opening does not: then that shows it.
            let code = (error as? DatabaseError)?.extendedResultCode
            if code == .SQLITE_IOERR_SHMSIZE || code == .SQLITE_IOERR_SHMOPEN { return .sound }
            throw refusal(error, directory)
        }
    }

    /// SQLite's answer to a schema or a header that it does not understand; where nothing but looking was
    /// tried, nothing else is answered so.
    private static func isUnreadable(_ error: any Error) -> Bool {
        (error as? DatabaseError)?.resultCode == .SQLITE_ERROR
    }

    /// The check's report of a page that could not be read: that is trouble of the disk or of memory, and
    /// says nothing about what is on the page.
    ///
    /// SQLite tells it in the text of the problem and nowhere else: with the extended result code for a page
    /// of a tree, without one for an overflow page, whose number it has found to be in range before.
    static func readError(in problems: [String]) -> DatabaseError? {
        for problem in problems {
            if problem.contains("failed to get page") {
                return DatabaseError(resultCode: .SQLITE_IOERR, message: problem)
            }
            guard let marker = problem.firstRange(of: "error code=") else { continue }
            let digits = problem[marker.upperBound...].prefix { $0.isASCII && $0.isNumber }
            guard let code = CInt(digits) else { continue }
            let error = DatabaseError(resultCode: ResultCode(rawValue: code), message: problem)
            if !isDamage(error) { return error }
        }
        return nil
    }

    /// Opens the database and reads it; on a full disk for reading alone, with the reason.
    ///
    /// - Returns: Nil when a row turns out to be damaged.
    private static func openSound(
        _ directory: DataDirectory,
        _ options: StoreOptions
    ) throws(StoreFault) -> (Connection, RecordReader.Contents, StoreFault?)? {
        var opened: Connection?
        do {
            var trouble: StoreFault?
            do {
                opened = try Connection(path: directory.database, options: options)
            } catch let error as DatabaseError {
                let fault = StoreFault(error, path: directory.database)
                guard case .unwritable = fault, error.resultCode != .SQLITE_BUSY else { throw error }
                trouble = fault
                opened = try Connection(path: directory.database, options: options, isForReading: true)
            }
            guard let connection = opened else { return nil }
            return (connection, try connection.queue.read(RecordReader.contents), trouble)
        } catch {
            opened?.close()
            if isDamage(error) { return nil }
            throw refusal(error, directory)
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

    /// Why the store does not open; the database stays where it is.
    private static func refusal(_ error: any Error, _ directory: DataDirectory) -> StoreFault {
        let path = directory.database
        guard let error = error as? DatabaseError else { return StoreFault(error, path: path) }
        let fault = StoreFault(error, path: path)
        guard case .broken(let why) = fault else { return fault }
        return .broken(
            "\(why); it is not damaged and was left as it is: remove the cause, then start era again"
        )
    }

    /// Whether an error says that the file is not, or not wholly, what was written.
    ///
    /// Nothing else does: a database must not be set aside because memory ran out or a migration failed. A
    /// text whose checksum is right but which does not decode is no damage either: another release wrote it.
    private static func isDamage(_ error: any Error) -> Bool {
        switch error {
        case let error as DatabaseError:
            [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode)
                || error.extendedResultCode == .SQLITE_IOERR_SHORT_READ
        case is DamagedRow: true
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
