import Synchronization

/// Counts open streams, and refuses those beyond a limit.
///
/// A class, because all streams of a server share one count.
final class WatcherCount: Sendable {
    private let limit: Int
    private let open = Mutex(0)

    init(limit: Int) { self.limit = limit }

    var current: Int { open.withLock { $0 } }

    /// A place for one more stream; nil when all are taken.
    func enter() -> Place? {
        let isFree = open.withLock { open in
            guard open < limit else { return false }
            open += 1
            return true
        }
        return isFree ? Place(self) : nil
    }

    /// The right to one stream; given back when the last reference to it is gone, however the stream ended.
    final class Place: Sendable {
        private let count: WatcherCount

        fileprivate init(_ count: WatcherCount) { self.count = count }

        deinit { count.open.withLock { $0 -= 1 } }
    }
}
