import ERACore
import ERAEngine
import Synchronization

/// What can go wrong in a simulated world, drawn from its seed; and the end of a process that crashed.
final class Faults: Sendable {
    struct State {
        var isOn = true
        /// Which process is alive; a call from an earlier one comes from the dead.
        var incarnation = 0
        var isCrashing = false
    }

    let random: SeededRandom
    let clock: ManualClock
    private let state = Mutex(State())

    init(random: SeededRandom, clock: ManualClock) {
        self.random = random
        self.clock = clock
    }

    var isOn: Bool { state.withLock { $0.isOn } }
    func turnOff() { state.withLock { $0.isOn = false } }

    /// The process is to end before its next job.
    var isCrashing: Bool { state.withLock { $0.isCrashing } }
    func crash() { state.withLock { $0.isCrashing = true } }

    /// Begins the next process.
    /// - Returns: Its number.
    func boot() -> Int {
        state.withLock { state in
            state.isCrashing = false
            state.incarnation += 1
            return state.incarnation
        }
    }

    /// A call from a process that is no more has no effect.
    func ensureAlive(_ incarnation: Int) throws {
        let isAlive = state.withLock { $0.incarnation == incarnation && !$0.isCrashing }
        guard isAlive else { throw CancellationError() }
    }

    /// One call to the outside: it takes time, it may fail before or after it had its effect, and the process may
    /// end at either point.
    func perform<Value>(
        _ name: String,
        _ incarnation: Int,
        failing: Double = 0.08,
        _ effect: () throws -> Value
    ) async throws -> Value {
        try ensureAlive(incarnation)
        guard isOn else { return try effect() }
        if random.chance(0.3) {
            try await clock.sleep(until: clock.now().uptime + .milliseconds(random.below(3000)))
            try ensureAlive(incarnation)
        }
        if random.chance(0.01) {
            crash()
            throw CancellationError()
        }
        if random.chance(failing) {
            throw Failure.transient(.pluginFault, "\(name) failed before its effect")
        }
        let value = try effect()
        if random.chance(0.01) {
            crash()
            throw CancellationError()
        }
        if random.chance(failing / 2) {
            throw Failure.transient(.pluginFault, "\(name) failed after its effect")
        }
        return value
    }
}
