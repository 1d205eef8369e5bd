import ERAContracts
import ERACore
import FoundationEssentials
import GRDB
import Testing

@testable import ERAStore

@Suite struct DurabilityTests {
    @Test func `what was appended is there after the store is closed and opened again`() async throws {
        let directory = try TemporaryDirectory()
        let life = try Life.eventful()
        var store = try SQLiteRecordStore.open(dataDirectory: directory.path)
        #expect(try await store.load().records.isEmpty)
        try await store.append(life.entries)
        try await store.setBootID("boot-1")
        await store.close()

        store = try SQLiteRecordStore.open(dataDirectory: directory.path)
        let state = try await store.load()
        #expect(state.records.map(\.record) == [life.record])
        #expect(state.bootID == "boot-1")
        #expect(state.quarantinedCopy == nil)
        #expect(state.resourceVersion >= ResourceVersion(Int64(life.entries.count)))
        #expect(try await store.load() == state, "loading again reads the same from disk")
        await store.close()
    }

    @Test func `every record on the way is read back as it was`() async throws {
        let directory = try TemporaryDirectory()
        let life = try Life.eventful()
        let store = try SQLiteRecordStore.open(dataDirectory: directory.path)
        for entry in life.entries {
            let version = try await store.append(entry, .required)
            _ = try await store.load()
            let stored = try #require(try await store.load().records.first)
            #expect(stored.record == entry.record, "after \(entry.event.kind.name)")
            #expect(stored.resourceVersion == version)
        }
        await store.close()
    }

    @Test func `the journal replayed gives the record`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteRecordStore.open(dataDirectory: directory.path)
        let life = try Life.eventful()
        for entry in life.entries {
            _ = try await store.append(entry, .deferred)
            let excerpt = try await store.journal(life.key)
            #expect(excerpt.base == nil)
            #expect(try replay(excerpt, life.key) == entry.record)
        }
        await store.close()
    }

    @Test func `a journal that grows too long is folded into its base`() async throws {
        let directory = try TemporaryDirectory()
        let options = StoreOptions(journalEntriesLimit: 6)
        let store = try SQLiteRecordStore.open(dataDirectory: directory.path, options: options)
        let life = try Life.eventful()
        for entry in life.entries {
            _ = try await store.append(entry, .required)
            let excerpt = try await store.journal(life.key)
            // One more than the limit may be seen before the trimming that follows the commit.
            #expect(excerpt.events.count <= options.journalEntriesLimit + 1)
            #expect(try replay(excerpt, life.key) == entry.record)
        }
        #expect(try await store.journal(life.key).base != nil)
        await store.close()
        let reopened = try SQLiteRecordStore.open(dataDirectory: directory.path, options: options)
        #expect(try replay(try await reopened.journal(life.key), life.key) == life.record)
        await reopened.close()
    }

    @Test func `resource versions grow with each change and across restarts`() async throws {
        let directory = try TemporaryDirectory()
        let entries = try Life.eventful().entries
        var last = ResourceVersion(0)
        for round in 0..<5 {
            let store = try SQLiteRecordStore.open(dataDirectory: directory.path)
            let start = try await store.load().resourceVersion
            #expect(start >= last)
            last = start
            for index in 0..<4 {
                let version = try await store.append(
                    entries[round * 4 + index],
                    index % 2 == 0 ? .required : .deferred
                )
                #expect(version > last)
                last = version
            }
            await store.close()
        }
    }

    @Test func `a deferred entry reaches the disk by itself, and in its order`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteRecordStore.open(dataDirectory: directory.path)
        let entries = try Life.eventful().entries
        try await store.append(entries[..<5], .deferred)
        #expect(await store.statistics.entries < 5, "a deferred entry does not wait for the disk")
        let deadline = ContinuousClock.now + .seconds(30)
        while await store.statistics.entries < 5, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(await store.statistics.entries == 5)

        try await store.append(entries[5..<9], .deferred)
        _ = try await store.append(entries[9], .required)
        #expect(await store.statistics.entries == 10, "a required entry is on disk with all before it")
        await store.close()
    }

    @Test func `appends that wait at the same time share a flush`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteRecordStore.open(dataDirectory: directory.path)
        let lives = try (0..<200).map { number in
            var life = try Life("web-\(number)")
            try life.declare("1.0.0")
            return life
        }
        let before = await store.statistics.commits
        let versions = try await withThrowingTaskGroup(of: ResourceVersion.self) { group in
            for life in lives {
                group.addTask { try await store.append(life.entries[0], .required) }
            }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(versions.count == 200)
        #expect(await store.statistics.commits - before <= 20)
        #expect(try await store.load().records.count == 200)

        // The control: one after the other, each has its own.
        var life = try Life("control")
        try life.run()
        let alone = await store.statistics.commits
        try await store.append(life.entries)
        #expect(await store.statistics.commits - alone == life.entries.count)
        await store.close()
    }

    @Test func `more appends than the queue takes wait for room, and none is lost`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteRecordStore.open(dataDirectory: directory.path)
        var life = try Life("busy")
        try life.run()
        for _ in 0..<pendingChangesLimit {
            try life.happen(.readinessChanged(unready: "503"))
            try life.happen(.readinessChanged(unready: nil))
        }
        for entry in life.entries {
            _ = try await store.append(entry, .deferred)
            #expect(await store.queue.count <= pendingChangesLimit)
        }
        try await store.flush()
        #expect(await store.statistics.entries == life.entries.count)
        #expect(try replay(try await store.journal(life.key), life.key) == life.record)
        await store.close()
    }

    @Test func `a caller that is cancelled does not disturb the others`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteRecordStore.open(dataDirectory: directory.path)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<50 {
                var life = try Life("web-\(number)")
                try life.run()
                let entries = life.entries
                group.addTask { for entry in entries { _ = try await store.append(entry, .required) } }
            }
            let doomed = Task {
                var life = try Life("doomed")
                try life.run()
                for entry in life.entries { _ = try await store.append(entry, .required) }
            }
            doomed.cancel()
            _ = await doomed.result
            try await group.waitForAll()
        }
        let records = try await store.load().records.filter { $0.record.key.name.rawValue != "doomed" }
        #expect(records.count == 50)
        #expect(records.allSatisfy { $0.record.phase == .running })
        await store.close()
    }

    @Test func `a deployment that is forgotten is gone, another of its name is not`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteRecordStore.open(dataDirectory: directory.path)
        var (web, other) = (try Life("web"), try Life("other"))
        try web.run()
        try other.run()
        try await store.append(web.entries)
        try await store.append(other.entries)
        await store.note(try notice())
        let before = try await store.load().resourceVersion

        #expect(try await store.forget(web.key, uid: "another uid") > before)
        #expect(try await store.load().records.count == 2)
        let version = try await store.forget(web.key, uid: "uid-web")
        #expect(version > before)
        #expect(try await store.load().records.map(\.record) == [other.record])
        #expect(try await store.journal(web.key) == JournalExcerpt(base: nil, events: []))
        #expect(try await store.events(web.key).count == 1, "events stay")

        try await store.append(web.entries, .deferred)
        _ = try await store.forget(web.key, uid: "uid-web")
        try await store.append(web.entries, .deferred)
        #expect(try await store.load().records.count == 2, "declared, forgotten and declared again at once")
        await store.close()
    }

    @Test func `a revision that leaves the history leaves the disk`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteRecordStore.open(dataDirectory: directory.path)
        let life = try Life.eventful()
        try await store.append(life.entries)
        #expect(life.record?.revisions.count == 1)
        let rows = try await store.connection.read {
            try Int.fetchOne($0, sql: "SELECT count(*) FROM revisions")
        }
        #expect(rows == 1)
        await store.close()
    }

    @Test func `the parts of a record are the whole of it`() throws {
        let record = try #require(try Life.eventful().record)
        let encoder = JSONEncoder()
        func members(_ value: some Encodable) throws -> Set<String> {
            let json = try JSONDecoder().decode(JSONValue.self, from: encoder.encode(value))
            return Set(try #require(json.object).keys)
        }
        #expect(try members(RecordBody(record: record)).union(RecordBody.separate) == members(record))
        #expect(try members(RecordBody(record: record)).isDisjoint(with: RecordBody.separate))
    }

    @Test func `a store that was closed refuses everything`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteRecordStore.open(dataDirectory: directory.path)
        await store.close()
        let entry = try #require(try Life.eventful().entries.first)
        await #expect(throws: StoreFault.self) { try await store.append(entry, .required) }
        await #expect(throws: StoreFault.self) { try await store.flush() }
        await #expect(throws: StoreFault.self) { try await store.recover() }
        await #expect(throws: StoreFault.self) { try await store.events(nil) }
    }
}
