/// Readers of changes, each with a bounded backlog; one that falls behind is dropped and must list again.
struct Watchers<Change: Sendable>: Sendable {
    private let limit: Int
    private var readers: [AsyncStream<Change>.Continuation] = []

    init(limit: Int) { self.limit = limit }

    var isEmpty: Bool { readers.isEmpty }

    mutating func add() -> AsyncStream<Change> {
        let (stream, continuation) = AsyncStream<Change>.makeStream(bufferingPolicy: .bufferingOldest(limit))
        readers.append(continuation)
        return stream
    }

    /// A reader that has gone is found, and forgotten, here.
    mutating func send(_ change: Change) {
        readers.removeAll { reader in
            switch reader.yield(change) {
            case .enqueued: return false
            case .dropped:
                reader.finish()
                return true
            case .terminated: return true
            @unknown default: return true
            }
        }
    }

    mutating func finish() {
        for reader in readers { reader.finish() }
        readers = []
    }
}
