import ERACore

/// When to look at which key again; one time a key, the earliest first.
struct TimerQueue<Key: Hashable & Comparable & Sendable>: Sendable {
    private struct Entry: Comparable {
        let at: Uptime
        let key: Key

        static func < (left: Entry, right: Entry) -> Bool {
            left.at != right.at ? left.at < right.at : left.key < right.key
        }
    }

    /// A binary heap; entries that were overtaken stay until they surface.
    private var heap: [Entry] = []
    private var times: [Key: Uptime] = [:]

    var earliest: Uptime? { heap.first?.at }
    var count: Int { times.count }

    func time(of key: Key) -> Uptime? { times[key] }

    /// Sets the time of a key; nil removes it.
    mutating func set(_ key: Key, _ time: Uptime?) {
        guard times[key] != time else { return }
        times[key] = time
        guard let time else { return }
        heap.append(Entry(at: time, key: key))
        var child = heap.count - 1
        while child > 0, heap[child] < heap[(child - 1) / 2] {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
        if heap.count > 2 * times.count + 64 { compact() }
    }

    /// Takes out every key whose time has come.
    mutating func due(at now: Uptime) -> [Key] {
        var keys: [Key] = []
        while let first = heap.first, first.at <= now || times[first.key] != first.at {
            removeFirst()
            guard times[first.key] == first.at else { continue }
            times[first.key] = nil
            keys.append(first.key)
        }
        return keys
    }

    private mutating func compact() {
        // A sorted array is a heap.
        heap = times.map { Entry(at: $0.value, key: $0.key) }.sorted()
    }

    private mutating func removeFirst() {
        let last = heap.removeLast()
        guard !heap.isEmpty else { return }
        heap[0] = last
        var parent = 0
        while true {
            let left = 2 * parent + 1
            guard left < heap.count else { return }
            let child = left + 1 < heap.count && heap[left + 1] < heap[left] ? left + 1 : left
            guard heap[child] < heap[parent] else { return }
            heap.swapAt(child, parent)
            parent = child
        }
    }
}
