import ERAContracts
import ERAEngine

/// An engine that runs until something has come about, and no longer.
struct OneShot: Sendable {
    /// Between two looks at what has come about.
    private static let pause = Duration.milliseconds(20)
    /// A little more than `DirectorySourceOptions.settleTime`: what changed just before counts after that.
    static let settleTime = Duration.milliseconds(150)

    let engine: Engine

    init(_ engine: Engine) { self.engine = engine }

    /// Runs the engine until `check` is content or the deadline has passed.
    ///
    /// - Parameters:
    ///   - begin: Called once, when all sources have been read.
    ///   - check: Told whether the time is over; looks at the engine.
    /// - Returns: What the last check saw.
    /// - Throws: What the engine throws at start, and what `begin` throws.
    func run<Outcome: Settling>(
        until deadline: ContinuousClock.Instant,
        begin: @escaping @Sendable () async throws -> Void,
        check: @escaping @Sendable (_ isOver: Bool) async throws -> Outcome
    ) async throws -> Outcome {
        try await withThrowingTaskGroup(of: Outcome?.self) { group in
            group.addTask {
                try await engine.run()
                return nil
            }
            group.addTask {
                while await !engine.health().isReady { try await Task.sleep(for: Self.pause) }
                try await begin()
                while true {
                    let isOver = ContinuousClock.now >= deadline
                    let outcome = try await check(isOver)
                    if outcome.isSettled || isOver { return outcome }
                    try await Task.sleep(for: Self.pause)
                }
            }
            while let result = try await group.next() {
                guard let outcome = result else { continue }
                group.cancelAll()
                return outcome
            }
            throw CommandFailure("the engine ended before anything had come about")
        }
    }
}

/// Something that may have come about.
protocol Settling: Sendable {
    var isSettled: Bool { get }
}
