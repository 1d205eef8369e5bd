import ERAContracts
import ERACore

/// What is decided and not yet handed to the store, in order.
struct Outbox {
    enum Item {
        case entry(Fact)
        /// Somebody asked for it and waits: it becomes durable, or it never was.
        case change(Change)
        case notice(EventNotice)
        /// A tombstone was collected. In order with the entries: the name may be declared again at once.
        case forget(DeploymentKey, uid: String)
        /// What was taken back: it keeps the positions of the others.
        case nothing
    }

    /// A fact that happens whether or not it can be written now.
    struct Fact {
        var entry: JournalEntry
        /// Nobody is shown it before it is durable.
        var isVeiled = false
        /// Told together with it; where it is not veiled, they are items of their own.
        var notices: [EventNotice] = []
    }

    /// A fact that is taken back when it cannot be written.
    struct Change {
        let entry: JournalEntry
        /// The record as it was; nil: there was none.
        let before: DeploymentRecord?
        let notices: [EventNotice]
        /// What was found of the deployment without a record.
        let orphans: [Orphan]
        /// Counted from 1 over all items.
        fileprivate(set) var position = 0

        var key: DeploymentKey { entry.record.key }

        init(
            _ entry: JournalEntry,
            before: DeploymentRecord?,
            _ notices: [EventNotice] = [],
            _ orphans: [Orphan] = []
        ) {
            self.entry = entry
            self.before = before
            self.notices = notices
            self.orphans = orphans
        }
    }

    /// What is shown of a deployment until what was noted of it is durable.
    struct Veil {
        /// Nil: there was none.
        var record: DeploymentRecord?
        fileprivate var count = 1
    }

    private var items = Fifo<Item>()
    /// How many items were ever put in, and how many the store has taken.
    private(set) var added = 0
    private(set) var taken = 0
    /// Of the last entry that the store took.
    var resourceVersion = ResourceVersion(0)
    /// The position of the last change.
    private(set) var newestChange = 0
    private(set) var veils: [DeploymentKey: Veil] = [:]
    /// What the store has taken, and has not yet written as far as is known.
    private(set) var unshown: [Fact] = []
    private var waiters: [(goal: Int, continuation: CheckedContinuation<Void, Never>)] = []
    private var askers: [Int: CheckedContinuation<Void, any Error>] = [:]
    /// Nobody takes anything out any more.
    private var isClosed = false
    /// Likewise, and nothing is written any more.
    private var hasEnded = false

    /// The item that the store gets next.
    var first: Item? { items.first }

    mutating func add(_ item: Item) {
        var item = item
        added += 1
        switch item {
        case .change(var change):
            change.position = added
            newestChange = added
            veil(change.key, change.before)
            item = .change(change)
        case .entry, .notice, .forget, .nothing: break
        }
        items.append(item)
    }

    /// Adds a fact that is not shown before it is durable; until then the deployment is shown as it was.
    mutating func addVeiled(_ entry: JournalEntry, _ notices: [EventNotice], before: DeploymentRecord) {
        veil(entry.record.key, before)
        add(.entry(Fact(entry: entry, isVeiled: true, notices: notices)))
    }

    mutating func removeFirst() {
        guard items.popFirst() != nil else { return }
        take(1)
    }

    private mutating func take(_ count: Int) {
        taken += count
        guard waiters.contains(where: { $0.goal <= taken }) else { return }
        let ready = waiters.filter { $0.goal <= taken }
        waiters.removeAll { $0.goal <= taken }
        for waiter in ready { waiter.continuation.resume() }
    }

    // MARK: Changes

    /// Takes out the changes that are next, at most one of each deployment: they can be written together.
    mutating func takeChanges() -> [Change] {
        var changes: [Change] = []
        var keys: Set<DeploymentKey> = []
        while case .change(let change)? = items.first, keys.insert(change.key).inserted {
            changes.append(change)
            _ = items.popFirst()
        }
        return changes
    }

    /// These changes are durable.
    mutating func acknowledge(_ changes: [Change]) {
        for change in changes {
            unveil(change.key, change.entry.record)
            askers.removeValue(forKey: change.position)?.resume()
        }
        take(changes.count)
    }

    /// Takes back changes that were taken out and not written, and those that wait; what was noted after them
    /// is noted upon what was before them, or left out where it makes no sense there.
    ///
    /// - Returns: What was taken back, and the records of the deployments
    ///   concerned; nil where there was none.
    mutating func takeBack(
        _ failed: [Change],
        _ error: any Error
    ) -> (changes: [Change], records: [DeploymentKey: DeploymentRecord?]) {
        var changes = failed
        var records: [DeploymentKey: DeploymentRecord?] = [:]
        for change in failed where records[change.key] == nil {
            records.updateValue(change.before, forKey: change.key)
        }
        var rest = Fifo<Item>()
        while let item = items.popFirst() {
            switch item {
            case .change(let change):
                if records[change.key] == nil { records.updateValue(change.before, forKey: change.key) }
                changes.append(change)
                rest.append(.nothing)
            case .entry(let fact): rest.append(refold(fact, &records))
            case .notice, .forget, .nothing: rest.append(item)
            }
        }
        items = rest
        for change in changes {
            unveil(change.key, nil)
            askers.removeValue(forKey: change.position)?.resume(throwing: error)
        }
        take(failed.count)
        return (changes, records)
    }

    private mutating func refold(
        _ fact: Fact,
        _ records: inout [DeploymentKey: DeploymentRecord?]
    ) -> Item {
        let key = fact.entry.record.key
        guard let before = records[key] else { return .entry(fact) }
        var isFound = false
        if case .found = fact.entry.event.kind { isFound = true }
        // A fact that cannot be without what was taken back is no fact.
        guard !isFound, let after = try? before?.applying(fact.entry.event), after != before else {
            if fact.isVeiled { unveil(key, nil) }
            return .nothing
        }
        records[key] = after
        var fact = fact
        fact.entry.record = after
        return .entry(fact)
    }

    // MARK: What is shown

    /// The store has taken a fact that is not to be shown before it is durable.
    mutating func showLater(_ fact: Fact) { unshown.append(fact) }

    /// Everything that the store had taken is durable.
    ///
    /// - Parameter facts: What `unshown` was when the store was asked.
    mutating func show(_ facts: [Fact]) {
        unshown.removeFirst(facts.count)
        for fact in facts { unveil(fact.entry.record.key, fact.entry.record) }
    }

    private mutating func veil(_ key: DeploymentKey, _ record: DeploymentRecord?) {
        if veils[key] == nil { veils[key] = Veil(record: record) } else { veils[key]?.count += 1 }
    }

    /// - Parameter record: What may be shown now; nil: no more than before.
    private mutating func unveil(_ key: DeploymentKey, _ record: DeploymentRecord?) {
        guard var veil = veils[key] else { return }
        veil.count -= 1
        if let record { veil.record = record }
        veils[key] = veil.count > 0 ? veil : nil
    }

    // MARK: Waiting

    /// Resumed once the store has taken `goal` items, or cannot go on.
    mutating func wait(for goal: Int, _ continuation: CheckedContinuation<Void, Never>) {
        if goal <= taken || isClosed { continuation.resume() } else { waiters.append((goal, continuation)) }
    }

    /// Resumed once the newest change is durable; with an error when it was taken back.
    mutating func waitForNewestChange(_ continuation: CheckedContinuation<Void, any Error>) {
        if hasEnded {
            continuation.resume(throwing: CancellationError())
        } else {
            askers[newestChange] = continuation
        }
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

    /// Nothing is written any more: whoever asked for a change gets no answer.
    mutating func end() {
        close()
        hasEnded = true
        for asker in askers.values { asker.resume(throwing: CancellationError()) }
        askers = [:]
    }
}
