import ERAContracts
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
        /// Points at which the process could end, so far.
        var points = 0
        /// Calls that hang now: what their names begin with.
        var stalled: Set<String> = []
        /// Calls that go on for ever and tell of it: what their names begin with, and what they tell.
        var telling: [String: [StepProgress]] = [:]
        /// Calls that fail now, for a while: what their names begin with.
        var failing: Set<String> = []
        /// What is being done to each deployment: at most one thing.
        var underway: [DeploymentKey: String] = [:]
    }

    let random: SeededRandom
    let clock: ManualClock
    let chronicle: Chronicle
    /// Ends the process at this point, counted from the beginning of the world; nil leaves it to chance.
    private let crashPoint: Int?
    private let state = Mutex(State())

    init(random: SeededRandom, clock: ManualClock, chronicle: Chronicle, crashPoint: Int?) {
        self.random = random
        self.clock = clock
        self.chronicle = chronicle
        self.crashPoint = crashPoint
    }

    var isOn: Bool { state.withLock { $0.isOn } }
    func turnOff() { state.withLock { $0.isOn = false } }

    /// The process is to end before its next job.
    var isCrashing: Bool { state.withLock { $0.isCrashing } }
    func crash() { state.withLock { $0.isCrashing = true } }

    /// Whether the crash that was asked for by its point has come.
    var hasReachedCrashPoint: Bool {
        state.withLock { state in crashPoint.map { state.points >= $0 } ?? false }
    }

    /// From now on calls hang whose names begin so, until ``unstall()``.
    func stall(_ prefix: String) { state.withLock { _ = $0.stalled.insert(prefix) } }
    func unstall() {
        state.withLock { state in
            state.stalled = []
            state.telling = [:]
        }
    }

    /// From now on calls whose names begin so tell this, one after the other each ten seconds and the last
    /// one again and again, until ``unstall()``. A single one that waits for its turn is told once.
    func stall(_ prefix: String, telling news: StepProgress...) {
        state.withLock { $0.telling[prefix] = news }
    }

    /// Who was telling goes on without a word, or hangs if it is stalled.
    func fallSilent() { state.withLock { $0.telling = [:] } }

    /// Tells what ``stall(_:telling:)`` said, as long as it is to be told.
    func tell(_ name: String, _ progress: (StepProgress) -> Void) async throws {
        var count = 0
        while let news = state.withLock({ $0.telling.first { name.hasPrefix($0.key) }?.value }), !news.isEmpty
        {
            let next = news[min(count, news.count - 1)]
            if count == 0 || next != .queued { progress(next) }
            count += 1
            try await clock.sleep(until: clock.now().uptime + .seconds(10))
        }
    }

    /// From now on calls fail, for a while, whose names begin so, until ``mend()``.
    func fail(_ prefix: String) { state.withLock { _ = $0.failing.insert(prefix) } }
    func mend() { state.withLock { $0.failing = [] } }

    func isStalled(_ name: String) -> Bool {
        state.withLock { state in state.stalled.contains { name.hasPrefix($0) } }
    }

    private func isFailing(_ name: String) -> Bool {
        state.withLock { state in state.failing.contains { name.hasPrefix($0) } }
    }

    /// Notes a call for a deployment, and a violation where another has not ended.
    private func begin(_ name: String, _ deployment: DeploymentKey?) {
        guard let deployment else { return }
        let other = state.withLock { state in
            let other = state.underway[deployment]
            state.underway[deployment] = name
            return other
        }
        if let other { chronicle.violate("\(name) while \(other) is under way") }
    }

    /// Whether nothing is being done to any deployment.
    var isIdle: Bool { state.withLock { $0.underway.isEmpty } }

    private func end(_ deployment: DeploymentKey?) {
        guard let deployment else { return }
        state.withLock { $0.underway[deployment] = nil }
    }

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

    /// A point at which the process may end: before or after a write, before or after an effect.
    func pass(_ incarnation: Int, _ point: @autoclosure () -> String) throws {
        try ensureAlive(incarnation)
        let isReached = state.withLock { state in
            state.points += 1
            return state.points == crashPoint
        }
        guard isReached || isOn && random.chance(0.01) else { return }
        chronicle.log("ends \(point())")
        crash()
        throw CancellationError()
    }

    /// One call to the outside: it takes time, it may hang, it may fail before or after it had its effect,
    /// and the process may end at either point.
    ///
    /// - Parameter deployment: What it is done to: one call at a time.
    func perform<Value>(
        _ name: String,
        _ incarnation: Int,
        of deployment: DeploymentKey? = nil,
        failing: Double = 0.08,
        _ effect: () throws -> Value
    ) async throws -> Value {
        try ensureAlive(incarnation)
        begin(name, deployment)
        defer { end(deployment) }
        if isOn { try await delay(name, incarnation) }
        if isStalled(name) {
            chronicle.log("\(name) hangs")
            try await clock.sleep(until: clock.now().uptime + .seconds(30 * 24 * 3600))
        }
        try pass(incarnation, "before \(name)")
        if isFailing(name) || isOn && random.chance(failing) {
            chronicle.log("\(name) fails before its effect")
            throw Failure.transient(.pluginFault, "\(name) failed before its effect")
        }
        let value = try effect()
        chronicle.log(name)
        try pass(incarnation, "after \(name)")
        if isOn, random.chance(failing / 2) {
            chronicle.log("\(name) fails after its effect")
            throw Failure.transient(.pluginFault, "\(name) failed after its effect")
        }
        return value
    }

    /// Three calls of ten take a while, some long enough to be overtaken
    /// by what people do, and few never end.
    private func delay(_ name: String, _ incarnation: Int) async throws {
        guard random.chance(0.3) else { return }
        let length: Duration
        switch random.below(40) {
        case 0:
            length = .seconds(7200)
            chronicle.count("call hung")
        case 1...3: length = .seconds(random.below(25))
        default: length = .milliseconds(random.below(3000))
        }
        do {
            try await clock.sleep(until: clock.now().uptime + length)
        } catch {
            if isOn { chronicle.count("call cancelled") }
            throw error
        }
        try ensureAlive(incarnation)
    }
}
