import ERAAPI
import ERAClient
import ERAContracts
import ERACore
import ERAServer
import Testing

/// Watches, event streams and logs, over a real socket.
@Suite(.serialized) struct StreamTests {
    @Test func `a watch tells what exists, that this was all, and then what changes`() async throws {
        try await ServerFixture.run { server async throws in
            try await server.apply("a")
            var events = server.client.watch().makeAsyncIterator()
            #expect(try await events.next()?.summary == "added a")
            #expect(try await events.next() == .bookmark(resourceVersion: "101", endsInitialEvents: true))
            try await server.apply("b")
            #expect(try await events.next()?.summary == "added b")
            try await server.apply("a", version: "2.0.0")
            #expect(try await events.next()?.summary == "modified a")
            await server.plane.finishDeletion(key("a"))
            #expect(try await events.next()?.summary == "deleted a")
            await server.plane.endStreams()
            #expect(try await events.next() == nil)
        }
    }

    @Test func `what leaves the selection is deleted, what enters it is added`() async throws {
        try await ServerFixture.run { server async throws in
            var events = server.client.watch(labelSelector: "app=x").makeAsyncIterator()
            #expect(try await events.next() == .bookmark(resourceVersion: "100", endsInitialEvents: true))
            try await server.apply("a", labels: ["app": "y"])
            try await server.apply("a", labels: ["app": "x"])
            #expect(try await events.next()?.summary == "added a")
            try await server.apply("a", labels: ["app": "y"])
            #expect(try await events.next()?.summary == "deleted a")
        }
    }

    @Test func `a watch of one deployment hears nothing of others`() async throws {
        try await ServerFixture.run { server async throws in
            var events = server.client.watch(key("b")).makeAsyncIterator()
            #expect(try await events.next() == .bookmark(resourceVersion: "100", endsInitialEvents: true))
            try await server.apply("a")
            try await server.apply("b")
            #expect(try await events.next()?.summary == "added b")
        }
    }

    @Test func `bookmarks come while nothing changes, and carry the version that was told last`() async throws
    {
        var limits = Options.Limits()
        limits.bookmarkInterval = .milliseconds(20)
        try await ServerFixture.run(limits: limits) { server async throws in
            try await server.apply("a")
            var events = server.client.watch().makeAsyncIterator()
            #expect(try await events.next()?.summary == "added a")
            #expect(try await events.next() == .bookmark(resourceVersion: "101", endsInitialEvents: true))
            #expect(try await events.next() == .bookmark(resourceVersion: "101", endsInitialEvents: false))
        }
    }

    @Test func `a reader that goes away is forgotten`() async throws {
        try await ServerFixture.run { server async throws in
            let task = Task {
                for try await _ in server.client.watch() {}
            }
            try await eventually("the watch has begun") { await server.plane.watcherCount == 1 }
            task.cancel()
            try await eventually("the engine's stream has ended") { await server.plane.watcherCount == 0 }
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }

    @Test func `watchers beyond the limit are told to come later, and places are given back`() async throws {
        var limits = Options.Limits()
        limits.watcherLimit = 1
        try await ServerFixture.run(limits: limits) { server async throws in
            let task = Task { for try await _ in server.client.watch() {} }
            try await eventually("the first watch has begun") { await server.plane.watcherCount == 1 }
            let error = await #expect(throws: ClientError.self) {
                for try await _ in server.client.watch() {}
            }
            #expect(error?.status?.code == 429)
            task.cancel()
            try await eventually("the place is free again") {
                var events = server.client.watch().makeAsyncIterator()
                return (try? await events.next()) != nil
            }
        }
    }

    @Test func `events are listed by deployment and told as they happen, each once`() async throws {
        try await ServerFixture.run { server async throws in
            await server.plane.note(key("a"), "Started")
            await server.plane.note(key("b"), "Started")
            let listed = try await server.client.events(key("a"))
            #expect(listed.map(\.deploymentName) == ["a"])
            #expect(listed.first?.json["involvedObject"]?["kind"] == "Deployment")
            #expect(try await server.client.events().count == 2)
            var events = server.client.watchEvents(key("a")).makeAsyncIterator()
            #expect(try await events.next()?.reason == "Started")
            await server.plane.note(key("b"), "Stopped")
            await server.plane.note(key("a"), "Healthy")
            #expect(try await events.next()?.reason == "Healthy")
            var later = server.client.watchEvents(after: listed.first?.resourceVersion).makeAsyncIterator()
            #expect(try await later.next()?.deploymentName == "b")
        }
    }

    @Test func `logs come whole, and follow what is written`() async throws {
        try await ServerFixture.run { server async throws in
            try await server.apply("web")
            await server.plane.setOutput([Array("one\n".utf8), Array("two\n".utf8)])
            var text: [UInt8] = []
            for try await chunk in server.client.logs(key("web"), previous: true, LogRequest(tailLines: 2)) {
                text += chunk
            }
            #expect(String(decoding: text, as: UTF8.self) == "one\ntwo\n")
            let asked = await server.plane.lastLogRequest
            #expect(asked?.previous == true)
            #expect(asked?.request == LogRequest(tailLines: 2))

            await server.plane.setOutput([])
            let request = LogRequest(follow: true, timestamps: true)
            var chunks = server.client.logs(key("web"), request).makeAsyncIterator()
            async let first = chunks.next()
            try await eventually("the log is followed") { await server.plane.logFollowerCount == 1 }
            await server.plane.write(Array("three\n".utf8))
            #expect(try await first == Array("three\n".utf8))
        }
    }

    @Test func `watches end when the server does`() async throws {
        let task = Mailbox<Task<Int, any Error>>()
        try await ServerFixture.run { server async throws in
            let client = server.client
            await task.put(
                Task {
                    var count = 0
                    for try await _ in client.watch() { count += 1 }
                    return count
                }
            )
            try await eventually("the watch has begun") { await server.plane.watcherCount == 1 }
        }
        let watch = try #require(await task.value)
        // Ended or broken off: either way the reader is not left waiting.
        _ = await watch.result
    }
}

extension WatchEvent {
    /// The kind and the name, for tests.
    var summary: String {
        switch self {
        case .added(let object): "added \(object.name)"
        case .modified(let object): "modified \(object.name)"
        case .deleted(let object): "deleted \(object.name)"
        case .bookmark(let version, _): "bookmark \(version)"
        }
    }
}

/// Carries a value out of a closure.
actor Mailbox<Value: Sendable> {
    private(set) var value: Value?
    func put(_ value: Value) { self.value = value }
}
