import Synchronization

/// The streams that are open: bounded in number, and ended together when the server stops.
///
/// A class, because all requests of a server share it.
final class OpenStreams: Sendable {
    private struct State {
        var nextID = 0
        /// How to end each open stream; nil for one that has not begun to write.
        var ends: [Int: (@Sendable () -> Void)?] = [:]
        var isClosed = false
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = limit }

    var count: Int { state.withLock { $0.ends.count } }

    /// A place for one more stream; nil when all are taken, or the server stops.
    func enter() -> Place? {
        let id: Int? = state.withLock { state in
            guard state.ends.count < limit, !state.isClosed else { return nil }
            state.nextID += 1
            state.ends.updateValue(nil, forKey: state.nextID)
            return state.nextID
        }
        return id.map { Place(self, $0) }
    }

    /// Ends all, and lets no other begin.
    func close() {
        let ends = state.withLock { state in
            state.isClosed = true
            return state.ends.values.compactMap { $0 }
        }
        for end in ends { end() }
    }

    /// The right to one stream; given back when the last reference to it is gone, however the stream ended.
    final class Place: Sendable {
        private let streams: OpenStreams
        private let id: Int

        fileprivate init(_ streams: OpenStreams, _ id: Int) {
            self.streams = streams
            self.id = id
        }

        /// Has `end` called when the server stops; at once when it already does.
        func onClose(_ end: @escaping @Sendable () -> Void) {
            let isClosed = streams.state.withLock { state in
                state.ends.updateValue(end, forKey: id)
                return state.isClosed
            }
            if isClosed { end() }
        }

        deinit { streams.state.withLock { _ = $0.ends.removeValue(forKey: id) } }
    }
}
