import ERAContracts
import ERACore

/// The way back from a fault.
extension SQLiteRecordStore {
    /// Reopens the database, takes back what was reported as failed, and writes what was accepted.
    ///
    /// A flush that failed is never repeated on the same connection: the kernel may have dropped the pages
    /// and report the next flush as a success. The new connection moves everything that it finds into the
    /// database file by new writes, and starts an empty log, before anything rests on it.
    /// - Throws: ``StoreFault`` while the trouble lasts.
    public func recover() async throws {
        switch condition {
        case .open: return
        case .closed: try ensureOpen()
        case .faulted: break
        }
        if let recoveryTask { return try await recoveryTask.value }
        // Not the caller's own work: one that cancels must not leave it half done.
        let task = Task { try await reopen() }
        recoveryTask = task
        defer { recoveryTask = nil }
        try await task.value
    }

    private func reopen() async throws {
        let (old, path, options) = (connection, directory.database, options)
        let durable = ResourceVersion(durableVersion)
        let opened: (connection: Connection, restored: [DeploymentKey: WrittenRecord?])
        do {
            opened = try await disk.run {
                old.close()
                let new: Connection
                do { new = try Connection(path: path, options: options) } catch {
                    throw StoreFault(error, path: path)
                }
                do { return (new, try new.undo(after: durable)) } catch {
                    new.close()
                    throw error
                }
            }
        } catch {
            // What is there can be read meanwhile; without that, reading fails as well.
            if let reading = try? await disk.run({
                try Connection(path: path, options: options, isForReading: true)
            }) {
                connection = reading
            }
            throw error
        }
        connection = opened.connection
        for (key, state) in opened.restored { written[key] = state }

        var builder = BatchBuilder(written: written)
        for pending in queue { builder.add(pending.change, pending.version) }
        builder.add(eventLog.take())
        let reservation = lastVersion + versionReservation
        builder.reserve(reservation)
        let batch = builder.batch
        do {
            try await disk.run { try opened.connection.write(batch, options: options) }
        } catch {
            eventLog.putBack()
            throw error
        }
        counters.commits += 1
        written = builder.written
        inFlight = queue
        queue = []
        condition = .open
        settle(reservation)
    }
}
