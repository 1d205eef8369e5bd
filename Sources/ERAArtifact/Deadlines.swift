import ERACore
import Synchronization

/// Counts signs of life of a transfer; who watches it sees whether there are new ones.
final class LifeSigns: Sendable {
    private let counter = Atomic<Int>(0)
    private let arrived = Atomic<Bool>(false)

    var count: Int { counter.load(ordering: .relaxed) }
    /// Whether nothing more is expected from the other side, so that there is nothing to watch.
    var isArrived: Bool { arrived.load(ordering: .relaxed) }

    func note() { counter.wrappingAdd(1, ordering: .relaxed) }
    func noteArrival() { arrived.store(true, ordering: .relaxed) }
}

/// Runs a transfer until it is done, shows no sign of life for `stall`, or has taken `total`.
///
/// A stall is seen between `stall` and five quarters of it. When everything has arrived, neither limit
/// counts: a slow disk is not the server's fault. The transfer is cancelled and awaited before this returns.
/// - Throws: What the transfer throws; ``Failure``, transient `Timeout`, which names the subject.
func withDeadlines<Value: Sendable>(
    stall: Duration,
    total: Duration,
    clock: any Clock<Duration>,
    subject: String,
    _ transfer: @escaping @Sendable (LifeSigns) async throws -> Value
) async throws -> Value {
    let signs = LifeSigns()
    return try await withThrowingTaskGroup(of: Value.self) { group in
        group.addTask { try await transfer(signs) }
        group.addTask {
            var (seen, quietQuarters) = (signs.count, 0)
            while quietQuarters < 5 {
                try await clock.sleep(for: stall / 4)
                quietQuarters = signs.count == seen && !signs.isArrived ? quietQuarters + 1 : 0
                seen = signs.count
            }
            throw Failure.transient(.timeout, "nothing came for \(stall) from \(subject)")
        }
        group.addTask {
            try await clock.sleep(for: total)
            while signs.isArrived { try await clock.sleep(for: total) }
            throw Failure.transient(.timeout, "not done after \(total): \(subject)")
        }
        defer { group.cancelAll() }
        guard let value = try await group.next() else { throw CancellationError() }
        return value
    }
}
