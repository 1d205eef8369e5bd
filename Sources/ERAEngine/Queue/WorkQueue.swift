import ERACore

/// Which keys want a pass, three urgent ones before each other one, in the order in which they asked; never
/// twice, and never while one is under way.
///
/// A key that asks while its pass is under way gets another one after it, so no change goes unseen.
struct WorkQueue<Key: Hashable & Sendable>: Sendable {
    private var waiting = Fifo<Key>()
    /// Those before the others; who becomes urgent while it waits stands in both lines.
    private var urgent = Fifo<Key>()
    /// How many urgent ones were taken since another one was.
    private var urgentRun = 0
    private static var urgentRunLimit: Int { 3 }
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

    /// The next key to work on; each must be given back with ``finish(_:)``.
    ///
    /// - Parameters:
    ///   - places: How many may hold a place at the same time; the same number again for urgent ones.
    ///   - limit: How many may be under way, with a place or without; likewise.
    mutating func take(_ places: Int, _ limit: Int, at now: Uptime) -> Key? {
        while let (key, isUrgent) = next(places, limit) {
            // Nil: it was taken from the other line.
            guard queued.removeValue(forKey: key) != nil else { continue }
            urgentRun = isUrgent ? urgentRun + 1 : 0
            underway.insert(key)
            self.places.take(key, at: now)
            return key
        }
        return nil
    }

    /// The first of the line whose turn it is, of those that there is room for.
    private mutating func next(_ places: Int, _ limit: Int) -> (key: Key, isUrgent: Bool)? {
        let isRoomForAll = self.places.count < places && underway.count < limit
        let isRoomForUrgent = self.places.count < 2 * places && underway.count < 2 * limit
        if isRoomForAll, urgentRun >= Self.urgentRunLimit, let key = waiting.popFirst() {
            return (key, false)
        }
        if isRoomForUrgent, let key = urgent.popFirst() { return (key, true) }
        guard isRoomForAll, let key = waiting.popFirst() else { return nil }
        return (key, false)
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
