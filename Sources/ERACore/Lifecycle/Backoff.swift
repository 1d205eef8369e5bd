/// A number drawn uniformly from 0 ..< 1 outside the core, so that the core stays a function.
public struct Jitter: Hashable, Sendable, Codable {
    public let unit: Double

    /// - Precondition: `unit` is in 0 ..< 1.
    public init(_ unit: Double) {
        precondition((0..<1).contains(unit), "jitter outside 0 ..< 1")
        self.unit = unit
    }

    /// No spread at all: the delay as declared.
    public static let none = Jitter(0.5)

    public init(from decoder: any Decoder) throws {
        let unit = try Double(from: decoder)
        self.unit = (0..<1).contains(unit) ? unit : 0.5
    }
    public func encode(to encoder: any Encoder) throws { try unit.encode(to: encoder) }
}

/// The delay before attempt `failures + 1`: `initial * factor^(failures - 1)`, at most `limit`, ±20 %,
/// and never below ``backoffFloor``.
///
/// - Parameter failures: Failed attempts so far; 1 or more.
func backoff(
    after failures: Int,
    initial: Duration,
    factor: Double,
    limit: Duration,
    jitter: Jitter
) -> Duration {
    var delay = initial
    // At most as many rounds as doublings fit below a year, so a count of millions costs nothing.
    for _ in 1..<max(2, min(failures, 64)) where failures > 1 {
        delay = min(delay * factor, limit)
        if delay == limit { break }
    }
    return max(min(delay, limit) * (0.8 + 0.4 * jitter.unit), backoffFloor)
}

/// The shortest delay, so that a manifest that asks for none cannot keep the machine busy.
let backoffFloor = Duration.milliseconds(10)

extension RetrySpec {
    /// The delay before the retry that follows the given number of failures.
    func delay(after failures: Int, _ jitter: Jitter) -> Duration {
        backoff(after: failures, initial: initialDelay, factor: factor, limit: maxDelay, jitter: jitter)
    }
}

extension RestartSpec {
    /// Nothing for the first crash, then the curve that doubles.
    func delay(afterCrash number: Int, _ jitter: Jitter) -> Duration {
        number <= 1
            ? .zero
            : backoff(after: number - 1, initial: initialDelay, factor: 2, limit: maxDelay, jitter: jitter)
    }

    /// Whether a workload that ended so is to be started again.
    func restarts(_ status: ExitStatus) -> Bool {
        switch policy {
        case .always: true
        case .onFailure: !status.isSuccess
        case .never: false
        }
    }
}
