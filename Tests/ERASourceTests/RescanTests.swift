import ERAContracts
import Glibc
import Testing

@testable import ERASource

/// What happens by the clock alone, and when the kernel's events fail.
@Suite(.timeLimit(.minutes(2))) struct RescanTests {
    let scratch: Scratch
    let clock = ManualClock()

    init() throws { scratch = try Scratch() }

    @Test(arguments: [(true, 30), (false, 2)])
    func `a hint comes every 30 seconds whatever happens, or every 2 without the kernel's events`(
        usesKernelEvents: Bool,
        seconds: Int
    ) async throws {
        var options = DirectorySourceOptions()
        options.usesKernelEvents = usesKernelEvents
        let source = DirectorySource(path: scratch.manifests, options: options, clock: clock)
        let hints = source.changes()
        var iterator = hints.makeAsyncIterator()
        #expect(await iterator.next() != nil)
        for _ in 0..<3 {
            let waiting = Task { [clock] in
                while clock.shortestSleep == nil { await Task.yield() }
                let sleep = clock.shortestSleep
                clock.advance(by: .seconds(seconds))
                return sleep
            }
            #expect(await iterator.next() != nil)
            #expect(await waiting.value == .seconds(seconds))
        }
    }

    @Test func `a change that no event told is found by the next look`() async throws {
        var options = DirectorySourceOptions()
        options.usesKernelEvents = false
        options.pollInterval = .milliseconds(20)
        options.settleTime = .seconds(2)
        let source = DirectorySource(path: scratch.manifests, options: options)
        try scratch.write("m/a.yaml", "1", age: 9)
        var following = try await Following(source)
        try await following.until { $0.texts == ["a.yaml": "1"] }
        try scratch.write("m/a.yaml", "2")
        // Young, and nobody was seen to close it: it settles first.
        #expect(try await source.snapshot().isSettled == false)
        try await following.until { $0.texts == ["a.yaml": "2"] }
    }

    @Test func `an overflow of the kernel's queue is a full rescan`() async throws {
        let tree = try #require(WatchTree(root: scratch.manifests, options: DirectorySourceOptions()))
        defer { close(tree.descriptor) }
        var watched = tree
        watched.rebuild()
        _ = watched.read()
        // One more than fs.inotify.max_queued_events; two alternating files, since equal events are merged.
        for number in 0..<17_000 {
            try scratch.rename(number % 2 == 0 ? "m" : "n", number % 2 == 0 ? "n" : "m")
        }
        let seen = watched.read()
        #expect(seen.isUrgent)
        try scratch.write("m/after.yaml", "a")
        #expect(watched.read().changes.map(\.path).contains("after.yaml"))
    }

    @Test func `cancelling ends the stream and leaves no descriptor`() async throws {
        let source = DirectorySource(path: scratch.manifests)
        let before = openDescriptors()
        for _ in 0..<20 {
            let task = Task {
                var count = 0
                for await _ in source.changes() { count += 1 }
                return count
            }
            try await Task.sleep(for: .milliseconds(5))
            task.cancel()
            #expect(await task.value >= 0)
        }
        // The queue closes each descriptor a moment after the end.
        let deadline = ContinuousClock.now + .seconds(10)
        while openDescriptors() > before + 4, ContinuousClock.now < deadline { await Task.yield() }
        #expect(openDescriptors() <= before + 4)
    }

    @Test func `a snapshot of 500 unchanged files is cheap`() async throws {
        for number in 0..<500 {
            try scratch.write("m/\(number).yaml", String(repeating: "x", count: 1000), age: 9)
        }
        let source = DirectorySource(path: scratch.manifests)
        _ = try await source.snapshot()
        let time = try await ContinuousClock().measure { _ = try await source.snapshot() }
        print("snapshot of 500 known files: \(time)")
        #expect(time < .milliseconds(500))
    }

    /// Those of watches: other tests of this process have others open.
    private func openDescriptors() -> Int {
        (0..<1024).count { number in
            var target = [CChar](repeating: 0, count: 64)
            let length = readlink("/proc/self/fd/\(number)", &target, target.count - 1)
            return length > 0
                && target.withUnsafeBytes { String(decoding: $0.prefix(length), as: UTF8.self) }
                    .contains("inotify")
        }
    }
}
