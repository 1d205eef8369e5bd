import ERAContracts
import ERACore
import Glibc
import GRDB
import Testing

@testable import ERAStore

@Suite(.serialized) struct ThroughputTests {
    @Test func `every commit is flushed to the disk`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteRecordStore.open(dataDirectory: directory.path)
        let settings = try await store.connection.read { db in
            try ["synchronous", "journal_mode", "foreign_keys"].map {
                try String.fetchOne(db, sql: "PRAGMA \($0)")
            }
        }
        #expect(settings == ["2", "wal", "1"], "2 is FULL")
        await store.close()
    }

    @Test func `a single append costs little more than the disk's flush`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteRecordStore.open(dataDirectory: directory.path)
        var life = try Life("single")
        try life.run()
        for _ in 0..<100 {
            try life.happen(.readinessChanged(unready: "503"))
            try life.happen(.readinessChanged(unready: nil))
        }
        var times: [Duration] = []
        for entry in life.entries {
            let start = ContinuousClock.now
            _ = try await store.append(entry, .required)
            times.append(ContinuousClock.now - start)
        }
        times.sort()
        print(
            "store: one durable append: median \(times[times.count / 2]), longest \(times[times.count - 1])"
        )
        #expect(times[times.count / 2] < .seconds(1))
        await store.close()
    }

    /// 500 deployments, 20 entries each, all at once: what a start with many manifests asks of the store. The
    /// numbers are printed; the bounds are those of a slow machine and an unoptimised build.
    @Test func `ten thousand appends take seconds, not minutes`() async throws {
        let directory = try TemporaryDirectory()
        let lives = try (0..<500).map { number in
            var life = try Life("web-\(number)")
            try life.run()
            for _ in 0..<6 {
                try life.happen(.readinessChanged(unready: "503"))
                try life.happen(.readinessChanged(unready: nil))
            }
            return life.entries[..<20]
        }
        let store = try SQLiteRecordStore.open(dataDirectory: directory.path)
        let (start, cpu) = (ContinuousClock.now, cpuTime())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for entries in lives {
                group.addTask {
                    for (index, entry) in entries.enumerated() {
                        _ = try await store.append(entry, index % 2 == 0 ? .required : .deferred)
                    }
                }
            }
            try await group.waitForAll()
        }
        try await store.flush()
        let (elapsed, used) = (ContinuousClock.now - start, cpuTime() - cpu)
        let statistics = await store.statistics
        await store.close()
        let opening = ContinuousClock.now
        let reopened = try SQLiteRecordStore.open(dataDirectory: directory.path)
        #expect(try await reopened.load().records.count == 500)
        print(
            "store: 10,000 appends in \(elapsed), \(used / 10_000) of CPU each, "
                + "\(statistics.commits) commits; opened again in \(ContinuousClock.now - opening)"
        )
        await reopened.close()
        #expect(statistics.entries == 10_000)
        #expect(statistics.commits < 5_000)
        #expect(elapsed < .seconds(120))
    }
}

/// What this process has used of the processors.
private func cpuTime() -> Duration {
    var now = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now)
    return .seconds(now.tv_sec) + .nanoseconds(now.tv_nsec)
}
