import ERAContracts
import ERACore
import GRDB
import Glibc
import Synchronization
import Testing

@testable import ERAStore

/// Trouble of the disk that a test begins and ends.
final class Trouble: Sendable {
    private let isOn = Mutex(false)

    func begin() { isOn.withLock { $0 = true } }
    func end() { isOn.withLock { $0 = false } }

    /// - Throws: What SQLite reports when the flush of the log failed.
    func check() throws {
        if isOn.withLock({ $0 }) { throw DatabaseError(resultCode: .SQLITE_IOERR_FSYNC) }
    }
}

@Suite struct FaultTests {
    private func store(_ directory: TemporaryDirectory, _ trouble: Trouble) throws -> SQLiteRecordStore {
        var options = StoreOptions()
        options.afterCommit = { try trouble.check() }
        return try SQLiteRecordStore.open(dataDirectory: directory.path, options: options)
    }

    @Test func `an entry whose flush failed is taken back though it is found on disk`() async throws {
        let directory = try TemporaryDirectory()
        let trouble = Trouble()
        let store = try store(directory, trouble)
        let life = try Life.eventful()
        try await store.append(life.entries[..<8])
        trouble.begin()
        await #expect(throws: StoreFault.self) { try await store.append(life.entries[8], .required) }
        // The control: the entry did reach the file, only its caller was told that it did not.
        let rows = try await store.connection.read {
            try Int.fetchOne($0, sql: "SELECT count(*) FROM journal")
        }
        #expect(rows == 9)
        trouble.end()
        try await store.recover()
        #expect(try await store.load().records.map(\.record) == [life.entries[7].record])
        #expect(try await store.journal(life.key).events == life.entries[..<8].map(\.event))
        try await store.append(life.entries[8...])
        #expect(try replay(try await store.journal(life.key), life.key) == life.record)
        await store.close()
    }

    @Test func `a deployment whose first entry failed is not there`() async throws {
        let directory = try TemporaryDirectory()
        let trouble = Trouble()
        let store = try store(directory, trouble)
        let life = try Life.eventful()
        trouble.begin()
        await #expect(throws: StoreFault.self) { try await store.append(life.entries[0], .required) }
        trouble.end()
        try await store.recover()
        #expect(try await store.load().records.isEmpty)
        try await store.append(life.entries)
        #expect(try await store.load().records.map(\.record) == [life.record])
        await store.close()
    }

    @Test func `what was accepted is written by the recovery, in its order`() async throws {
        let directory = try TemporaryDirectory()
        let trouble = Trouble()
        let store = try store(directory, trouble)
        let (life, other) = (try Life.eventful("life"), try Life.eventful("other"))
        try await store.append(life.entries[..<3])
        trouble.begin()
        var versions: [ResourceVersion] = []
        for entry in life.entries[3..<9] { versions.append(try await store.append(entry, .deferred)) }
        await #expect(throws: StoreFault.self) { try await store.append(other.entries[0], .required) }
        #expect(try await store.journal(life.key).events.suffix(6) == life.entries[3..<9].map(\.event)[...])
        trouble.end()
        try await store.recover()
        await store.close()

        let reopened = try SQLiteRecordStore.open(dataDirectory: directory.path)
        let records = try await reopened.load().records
        #expect(records.map(\.record) == [life.entries[8].record])
        #expect(records.map(\.resourceVersion) == versions.suffix(1))
        #expect(try replay(try await reopened.journal(life.key), life.key) == life.entries[8].record)
        await reopened.close()
    }

    @Test func `after a fault everything fails at once until the recovery`() async throws {
        let directory = try TemporaryDirectory()
        let trouble = Trouble()
        let store = try store(directory, trouble)
        let life = try Life.eventful()
        try await store.append(life.entries[..<2])
        trouble.begin()
        await #expect(throws: StoreFault.self) { try await store.append(life.entries[2], .required) }
        let commits = await store.statistics.commits
        for durability in [Durability.required, .deferred] {
            let fault = await #expect(throws: StoreFault.self) {
                try await store.append(life.entries[2], durability)
            }
            guard case .unwritable = fault else { throw try #require(fault) }
        }
        await #expect(throws: StoreFault.self) { try await store.setBootID("x") }
        await #expect(throws: StoreFault.self) { try await store.forget(life.key, uid: "uid-web") }
        await #expect(throws: StoreFault.self) { try await store.flush() }
        #expect(await store.statistics.commits == commits, "nothing was tried")
        #expect(try await store.journal(life.key).events.count >= 2, "reading goes on")

        await #expect(throws: StoreFault.self, "while the trouble lasts") { try await store.recover() }
        await #expect(throws: StoreFault.self) { try await store.append(life.entries[2], .required) }
        trouble.end()
        async let first: Void = store.recover()
        async let second: Void = store.recover()
        _ = try await (first, second)
        try await store.append(life.entries[2...])
        #expect(try replay(try await store.journal(life.key), life.key) == life.record)
        await store.close()
    }

    @Test func `an entry taken back keeps an update's revisions and declaration consistent`() async throws {
        let directory = try TemporaryDirectory()
        let trouble = Trouble()
        let store = try store(directory, trouble)
        let life = try Life.eventful()
        for index in life.entries.indices {
            trouble.begin()
            await #expect(throws: StoreFault.self) { try await store.append(life.entries[index], .required) }
            trouble.end()
            try await store.recover()
            let before = index == 0 ? [] : [life.entries[index - 1].record]
            #expect(try await store.load().records.map(\.record) == before)
            _ = try await store.append(life.entries[index], .required)
            #expect(try await store.load().records.map(\.record) == [life.entries[index].record])
        }
        await store.close()
    }

    @Test func `a store that can be read but not written opens, and recovers`() async throws {
        let directory = try TemporaryDirectory()
        let life = try Life.eventful()
        let trouble = Trouble()
        let sound = try store(directory, trouble)
        try await sound.append(life.entries[..<10])
        await sound.close()
        trouble.begin()
        let store = try store(directory, trouble)
        #expect(try await store.load().records.map(\.record) == [life.entries[9].record])
        await #expect(throws: StoreFault.self) { try await store.append(life.entries[10], .deferred) }
        trouble.end()
        try await store.recover()
        try await store.append(life.entries[10...])
        #expect(try await store.load().records.map(\.record) == [life.record])
        await store.close()
    }

    @Test func `a damaged journal entry is reported, not invented`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteRecordStore.open(dataDirectory: directory.path)
        let life = try Life.eventful()
        try await store.append(life.entries)
        try await store.connection.queue.write { db in
            try db.execute(sql: "UPDATE journal SET event = replace(event, 'uptime', 'uptimf') WHERE seq = 3")
        }
        let fault = await #expect(throws: StoreFault.self) { try await store.journal(life.key) }
        guard case .broken(let text) = fault else { throw try #require(fault) }
        #expect(text.contains("journal entry 3 of default/web"))
        await store.close()
    }

    @Test func `a journal that cannot be folded is given up for its record`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteRecordStore.open(
            dataDirectory: directory.path,
            options: StoreOptions(journalEntriesLimit: 12)
        )
        let life = try Life.eventful()
        try await store.append(life.entries[..<12])
        // As a faulty release might have left it: an entry is missing.
        try await store.connection.queue.write { try $0.execute(sql: "DELETE FROM journal WHERE seq = 2") }
        try await store.append(life.entries[12..<14])
        try await store.flushWithEvents()
        let excerpt = try await store.journal(life.key)
        #expect(excerpt.base == life.entries[12].record, "given up at the first entry over the limit")
        #expect(excerpt.events == [life.entries[13].event])
        try await store.append(life.entries[14...])
        #expect(try replay(try await store.journal(life.key), life.key) == life.record)
        await store.close()
    }
}
