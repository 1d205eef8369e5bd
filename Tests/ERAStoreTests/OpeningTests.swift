import ERAContracts
import ERACore
import GRDB
import Glibc
import Testing

@testable import ERAStore

@Suite struct OpeningTests {
    /// A data directory with three deployments in it, closed.
    private func filled() async throws -> (TemporaryDirectory, [DeploymentRecord]) {
        let directory = try TemporaryDirectory()
        let store = try SQLiteRecordStore.open(dataDirectory: directory.path)
        for name in ["a", "b", "c"] { try await store.append(try Life.eventful(name).entries, .deferred) }
        let records = try await store.load().records
        await store.close()
        return (directory, records.map(\.record))
    }

    private func state(_ path: String, _ options: StoreOptions = StoreOptions()) async throws -> StoredState {
        let store = try SQLiteRecordStore.open(dataDirectory: path, options: options)
        let state = try await store.load()
        await store.close()
        return state
    }

    @Test func `a second opener is refused and told who holds the directory`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteRecordStore.open(dataDirectory: directory.path)
        #expect(throws: StoreFault.locked(holder: getpid())) {
            try SQLiteRecordStore.open(dataDirectory: directory.path)
        }
        await store.close()
        await (try SQLiteRecordStore.open(dataDirectory: directory.path)).close()
    }

    @Test func `a lock that a dead holder's child has for a moment is waited for`() async throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/era.lock"
        // The shell ends at once; what it started has its descriptors.
        let script = "exec 9<>\(path); flock -x 9; echo $$ >&9; sleep 0.3 &"
        #expect(system(script) == 0)
        let taken = open(path, O_RDWR | O_CLOEXEC)
        #expect(flock(taken, LOCK_EX | LOCK_NB) != 0, "it is locked when the store is opened")
        close(taken)
        await (try SQLiteRecordStore.open(dataDirectory: directory.path)).close()
    }

    @Test func `directory and files are the owner's alone`() async throws {
        let outer = try TemporaryDirectory()
        let path = "\(outer.path)/deep/data"
        let store = try SQLiteRecordStore.open(dataDirectory: path)
        try await store.append(try Life.eventful().entries)
        #expect(permissions("\(outer.path)/deep") == 0o700)
        #expect(permissions(path) == 0o700)
        let files = entries(path)
        #expect(files == ["era.db", "era.db-wal", "era.lock"])
        for name in files { #expect(permissions("\(path)/\(name)") == 0o600, "\(name)") }
        await store.close()

        chmod(path, 0o755)
        chmod("\(path)/era.db", 0o644)
        await (try SQLiteRecordStore.open(dataDirectory: path)).close()
        #expect(permissions(path) == 0o700)
        #expect(permissions("\(path)/era.db") == 0o600)
    }

    @Test func `a database of a newer release is refused and stays as it is`() async throws {
        let (directory, records) = try await filled()
        let path = "\(directory.path)/era.db"
        do {
            // Left open while it is copied, so that there is a log to leave alone as well.
            let queue = try DatabaseQueue(path: path)
            try await queue.writeWithoutTransaction { db in
                try db.execute(
                    sql: """
                        PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;
                        INSERT INTO grdb_migrations VALUES ('0099-from-the-future');
                        """
                )
            }
            let copies = try ["", "-wal"].map { (path + $0, try #require(bytes(path + $0))) }
            try queue.close()
            for (name, content) in copies { try overwrite(name, content) }
        }
        let before = ["", "-wal"].map { bytes(path + $0) }
        #expect(before.allSatisfy { $0?.isEmpty == false })
        let names = entries(directory.path)
        #expect(throws: StoreFault.newerSchema(found: "0099-from-the-future")) {
            try SQLiteRecordStore.open(dataDirectory: directory.path)
        }
        #expect(["", "-wal"].map { bytes(path + $0) } == before)
        #expect(entries(directory.path) == names)

        // The control: without that migration the same files are opened.
        let queue = try DatabaseQueue(path: path)
        try await queue.write {
            try $0.execute(sql: "DELETE FROM grdb_migrations WHERE identifier LIKE '0099%'")
        }
        try queue.close()
        #expect(try await state(directory.path).records.map(\.record) == records)
    }

    @Test(arguments: 0..<40)
    func `damage is noticed and kept, or does not matter`(seed: Int) async throws {
        let (directory, records) = try await filled()
        let path = "\(directory.path)/era.db"
        var random = SeededRandom(UInt64(seed))
        var content = try #require(bytes(path))
        // Some single bits, some torn pages.
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let place = Int.random(in: content.indices, using: &random)
            if seed % 4 == 0 {
                let end = min(content.endIndex, place + Int.random(in: 1...8_192, using: &random))
                for index in place..<end { content[index] = UInt8.random(in: 0...255, using: &random) }
            } else {
                content[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
        }
        try overwrite(path, content)
        let state: StoredState
        do {
            state = try await self.state(directory.path)
        } catch StoreFault.newerSchema {
            // A flipped bit in the name of a migration: refused, and as it was.
            #expect(bytes(path) == content)
            return
        }
        if let copy = state.quarantinedCopy {
            #expect(state.records.isEmpty)
            #expect(copy.hasPrefix("\(path).corrupt-"))
            #expect(bytes(copy)?.count == content.count)
        } else {
            #expect(state.records.map(\.record) == records)
        }
    }

    @Test(arguments: [0, 1, 15, 100, 4_096, 5_000, 20_000])
    func `a database cut short is moved aside`(length: Int) async throws {
        let (directory, _) = try await filled()
        mkdir("\(directory.path)/instances", 0o700)
        mkdir("\(directory.path)/instances/default", 0o700)
        let path = "\(directory.path)/era.db"
        let content = try #require(bytes(path))
        try #require(content.count > length)
        try overwrite(path, Array(content[..<length]))
        let state = try await state(directory.path)
        #expect(state.records.isEmpty)
        let copy = try #require(state.quarantinedCopy)
        #expect(length == 0 || bytes(copy) == Array(content[..<length]))
    }

    @Test func `a file that is no database is moved aside`() async throws {
        let directory = try TemporaryDirectory()
        try overwrite("\(directory.path)/era.db", Array("# not a database, a manifest\n".utf8))
        let state = try await state(directory.path)
        #expect(state.quarantinedCopy.flatMap(bytes) == Array("# not a database, a manifest\n".utf8))
    }

    @Test func `the log goes aside with its database`() async throws {
        let (directory, _) = try await filled()
        let path = "\(directory.path)/era.db"
        let log = [UInt8](repeating: 7, count: 5_000)
        try overwrite("\(path)-wal", log)
        try overwrite(path, [UInt8](repeating: 9, count: 8_192))
        let copy = try #require(try await state(directory.path).quarantinedCopy)
        #expect(bytes("\(copy)-wal") == log)
    }

    @Test func `a quarantine is remembered until the operator removes the copy`() async throws {
        let (directory, _) = try await filled()
        try overwrite("\(directory.path)/era.db", Array("rubbish".utf8))
        let options = StoreOptions(wallTime: { WallTime(sinceEpoch: .seconds(1_800_000_000)) })
        let copy = try await state(directory.path, options).quarantinedCopy
        #expect(copy == "\(directory.path)/era.db.corrupt-20270115T080000Z")
        #expect(try await state(directory.path, options).quarantinedCopy == copy)
        // Damaged again within the same second: nothing is overwritten.
        try overwrite("\(directory.path)/era.db", Array("more rubbish".utf8))
        #expect(try await state(directory.path, options).quarantinedCopy == copy.map { $0 + ".2" })
        #expect(copy.flatMap(bytes) == Array("rubbish".utf8))
        unlink(try #require(copy))
        unlink(try #require(copy) + ".2")
        #expect(try await state(directory.path, options).quarantinedCopy == nil)
    }

    @Test func `resource versions go on growing after a quarantine`() async throws {
        let (directory, _) = try await filled()
        let before = try await state(directory.path).resourceVersion
        try overwrite("\(directory.path)/era.db", Array("rubbish".utf8))
        #expect(try await state(directory.path).resourceVersion > before)
    }

    @Test(arguments: ["instances", "volumes"])
    func `a database that is missing where something was deployed is no new beginning`(
        folder: String
    ) async throws {
        let directory = try TemporaryDirectory()
        mkdir("\(directory.path)/\(folder)", 0o700)
        #expect(try await state(directory.path).quarantinedCopy == nil, "the control: nothing was deployed")
        unlink("\(directory.path)/era.db")
        mkdir("\(directory.path)/\(folder)/default", 0o700)
        let note = try #require(try await state(directory.path).quarantinedCopy)
        #expect(note.hasPrefix("\(directory.path)/era.db.missing-"))
        #expect(try await state(directory.path).quarantinedCopy == note)
        unlink(note)
        #expect(try await state(directory.path).quarantinedCopy == nil)
    }

    @Test func `records in a form that is not known are refused and left alone`() async throws {
        let (directory, _) = try await filled()
        let path = "\(directory.path)/era.db"
        let body = CheckedJSON(text: "{\"shape\":\"of another release\"}")
        let queue = try DatabaseQueue(path: path)
        try await queue.write { db in
            try db.execute(
                sql: "UPDATE records SET body = ?, body_sum = ? WHERE key = 'default/b'",
                arguments: [body.text, body.sum]
            )
        }
        try queue.close()
        let before = bytes(path)
        let fault = #expect(throws: StoreFault.self) {
            try SQLiteRecordStore.open(dataDirectory: directory.path)
        }
        guard case .broken(let text) = fault else { throw try #require(fault) }
        #expect(text.contains("start the version that wrote it"))
        #expect(bytes(path) == before)
        #expect(entries(directory.path).allSatisfy { !$0.contains("corrupt") })
    }

    @Test(arguments: 0..<12)
    func `a log that was torn keeps a prefix`(seed: Int) async throws {
        let directory = try TemporaryDirectory()
        let life = try Life.eventful()
        let path = "\(directory.path)/era.db"
        let store = try SQLiteRecordStore.open(dataDirectory: directory.path)
        try await store.append(life.entries)
        // What a power cut leaves: database and log at one moment, the end of the log torn off.
        let (database, log) = (try #require(bytes(path)), try #require(bytes("\(path)-wal")))
        await store.close()
        var random = SeededRandom(UInt64(seed))
        try overwrite(path, database)
        try overwrite("\(path)-wal", Array(log[..<Int.random(in: log.indices, using: &random)]))

        let reopened = try SQLiteRecordStore.open(dataDirectory: directory.path)
        let state = try await reopened.load()
        #expect(state.quarantinedCopy == nil)
        let excerpt = try await reopened.journal(life.key)
        #expect(excerpt.events == life.entries.prefix(excerpt.events.count).map(\.event))
        #expect(state.records.first?.record == excerpt.events.indices.last.map { life.entries[$0].record })
        await reopened.close()
    }

    @Test func `a data directory that is a file is refused`() throws {
        let directory = try TemporaryDirectory()
        try overwrite("\(directory.path)/data", [])
        #expect(throws: StoreFault.self) {
            try SQLiteRecordStore.open(dataDirectory: "\(directory.path)/data")
        }
    }
}
