import Dispatch
import Synchronization
import Testing

import ERALinux

/// Calls that block take so many threads and no more.
@Suite struct BlockingQueueTests {
    private struct Count: Sendable {
        var running = 0
        var most = 0
        var ended = 0
    }

    private final class Tally: Sendable {
        let count = Mutex(Count())
        let gate = DispatchSemaphore(value: 0)

        func block() {
            count.withLock {
                $0.running += 1
                $0.most = max($0.most, $0.running)
            }
            gate.wait()
            count.withLock {
                $0.running -= 1
                $0.ended += 1
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `as many run as may, the others wait for their turn, and all are run`() async throws {
        let queue = BlockingQueue(label: "test")
        let tally = Tally()
        let total = 5 * BlockingQueue.widthLimit
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<total {
                group.addTask {
                    await withCheckedContinuation { continuation in
                        queue.async {
                            tally.block()
                            continuation.resume()
                        }
                    }
                }
            }
            // Nobody waits a second for each thread that blocks: they all come, and others go on.
            let before = ContinuousClock.now
            // The first ones block; had the others a thread as well, they would come now.
            while tally.count.withLock({ $0.running }) < BlockingQueue.widthLimit {
                try? await Task.sleep(for: .milliseconds(5))
            }
            #expect(ContinuousClock.now - before < .seconds(8))
            try? await Task.sleep(for: .milliseconds(100))
            for _ in 0..<total { tally.gate.signal() }
        }
        #expect(tally.count.withLock { $0.most } == BlockingQueue.widthLimit)
        #expect(tally.count.withLock { $0.ended } == total)
    }
}
