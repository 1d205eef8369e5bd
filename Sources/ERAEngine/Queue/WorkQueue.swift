/// Which keys want a pass, in the order in which they asked; never twice, and never while one is under way.
///
/// A key that asks while its pass is under way gets another one after it, so no change goes unseen.
struct WorkQueue<Key: Hashable & Sendable>: Sendable {
    private var waiting = Fifo<Key>()
    private var queued: Set<Key> = []
    private(set) var underway: Set<Key> = []
    private var again: Set<Key> = []

    /// The number of keys that wait or are under way.
    var count: Int { queued.count + underway.count }

    mutating func add(_ key: Key) {
        if underway.contains(key) {
            again.insert(key)
        } else if queued.insert(key).inserted {
            waiting.append(key)
        }
    }

    /// The next key to work on, unless `limit` are under way; each must be given back with ``finish(_:)``.
    mutating func take(limit: Int) -> Key? {
        guard underway.count < limit, let key = waiting.popFirst() else { return nil }
        queued.remove(key)
        underway.insert(key)
        return key
    }

    mutating func finish(_ key: Key) {
        underway.remove(key)
        if again.remove(key) != nil { add(key) }
    }
}
