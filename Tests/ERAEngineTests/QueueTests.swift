import ERACore
import ERATestKit
import Testing

@testable import ERAEngine

@Suite struct WorkQueueTests {
    private let start = Uptime(sinceBoot: .seconds(100))

    @Test func `a key that asks twice gets one pass`() {
        var queue = WorkQueue<String>()
        queue.add("a")
        queue.add("b")
        queue.add("a")
        #expect(queue.take(9, 99, at: start) == "a")
        #expect(queue.take(9, 99, at: start) == "b")
        #expect(queue.take(9, 99, at: start) == nil)
    }

    @Test func `a key that asks during its pass gets another one after it, never beside it`() {
        var queue = WorkQueue<String>()
        queue.add("a")
        #expect(queue.take(9, 99, at: start) == "a")
        queue.add("a")
        queue.add("a")
        #expect(queue.take(9, 99, at: start) == nil)
        queue.finish("a")
        #expect(queue.take(9, 99, at: start) == "a")
        queue.finish("a")
        #expect(queue.take(9, 99, at: start) == nil)
        #expect(queue.count == 0)
    }

    @Test func `no more than the limit are under way`() {
        var queue = WorkQueue<Int>()
        for key in 0..<5 { queue.add(key) }
        #expect(queue.take(2, 99, at: start) == 0)
        #expect(queue.take(2, 99, at: start) == 1)
        #expect(queue.take(2, 99, at: start) == nil)
        queue.finish(0)
        #expect(queue.take(2, 99, at: start) == 2)
    }

    @Test func `who holds a place for long frees it, and is not taken again before it ends`() {
        var queue = WorkQueue<Int>()
        for key in 0..<3 { queue.add(key) }
        #expect(queue.take(1, 99, at: start) == 0)
        #expect(queue.oldestPlace == start)
        queue.freePlaces(heldFor: .seconds(1), at: start + .milliseconds(999))
        #expect(queue.take(1, 99, at: start) == nil)
        queue.freePlaces(heldFor: .seconds(1), at: start + .seconds(1))
        #expect(queue.take(1, 99, at: start + .seconds(1)) == 1)
        queue.add(0)
        queue.finish(1)
        #expect(queue.take(1, 99, at: start + .seconds(1)) == 2)
        // Nobody waits, so nobody has to make room.
        #expect(queue.oldestPlace == nil)
        queue.finish(0)
        #expect(queue.take(1, 99, at: start + .seconds(1)) == nil)
        queue.finish(2)
        #expect(queue.take(1, 99, at: start + .seconds(1)) == 0)
    }

    @Test func `who is urgent comes first, once, and stays so through the pass under way`() {
        var queue = WorkQueue<String>()
        for key in ["a", "b", "c"] { queue.add(key) }
        queue.add("c", isUrgent: true)
        queue.add("c")
        #expect(queue.take(9, 99, at: start) == "c")
        #expect(queue.take(9, 99, at: start) == "a")
        queue.add("a", isUrgent: true)
        queue.add("a")
        queue.finish("c")
        queue.add("c")
        queue.finish("a")
        #expect(queue.take(9, 99, at: start) == "a")
        #expect(queue.take(9, 99, at: start) == "b")
        #expect(queue.take(9, 99, at: start) == "c")
        #expect(queue.take(9, 99, at: start) == nil)
        for key in ["a", "b", "c"] { queue.finish(key) }
        #expect(queue.count == 0)
    }

    @Test func `who is urgent finds room, and lets another one through after three`() {
        var queue = WorkQueue<String>()
        for key in ["a", "b", "c"] { queue.add(key) }
        #expect(queue.take(1, 99, at: start) == "a")
        #expect(queue.take(1, 99, at: start) == nil)
        for key in ["u", "v", "w", "x", "y"] { queue.add(key, isUrgent: true) }
        #expect(queue.take(1, 99, at: start) == "u")
        #expect(queue.take(1, 99, at: start) == nil)
        let taken = (0..<6).map { _ in queue.take(9, 99, at: start) }
        #expect(taken == ["v", "w", "b", "x", "y", "c"])
    }

    @Test func `who waits without a place is bounded as well`() {
        var queue = WorkQueue<Int>()
        for key in 0..<9 { queue.add(key) }
        for key in 0..<4 {
            #expect(queue.take(1, 4, at: start) == key)
            queue.freePlaces(heldFor: .zero, at: start)
        }
        #expect(queue.take(1, 4, at: start) == nil)
        queue.add(8, isUrgent: true)
        #expect(queue.take(1, 4, at: start) == 8)
        queue.finish(0)
        queue.finish(1)
        queue.freePlaces(heldFor: .zero, at: start)
        #expect(queue.take(1, 4, at: start) == 4)
    }

    @Test func `thousands come out in the order in which they came in`() {
        var queue = WorkQueue<Int>()
        for key in 0..<5000 { queue.add(key) }
        for key in 0..<5000 {
            #expect(queue.take(1, 99, at: start) == key)
            queue.finish(key)
        }
    }
}

@Suite struct FifoTests {
    @Test func `what goes in comes out in order, however it is mixed`() {
        let random = SeededRandom(seed: 7)
        var fifo = Fifo<Int>()
        var (next, expected) = (0, 0)
        for _ in 0..<20_000 {
            if random.chance(0.55) {
                fifo.append(next)
                next += 1
            } else if let value = fifo.popFirst() {
                #expect(value == expected)
                expected += 1
            } else {
                #expect(next == expected)
            }
            #expect(fifo.count == next - expected)
            #expect(fifo.first == (fifo.isEmpty ? nil : expected))
        }
    }
}

@Suite struct TimerQueueTests {
    /// Compared with a dictionary that is searched from end to end.
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `it does what a naive model does`(_ seed: UInt64) {
        let random = SeededRandom(seed: seed)
        var timers = TimerQueue<Int>()
        var model: [Int: Uptime] = [:]
        var now = Uptime(sinceBoot: .zero)
        for _ in 0..<2000 {
            switch random.below(4) {
            case 0:
                now = now + .milliseconds(random.below(400))
                let due = model.filter { $0.value <= now }.sorted { ($0.value, $0.key) < ($1.value, $1.key) }
                #expect(timers.due(at: now) == due.map(\.key))
                for (key, _) in due { model[key] = nil }
            case 1:
                let key = random.below(30)
                timers.set(key, nil)
                model[key] = nil
            default:
                let (key, time) = (random.below(30), now + .milliseconds(random.below(1000)))
                timers.set(key, time)
                model[key] = time
            }
            #expect(timers.count == model.count)
            // It may look too early, never too late.
            if let earliest = model.values.min() { #expect(timers.earliest.map { $0 <= earliest } == true) }
        }
    }

    @Test func `setting one timer again and again keeps nothing but the last`() {
        var timers = TimerQueue<Int>()
        for second in 1...100_000 { timers.set(1, Uptime(sinceBoot: .seconds(second))) }
        #expect(timers.due(at: Uptime(sinceBoot: .seconds(99_999))) == [])
        #expect(timers.due(at: Uptime(sinceBoot: .seconds(100_000))) == [1])
        #expect(timers.earliest == nil)
    }
}
