internal import Synchronization

/// Lets at most so many tasks through at a time; the others wait in the order in which they came.
///
/// A class, because the waiting tasks share its state.
public final class Gate: Sendable {
    private struct State {
        var free: Int
        var nextID = 0
        var waiters: [(id: Int, continuation: CheckedContinuation<Void, any Error>)] = []
    }

    private let state: Mutex<State>

    /// - Parameter limit: How many are let through; at least one.
    public init(limit: Int) {
        state = Mutex(State(free: max(1, limit)))
    }

    /// How many wait now.
    public var waiting: Int { state.withLock { $0.waiters.count } }

    /// Runs `body` when it is its turn.
    ///
    /// - Parameter queued: Called when that is not at once.
    /// - Throws: `CancellationError` when the task is cancelled while it waits; else what `body` throws.
    public func withPermit<Value>(
        queued: () -> Void = {},
        _ body: () async throws -> Value
    ) async throws -> Value {
        try await acquire(queued: queued)
        defer { release() }
        return try await body()
    }

    private func acquire(queued: () -> Void) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation {
                (continuation: CheckedContinuation<Void, any Error>) in
                let verdict: Result<Void, any Error>? = state.withLock { state in
                    // Under the lock: a cancellation from here on finds the waiter in the list.
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if state.free > 0 {
                        state.free -= 1
                        return .success(())
                    }
                    state.waiters.append((id, continuation))
                    return nil
                }
                if let verdict { continuation.resume(with: verdict) } else { queued() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.waiters.firstIndex { $0.id == id }.map { state.waiters.remove(at: $0).continuation }
            }
            waiter?.resume(throwing: CancellationError())
        }
    }

    private func release() {
        let next: CheckedContinuation<Void, any Error>? = state.withLock { state in
            guard !state.waiters.isEmpty else {
                state.free += 1
                return nil
            }
            return state.waiters.removeFirst().continuation
        }
        next?.resume()
    }
}
