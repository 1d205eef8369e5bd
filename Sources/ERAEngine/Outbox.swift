import ERAContracts
import ERACore

/// What is decided and not yet handed to the store, in order.
struct Outbox {
    enum Item {
        case entry(JournalEntry)
        case notice(EventNotice)
    }

    private(set) var items: [Item] = []
    /// How many items were ever put in, and how many the store has taken.
    private(set) var added = 0
    private(set) var taken = 0
    /// Of the last entry that the store took.
    var resourceVersion = ResourceVersion(0)
    private var waiters: [(goal: Int, continuation: CheckedContinuation<Void, Never>)] = []

    mutating func add(_ item: Item) {
        items.append(item)
        added += 1
    }

    mutating func removeFirst() {
        items.removeFirst()
        taken += 1
        let ready = waiters.filter { $0.goal <= taken }
        waiters.removeAll { $0.goal <= taken }
        for waiter in ready { waiter.continuation.resume() }
    }

    /// Resumed once the store has taken `goal` items, or cannot go on.
    mutating func wait(for goal: Int, _ continuation: CheckedContinuation<Void, Never>) {
        if goal <= taken { continuation.resume() } else { waiters.append((goal, continuation)) }
    }

    mutating func releaseWaiters() {
        let released = waiters
        waiters = []
        for waiter in released { waiter.continuation.resume() }
    }
}
