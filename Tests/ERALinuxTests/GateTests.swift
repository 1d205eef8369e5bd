import Synchronization
import Testing

import ERALinux

/// So many at a time, and the others in their turn.
@Suite(.timeLimit(.minutes(1)))
struct GateTests {
    private final class Tally: Sendable {
        private let counts = Mutex((inside: 0, most: 0, queued: 0))

        var most: Int { counts.withLock { $0.most } }
        var queued: Int { counts.withLock { $0.queued } }

        func wait() { counts.withLock { $0.queued += 1 } }

        func enter() {
            counts.withLock {
                $0.inside += 1
                $0.most = max($0.most, $0.inside)
            }
        }

        func leave() { counts.withLock { $0.inside -= 1 } }
    }

    @Test func `one at a time are let through, and those who wait are told so`() async throws {
        let gate = Gate(limit: 1)
        let tally = Tally()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    try await gate.withPermit(queued: { tally.wait() }) {
                        tally.enter()
                        // Until somebody waits, so that one at a time is no accident.
                        while tally.queued == 0 { await Task.yield() }
                        tally.leave()
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(tally.most == 1)
        #expect(gate.waiting == 0)
    }

    @Test func `who is cancelled while it waits leaves, and the next has its turn`() async throws {
        let gate = Gate(limit: 1)
        try await gate.withPermit {
            let waiter = Task { try await gate.withPermit { Issue.record("it got in") } }
            while gate.waiting == 0 { await Task.yield() }
            waiter.cancel()
            await #expect(throws: CancellationError.self) { try await waiter.value }
            #expect(gate.waiting == 0)
        }
        #expect(try await gate.withPermit { true })
    }
}
