import ERAContracts
import ERACore

/// What is decided and not yet handed to the store, in order.
struct Outbox {
    enum Item {
        case entry(JournalEntry)
        case notice(EventNotice)
        /// A tombstone was collected. In order with the entries: the name may be declared again at once.
        case forget(DeploymentKey, uid: String)
    }

    private var items = Fifo<Item>()
    /// How many items were ever put in, and how many the store has taken.
    private(set) var added = 0
    private(set) var taken = 0
    /// Of the last entry that the store took.
    var resourceVersion = ResourceVersion(0)
    private var waiters: [(goal: Int, continuation: CheckedContinuation<Void, Never>)] = []
    /// Nobody takes anything out any more.
    private var isClosed = false

    /// The item that the store gets next.
    var first: Item? { items.first }

    mutating func add(_ item: Item) {
        items.append(item)
        added += 1
    }

    mutating func removeFirst() {
        guard items.popFirst() != nil else { return }
        taken += 1
        guard waiters.contains(where: { $0.goal <= taken }) else { return }
        let ready = waiters.filter { $0.goal <= taken }
        waiters.removeAll { $0.goal <= taken }
        for waiter in ready { waiter.continuation.resume() }
    }

    /// Resumed once the store has taken `goal` items, or cannot go on.
    mutating func wait(for goal: Int, _ continuation: CheckedContinuation<Void, Never>) {
        if goal <= taken || isClosed { continuation.resume() } else { waiters.append((goal, continuation)) }
    }

    mutating func releaseWaiters() {
        let released = waiters
        waiters = []
        for waiter in released { waiter.continuation.resume() }
    }

    /// The engine ends: whoever waits, or comes to wait, goes on.
    mutating func close() {
        isClosed = true
        releaseWaiters()
    }
}
