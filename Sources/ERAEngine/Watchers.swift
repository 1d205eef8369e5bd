import Synchronization

/// Readers of changes, each with a bounded backlog; one that falls behind is dropped and must list again.
///
/// A reader that has gone is forgotten at once: when its task is cancelled, or nobody holds its stream any
/// more. A class with a lock, since that happens anywhere, and the engine is not to be asked for it.
final class Watchers<Change: Sendable>: Sendable {
    private struct State {
        var nextID = 0
        var hasEnded = false
        var readers: [Int: AsyncStream<Change>.Continuation] = [:]
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = limit }

    var count: Int { state.withLock { $0.readers.count } }
    var isEmpty: Bool { count == 0 }

    /// What is sent from now on; nothing after ``finish()``. The stream of a reader that does not keep up
    /// ends.
    func add() -> AsyncStream<Change> {
        let (stream, continuation) = AsyncStream<Change>.makeStream(bufferingPolicy: .bufferingOldest(limit))
        let id: Int? = state.withLock { state in
            guard !state.hasEnded else { return nil }
            state.nextID += 1
            state.readers[state.nextID] = continuation
            return state.nextID
        }
        guard let id else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in self?.forget(id) }
        return stream
    }

    func send(_ change: Change) {
        let readers = state.withLock { $0.readers }
        for reader in readers.values {
            if case .dropped = reader.yield(change) { reader.finish() }
        }
    }

    /// Ends all streams, and those that are still asked for.
    func finish() {
        let readers = state.withLock { state in
            state.hasEnded = true
            return state.readers
        }
        for reader in readers.values { reader.finish() }
    }

    private func forget(_ id: Int) { _ = state.withLock { $0.readers.removeValue(forKey: id) } }
}
