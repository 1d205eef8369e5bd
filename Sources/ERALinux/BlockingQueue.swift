internal import Dispatch
internal import Synchronization

/// Runs what blocks on threads that are not of Swift's pool, so many at once and the rest in order.
///
/// Serial queues, each for one call at a time: a call that blocks a concurrent queue holds a thread of those
/// that Swift's pool draws on as well, and Dispatch makes up for it only after a second each.
public final class BlockingQueue: Sendable {
    /// How many run at once.
    public static let widthLimit = 16

    private struct State: Sendable {
        var idle: [DispatchQueue]
        var waiting: [@Sendable () -> Void] = []
    }

    private let state: Mutex<State>

    public init(label: String) {
        let queues = (0..<Self.widthLimit).map { DispatchQueue(label: "\(label).\($0)") }
        state = Mutex(State(idle: queues))
    }

    /// Runs `body` as soon as there is a place for it, to its end, whoever cancels.
    public func run<Value: Sendable, Problem: Error>(
        _ body: @escaping @Sendable () throws(Problem) -> Value
    ) async throws(Problem) -> Value {
        let result = await withCheckedContinuation { continuation in
            async { continuation.resume(returning: Result(catching: body)) }
        }
        return try result.get()
    }

    /// Runs `body` as soon as there is a place for it.
    public func async(_ body: @escaping @Sendable () -> Void) {
        let queue: DispatchQueue? = state.withLock { state in
            if let queue = state.idle.popLast() { return queue }
            state.waiting.append(body)
            return nil
        }
        if let queue { run(body, on: queue) }
    }

    private func run(_ body: @escaping @Sendable () -> Void, on queue: DispatchQueue) {
        queue.async {
            body()
            // Its place goes to who waited longest.
            let next: (@Sendable () -> Void)? = self.state.withLock { state in
                if !state.waiting.isEmpty { return state.waiting.removeFirst() }
                state.idle.append(queue)
                return nil
            }
            if let next { self.run(next, on: queue) }
        }
    }
}
