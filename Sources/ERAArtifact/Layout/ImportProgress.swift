import ERACore

/// Adds up how many bytes have been taken in, and reports that ten times a second at most.
final class ImportProgress {
    private static let interval = Duration.milliseconds(100)

    private let report: (ByteCount) -> Void
    private var count: Int64 = 0
    private var lastAt = ContinuousClock.now

    /// A class, because all that bring something in share the sum.
    init(_ report: @escaping (ByteCount) -> Void) { self.report = report }

    func add(_ bytes: Int64) {
        count += bytes
        let now = ContinuousClock.now
        guard now - lastAt >= Self.interval else { return }
        lastAt = now
        report(ByteCount(count))
    }
}
