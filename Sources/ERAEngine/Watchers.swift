import Synchronization

/// Readers of changes, each with a bounded backlog; one that falls behind is dropped and must list again.
///
/// A reader that has gone is forgotten at once: when its task is cancelled, or nobody holds its stream any
/// more. A class with a lock, since that happens anywhere, and the engine is not to be asked for it.
final class Watchers<Change: Sendable>: Sendable {
    private struct State {
        var nextID = 0
        var readers: [Int: AsyncStream<Change>.Continuation] = [:]
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = limit }

    var count: Int { state.withLock { $0.readers.count } }
    var isEmpty: Bool { count == 0 }

    /// What is sent from now on. A reader that does not keep up sees its stream end.
    func add() -> AsyncStream<Change> {
        let (stream, continuation) = AsyncStream<Change>.makeStream(bufferingPolicy: .bufferingOldest(limit))
        let id = state.withLock { state in
            state.nextID += 1
            state.readers[state.nextID] = continuation
            return state.nextID
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

    /// Ends all streams.
    func finish() {
        let readers = state.withLock { $0.readers }
        for reader in readers.values { reader.finish() }
    }

    private func forget(_ id: Int) { _ = state.withLock { $0.readers.removeValue(forKey: id) } }
}
