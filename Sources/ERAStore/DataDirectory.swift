import ERAContracts
import ERACore
import Glibc

/// The files of the store in the data directory, and what is done with them before SQLite sees them.
///
/// - `era.db`, `era.db-wal`: the database and its write-ahead log.
/// - `era.lock`: locked by the process that uses the directory; holds its PID.
/// - `era.db.corrupt-<time>`(`-wal`): a database that was found damaged, moved aside.
/// - `era.db.missing-<time>`: a note that the database was gone while instances or volumes were there.
///
/// While a file of the last two kinds is there, ``StoredState/quarantinedCopy`` names it, at
/// each start: nothing is deleted on the strength of its absence from the records. An operator
/// who has seen to it removes the file.
struct DataDirectory: Sendable {
    let path: String

    var database: String { "\(path)/era.db" }
    var lock: String { "\(path)/era.lock" }
    private var log: String { "\(database)-wal" }
    private var index: String { "\(database)-shm" }

    /// Makes the directory, or takes an existing one; afterwards it is the owner's alone.
    func prepare() throws(StoreFault) {
        try makeDirectories(path)
        var status = stat()
        guard stat(path, &status) == 0 else { throw .system("looking at \(path)", errno: errno) }
        guard status.st_mode & 0o077 == 0 || chmod(path, 0o700) == 0 else {
            throw .system("closing \(path) to other users", errno: errno)
        }
    }

    /// Makes sure that there is a database file, of mode 0600, and that its absence does not go unnoticed.
    func prepareDatabase(at now: WallTime) throws(StoreFault) {
        if (fileSize(database) ?? 0) > 0 {
            guard chmod(database, 0o600) == 0 else {
                throw .system("closing \(database) to other users", errno: errno)
            }
            return
        }
        if (fileSize(log) ?? 0) > 0 {
            // A log without its database: what a quarantine that was interrupted leaves.
            try quarantine(at: now)
        } else if hasInstances && quarantinedCopy == nil {
            try createFile(
                unusedName("missing", at: now),
                """
                The database of era was missing although instances or volumes were there.
                A new one was begun. Remove this file once everything that should run is declared.

                """
            )
        }
        if !exists(database) { try createFile(database) }
        try synchronizeDirectory(path)
    }

    /// Reads every byte of the database and of its log.
    ///
    /// - Throws: ``StoreFault/unwritable(_:)`` when the disk does not give one
    ///   back: that is no damage of the file.
    func readThrough() throws(StoreFault) {
        for path in [database, log] where exists(path) {
            let descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw .system("opening \(path)", errno: errno) }
            defer { close(descriptor) }
            var chunk = [UInt8](repeating: 0, count: 65_536)
            var count = 1
            while count > 0 { count = read(descriptor, &chunk, chunk.count) }
            guard count == 0 else {
                let why = errorText(errno)
                throw .unwritable("\(path) cannot be read (\(why)); check the disk, then start era again")
            }
        }
    }

    /// Moves the database and its log aside, together; keeps every byte.
    func quarantine(at now: WallTime) throws(StoreFault) {
        let name = unusedName("corrupt", at: now)
        // The database first: should the log stay behind, it is a log
        // without database, which is moved as well.
        for (from, to) in [(database, name), (log, name + "-wal"), (index, name + "-shm")] where exists(from)
        {
            guard rename(from, to) == 0 else { throw .system("moving \(from) to \(to)", errno: errno) }
        }
        try synchronizeDirectory(path)
    }

    /// The newest quarantined copy, or the note of a missing database.
    var quarantinedCopy: String? {
        names(in: path)
            .filter { $0.hasPrefix("era.db.corrupt-") || $0.hasPrefix("era.db.missing-") }
            .max { stamp($0) < stamp($1) }
            .map { "\(path)/\(withoutSuffix($0))" }
    }

    /// Removes the index that a reader leaves beside the database; SQLite makes it anew.
    func removeIndex() {
        unlink(index)
        if fileSize(log) == 0 { unlink(log) }
    }

    /// Whether something was deployed here: then there must have been a database.
    private var hasInstances: Bool {
        ["instances", "volumes"].contains { !names(in: "\(path)/\($0)").isEmpty }
    }

    private func stamp(_ name: String) -> Substring {
        name.dropFirst("era.db.corrupt-".count)
    }

    private func withoutSuffix(_ name: String) -> Substring {
        for suffix in ["-wal", "-shm"] where name.hasSuffix(suffix) {
            let stem = name.dropLast(suffix.count)
            if exists("\(path)/\(stem)") { return stem }
        }
        return name[...]
    }

    private func unusedName(_ kind: String, at now: WallTime) -> String {
        let time = now.rfc3339.filter { $0 != "-" && $0 != ":" }
        let name = "\(database).\(kind)-\(time)"
        var number = 1
        while true {
            let candidate = number == 1 ? name : "\(name).\(number)"
            if ["", "-wal", "-shm"].allSatisfy({ !exists(candidate + $0) }) { return candidate }
            number += 1
        }
    }
}
