import ERACore
import Synchronization

/// What happened in a simulated world, in order, and how often each kind of thing did: a simulator that never
/// sees a rollback proves nothing about rollbacks.
final class Chronicle: Sendable {
    private struct State {
        var lines: [String] = []
        var counts: [String: Int] = [:]
        var violations: [String] = []
    }

    private let clock: ManualClock
    private let state = Mutex(State())

    init(clock: ManualClock) { self.clock = clock }

    func log(_ text: String) {
        let milliseconds = clock.now().uptime.sinceBoot.milliseconds
        state.withLock { $0.lines.append("\(milliseconds) \(text)") }
    }

    func count(_ name: String) { state.withLock { $0.counts[name, default: 0] += 1 } }

    /// A promise was broken.
    func violate(_ text: String) { state.withLock { $0.violations.append(text) } }

    var lines: [String] { state.withLock { $0.lines } }
    var counts: [String: Int] { state.withLock { $0.counts } }
    var violations: [String] { state.withLock { $0.violations } }
}
