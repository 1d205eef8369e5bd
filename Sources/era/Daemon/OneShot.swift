import ERAContracts
import ERAEngine
import Synchronization

/// An engine that runs until something has come about, and no longer.
struct OneShot: Sendable {
    /// What it has come to.
    struct End<Outcome: Sendable>: Sendable {
        var outcome: Outcome
        /// Whether it has come about; otherwise time ran out first.
        var isInTime: Bool
    }

    /// Between two looks at what has come about.
    private static let pause = Duration.milliseconds(20)

    private let engine: Engine
    private let close: @Sendable () async -> Void
    private let endTimeLimit: Duration

    /// - Parameters:
    ///   - close: Closes what the engine used, once it has ended.
    ///   - endTimeLimit: How long the engine and `close` may go on when time has run out.
    init(
        _ engine: Engine,
        endTimeLimit: Duration = .seconds(5),
        close: @escaping @Sendable () async -> Void
    ) {
        self.engine = engine
        self.endTimeLimit = endTimeLimit
        self.close = close
    }

    /// Runs the engine until `begin` has returned and `check` is content, or the deadline has passed;
    /// whatever hangs, it takes no more than `endTimeLimit` longer.
    ///
    /// - Parameters:
    ///   - begin: Called once, when all sources have been read; cancelled at the deadline.
    ///   - check: Looks at the engine; at the deadline perhaps before `begin` was called.
    ///   - abandon: Called when something does not end though it was told to, with what the last check saw,
    ///     if there was one. It has to end the process: a step that is left in the middle is settled by
    ///     whoever comes next, as after a crash.
    /// - Returns: What the last check saw.
    /// - Throws: What the engine throws at start, and what `begin` and `check` throw.
    func run<Outcome: Settling>(
        until deadline: ContinuousClock.Instant,
        begin: @escaping @Sendable () async throws -> Void,
        check: @escaping @Sendable () async throws -> Outcome,
        abandon: @escaping @Sendable (Outcome?) -> Void
    ) async throws -> End<Outcome> {
        let last = LastLook<Outcome>()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [endTimeLimit] in
                try await Task.sleep(until: deadline + endTimeLimit, clock: .continuous)
                abandon(last.outcome)
            }
            defer { group.cancelAll() }
            let end: Result<End<Outcome>, any Error>
            do {
                end = .success(
                    try await race(until: deadline, begin: begin) {
                        let outcome = try await check()
                        last.outcome = outcome
                        return outcome
                    }
                )
            } catch {
                end = .failure(error)
            }
            await close()
            return try end.get()
        }
    }

    private func race<Outcome: Settling>(
        until deadline: ContinuousClock.Instant,
        begin: @escaping @Sendable () async throws -> Void,
        check: @escaping @Sendable () async throws -> Outcome
    ) async throws -> End<Outcome> {
        try await withThrowingTaskGroup(of: End<Outcome>?.self) { group in
            group.addTask {
                try await engine.run()
                return nil
            }
            group.addTask {
                while await !engine.health().isReady { try await Task.sleep(for: Self.pause) }
                try await begin()
                while true {
                    let outcome = try await check()
                    if outcome.isSettled { return End(outcome: outcome, isInTime: true) }
                    try await Task.sleep(for: Self.pause)
                }
            }
            group.addTask {
                try await Task.sleep(until: deadline, clock: .continuous)
                return End(outcome: try await check(), isInTime: false)
            }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let end = result { return end }
            }
            throw CommandFailure("the engine ended before anything had come about")
        }
    }
}

/// What was seen last; a class, since whoever looks and whoever gives up share it.
private final class LastLook<Outcome: Sendable>: Sendable {
    private let state = Mutex<Outcome?>(nil)

    var outcome: Outcome? {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}

/// Something that may have come about.
protocol Settling: Sendable {
    var isSettled: Bool { get }
}
