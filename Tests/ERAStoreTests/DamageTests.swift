import ERAContracts
import ERACore
import GRDB
import Glibc
import Testing

@testable import ERAStore

/// What counts as damage, and what does not: only what says that the file is
/// not what was written moves it aside.
@Suite struct DamageTests {
    private func filled() async throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        let store = try SQLiteRecordStore.open(dataDirectory: directory.path)
        for name in ["a", "b", "c"] { try await store.append(try Life.eventful(name).entries, .deferred) }
        await store.close()
        return directory
    }

    /// Changes the closed database as no release of ERA would.
    private func edit(_ directory: TemporaryDirectory, _ sql: String) async throws {
        let queue = try DatabaseQueue(path: "\(directory.path)/era.db")
        try await queue.writeWithoutTransaction { try $0.execute(sql: sql) }
        try queue.close()
    }

    private func expectRefused(_ directory: TemporaryDirectory, _ text: String) throws {
        let path = "\(directory.path)/era.db"
        let before = try #require(bytes(path))
        let fault = #expect(throws: StoreFault.self) {
            try SQLiteRecordStore.open(dataDirectory: directory.path)
        }
        guard case .broken(let why) = fault else { throw try #require(fault) }
        #expect(why.contains(text), "\(why)")
        #expect(bytes(path) == before)
        #expect(entries(directory.path).allSatisfy { !$0.contains("corrupt") }, "nothing was moved")
    }

    private func expectQuarantined(_ directory: TemporaryDirectory) async throws {
        let before = try #require(bytes("\(directory.path)/era.db"))
        let store = try SQLiteRecordStore.open(dataDirectory: directory.path)
        let state = try await store.load()
        await store.close()
        #expect(state.records.isEmpty)
        #expect(state.quarantinedCopy.flatMap(bytes) == before, "every byte is kept")
    }

    // MARK: No damage

    @Test func `memory that runs out at the opening moves nothing aside`() async throws {
        let directory = try await filled()
        let path = directory.path
        let before = bytes("\(path)/era.db")
        // In a process of its own: SQLite's limit is that of the process, and a statement can only lower it.
        await #expect(processExitsWith: .success) { [path = path as String] in
            let limited = try DatabaseQueue()
            var faults: [StoreFault] = []
            // From nearly enough to hardly any: the memory runs out at many different places.
            for limit in stride(from: 400_000, through: 60_000, by: -4_000) {
                try await limited.read { db in try db.execute(sql: "PRAGMA hard_heap_limit = \(limit)") }
                do {
                    await (try SQLiteRecordStore.open(dataDirectory: path)).close()
                } catch let fault as StoreFault {
                    faults.append(fault)
                }
            }
            try overwrite("\(path)/faults", Array(faults.map(\.description).joined(separator: "\n").utf8))
        }
        let faults = String(decoding: bytes("\(path)/faults") ?? [], as: UTF8.self)
        #expect(faults.split(separator: "out of memory").count > 5, "the control: it did run out")
        #expect(entries(path).allSatisfy { !$0.contains("corrupt") }, "\(entries(path))")
        #expect(bytes("\(path)/era.db")?.count == before?.count)
        let store = try SQLiteRecordStore.open(dataDirectory: path)
        #expect(try await store.load().records.count == 3)
        await store.close()
    }

    @Test func `a migration that fails moves nothing aside`() async throws {
        let directory = try TemporaryDirectory()
        try overwrite("\(directory.path)/era.db", [])
        try await edit(
            directory,
            """
            PRAGMA journal_mode = WAL;
            CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
            CREATE TRIGGER refuse BEFORE INSERT ON grdb_migrations BEGIN SELECT RAISE(ABORT, 'not today'); END;
            """
        )
        try expectRefused(directory, "not today")
        // The control: without the trigger the same database is brought up to date.
        try await edit(directory, "DROP TRIGGER refuse")
        await (try SQLiteRecordStore.open(dataDirectory: directory.path)).close()
    }

    @Test func `the database of another program is refused and left alone`() async throws {
        let directory = try TemporaryDirectory()
        try overwrite("\(directory.path)/era.db", [])
        try await edit(directory, "CREATE TABLE bookmarks (id INTEGER PRIMARY KEY, title TEXT)")
        try expectRefused(directory, "another program (table bookmarks)")
    }

    // MARK: Damage

    @Test(arguments: [
        "UPDATE journal SET event = replace(event, 'uptime', 'uptimf')",
        "UPDATE records SET body = replace(body, 'state', 'statf') WHERE key = 'default/b'",
        "UPDATE revisions SET sum = sum + 1",
    ])
    func `a row that is not what was written moves the database aside`(sql: String) async throws {
        let directory = try await filled()
        try await edit(directory, sql)
        // A journal is read when it is asked for; what a start needs are records and revisions.
        guard !sql.contains("journal") else {
            let store = try SQLiteRecordStore.open(dataDirectory: directory.path)
            let key = try Life.eventful("a").key
            await #expect(throws: StoreFault.self) { try await store.journal(key) }
            return await store.close()
        }
        try await expectQuarantined(directory)
    }

    /// A flipped bit in the text of a table's definition which leaves it SQL.
    @Test(arguments: [
        ("records", "body_sum", "body_sun"), ("journal", "kind", "kine"),
        ("grdb_migrations", "identifier", "idestifier"),
    ])
    func `a table whose definition has changed moves the database aside`(
        table: String,
        column: String,
        other: String
    ) async throws {
        let directory = try await filled()
        try await edit(
            directory,
            """
            PRAGMA writable_schema = 1;
            UPDATE sqlite_master SET sql = replace(sql, '\(column)', '\(other)') WHERE name = '\(table)';
            """
        )
        try await expectQuarantined(directory)
    }

    @Test(arguments: ["DROP TABLE events", "DELETE FROM grdb_migrations"])
    func `a table that is missing moves the database aside`(sql: String) async throws {
        let directory = try await filled()
        try await edit(directory, sql)
        try await expectQuarantined(directory)
    }

    /// After the magic text, the page size to the version number.
    ///
    /// Source: SQLite, "Database File Format", 1.3.
    @Test(arguments: 16..<100)
    func `a flipped bit in the header never keeps the store from opening`(offset: Int) async throws {
        let directory = try await filled()
        let path = "\(directory.path)/era.db"
        let sound = try #require(bytes(path))
        for mask: UInt8 in [1, 4, 0x80] {
            var damaged = sound
            damaged[offset] ^= mask
            for name in entries(directory.path) { unlink("\(directory.path)/\(name)") }
            try overwrite(path, damaged)
            let store = try SQLiteRecordStore.open(dataDirectory: directory.path)
            let state = try await store.load()
            await store.close()
            // Either nothing was lost, or every byte is kept aside.
            guard state.records.count != 3 else { continue }
            #expect(state.records.isEmpty)
            #expect(state.quarantinedCopy.flatMap(bytes) == damaged, "byte \(offset), bits \(mask)")
        }
    }

    /// Result codes as SQLite's check puts them into its text (sqlite3.c, "unable to get the page").
    @Test(arguments: [
        ("Tree 3 page 3: unable to get the page. error code=266", true),  // SQLITE_IOERR_READ
        ("Tree 3 page 3: unable to get the page. error code=10", true),
        ("Tree 3 page 3: unable to get the page. error code=7", true),
        ("Tree 3 page 3: unable to get the page. error code=522", false),  // SQLITE_IOERR_SHORT_READ
        ("Tree 3 page 3: unable to get the page. error code=11", false),
        ("On tree page 4 cell 0: failed to get page 14", true),
        ("row 3 missing from index journal_by_key", false), ("error code=", false), ("error code=x", false),
    ])
    func `a page that cannot be read is told from one that is wrong`(_ problem: String, _ isTrouble: Bool) {
        #expect((StoreOpening.readError(in: ["*** in database main ***\n\(problem)"]) != nil) == isTrouble)
    }
}
