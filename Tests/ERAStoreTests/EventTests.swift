import ERAContracts
import ERACore
import Testing

@testable import ERAStore

@Suite struct EventTests {
    @Test func `equal events are counted, different ones are not`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteRecordStore.open(dataDirectory: directory.path)
        await store.note(try notice(second: 0))
        await store.note(try notice("other", second: 1))
        try await store.flushWithEvents()
        await store.note(try notice(second: 2))
        await store.note(try notice("web", "started revision 2", second: 3))
        await store.note(try notice(reason: "Stopped", second: 4))
        await store.note(try notice(second: 5))

        let events = try await store.events(DeploymentKey(name: try DeploymentName("web")))
        #expect(events.map(\.count) == [1, 1, 3], "oldest first, by the last time they were seen")
        #expect(events.last?.notice.at == (try notice(second: 0)).at)
        #expect(events.last?.lastAt == (try notice(second: 5)).at)
        #expect(Set(events.map(\.id)).count == 3)
        #expect(try await store.events(nil).count == 4)
        await store.close()

        let reopened = try SQLiteRecordStore.open(dataDirectory: directory.path)
        #expect(try await reopened.events(DeploymentKey(name: try DeploymentName("web"))) == events)
        await reopened.close()
    }

    @Test func `each occurrence moves the event to a new resource version`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteRecordStore.open(dataDirectory: directory.path)
        var last = ResourceVersion(0)
        for second in 0..<3 {
            await store.note(try notice(second: second))
            let event = try #require(try await store.events(nil).first)
            #expect(event.resourceVersion > last)
            last = event.resourceVersion
        }
        await store.close()
    }

    @Test(arguments: [(599, 1), (601, 2), (-86_400 * 3_650, 2), (86_400 * 3_650, 2)])
    func `an equal event after the window is one of its own, whatever the clock does`(
        gap: Int,
        count: Int
    ) throws {
        var log = EventLog()
        var version: Int64 = 0
        for second in [0, gap] {
            log.note(try notice(second: second)) {
                version += 1
                return ResourceVersion(version)
            }
        }
        #expect(log.pending.count == count)
    }

    @Test func `the newest events of a deployment and of all are kept`() async throws {
        let directory = try TemporaryDirectory()
        let options = StoreOptions(deploymentEventsLimit: 5, eventsLimit: 12)
        let store = try SQLiteRecordStore.open(dataDirectory: directory.path, options: options)
        for name in ["a", "b", "c"] {
            for number in 0..<8 { await store.note(try notice(name, "event \(number)")) }
            try await store.flushWithEvents()
        }
        #expect(try await store.events(nil).count == 12)
        let newest = try await store.events(DeploymentKey(name: try DeploymentName("c")))
        #expect(newest.map(\.notice.message) == (3..<8).map { "event \($0)" })
        #expect(try await store.events(DeploymentKey(name: try DeploymentName("a"))).count == 2)
        await store.close()
    }

    @Test func `a flood of events is bounded and stops nobody`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteRecordStore.open(
            dataDirectory: directory.path,
            options: StoreOptions(clock: StoppedClock())
        )
        for number in 0..<(pendingEventsLimit + 500) {
            await store.note(try notice("web", "event \(number)"))
        }
        #expect(await store.statistics.droppedEvents == 500)
        #expect(try await store.events(nil).count == pendingEventsLimit)
        try await store.flushWithEvents()
        #expect(try await store.events(nil).count == 100)
        await store.close()
    }

    @Test func `the memory of recent events is bounded`() throws {
        var log = EventLog()
        var version: Int64 = 0
        for number in 0..<20_000 {
            log.note(try notice("web", "event \(number)")) {
                version += 1
                return ResourceVersion(version)
            }
            if number % 100 == 0 {
                _ = log.take()
                log.settle()
            }
        }
        #expect(log.recentCount <= 2 * pendingEventsLimit + 1)
    }

    @Test func `a message that is too long is shortened between characters`() throws {
        var log = EventLog()
        log.note(try notice("web", String(repeating: "🦀e\u{301}", count: 10_000))) { ResourceVersion(1) }
        let message = try #require(log.pending.first?.notice.message)
        #expect(message.utf8.count <= eventMessageLimit)
        #expect(message.utf8.count > eventMessageLimit / 2)
        #expect(message.hasSuffix("…"))
    }

    @Test func `events that did not reach the disk are written after the recovery`() async throws {
        let directory = try TemporaryDirectory()
        let trouble = Trouble()
        var options = StoreOptions()
        options.afterCommit = { try trouble.check() }
        let store = try SQLiteRecordStore.open(dataDirectory: directory.path, options: options)
        await store.note(try notice(second: 0))
        trouble.begin()
        await #expect(throws: StoreFault.self) { try await store.flushWithEvents() }
        await store.note(try notice(second: 1))
        #expect(try await store.events(nil).map(\.count) == [2], "reading goes on")
        trouble.end()
        try await store.recover()
        await store.close()
        let reopened = try SQLiteRecordStore.open(dataDirectory: directory.path)
        #expect(try await reopened.events(nil).map(\.count) == [2])
        await reopened.close()
    }
}

/// A clock on which nobody ever wakes up: no deferral ends.
struct StoppedClock: Clock {
    typealias Instant = ContinuousClock.Instant
    var now: Instant { ContinuousClock.now }
    var minimumResolution: Duration { .zero }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        try await ContinuousClock().sleep(for: .seconds(86_400))
    }
}
