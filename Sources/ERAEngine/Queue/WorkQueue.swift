import ERACore

/// Which keys want a pass, the urgent first, then in the order in which they asked; never
/// twice, and never while one is under way.
///
/// A key that asks while its pass is under way gets another one after it, so no change goes unseen.
struct WorkQueue<Key: Hashable & Sendable>: Sendable {
    private var waiting = Fifo<Key>()
    /// Those before all others; who becomes urgent while it waits stands in both lines.
    private var urgent = Fifo<Key>()
    /// Who stands in a line, and whether in the urgent one.
    private var queued: [Key: Bool] = [:]
    private(set) var underway: Set<Key> = []
    private var again: [Key: Bool] = [:]
    private var places = Places<Key>()

    /// The number of keys that wait or are under way.
    var count: Int { queued.count + underway.count }

    mutating func add(_ key: Key, isUrgent: Bool = false) {
        guard !underway.contains(key) else {
            again[key] = again[key] ?? false || isUrgent
            return
        }
        let before = queued[key]
        guard before == nil || isUrgent && before == false else { return }
        queued[key] = isUrgent
        if isUrgent { urgent.append(key) } else { waiting.append(key) }
    }

    /// The next key to work on, unless `limit` hold a place; each must be given back with ``finish(_:)``.
    mutating func take(limit: Int, at now: Uptime) -> Key? {
        guard places.count < limit else { return nil }
        while let key = urgent.popFirst() ?? waiting.popFirst() {
            // Nil: it was taken from the other line.
            guard queued.removeValue(forKey: key) != nil else { continue }
            underway.insert(key)
            places.take(key, at: now)
            return key
        }
        return nil
    }

    mutating func finish(_ key: Key) {
        underway.remove(key)
        places.giveBack(key)
        if let isUrgent = again.removeValue(forKey: key) { add(key, isUrgent: isUrgent) }
    }

    /// When the place was taken that is held longest; nil when nobody waits for one.
    var oldestPlace: Uptime? { queued.isEmpty ? nil : places.oldest }

    /// Frees the places that have been held so long; their keys stay under way.
    mutating func freePlaces(heldFor age: Duration, at now: Uptime) { places.free(heldFor: age, at: now) }
}
