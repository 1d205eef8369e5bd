public import ERACore

/// The engine's only source of time.
public protocol EngineClock: Sendable {
    /// Both clocks, read once.
    func now() -> Timestamp

    /// Returns when the uptime has come, at once when it has passed.
    /// - Throws: `CancellationError` when the task is cancelled.
    func sleep(until deadline: Uptime) async throws
}
