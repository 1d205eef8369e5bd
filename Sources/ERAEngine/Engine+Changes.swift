import ERAContracts
import ERACore
import Logging

/// What somebody asks for: acknowledged once it is durable, refused only when it never happens.
///
/// A change is in the record at once, so that all decisions agree on it, but nobody is shown it,
/// and no effect of it begins, before the store has it. When the store cannot take it, the record
/// is put back as if it had never been.
extension Engine {
    /// Returns when what was asked for since `mark` is durable.
    ///
    /// - Parameter mark: ``Outbox/newestChange`` before it was noted, without an `await` since.
    /// - Throws: ``ControlFault/degraded(_:)``: it has not happened and will not; `CancellationError`:
    ///   the engine ends, and it is not known.
    func acknowledged(since mark: Int) async throws {
        guard outbox.newestChange != mark else { return try await persist() }
        try await withCheckedThrowingContinuation { outbox.waitForNewestChange($0) }
    }

    /// Writes changes of different deployments with one flush.
    func write(_ changes: [Outbox.Change]) async {
        let attempts = await withTaskGroup(of: WriteAttempt.self) { group in
            for (index, change) in changes.enumerated() {
                group.addTask { [store = seams.store] in
                    do {
                        let version = try await store.append(change.entry, .required)
                        return WriteAttempt(index: index, change: change, version: version, error: nil)
                    } catch {
                        return WriteAttempt(index: index, change: change, version: nil, error: error)
                    }
                }
            }
            var attempts: [WriteAttempt] = []
            for await attempt in group { attempts.append(attempt) }
            return attempts.sorted { $0.index < $1.index }
        }
        var written: [Outbox.Change] = []
        var failed: [Outbox.Change] = []
        var failure: (any Error)?
        for attempt in attempts {
            if let version = attempt.version {
                taken(attempt.change.entry, version)
                written.append(attempt.change)
            } else {
                failure = failure ?? attempt.error
                failed.append(attempt.change)
            }
        }
        outbox.acknowledge(written)
        if let failure {
            let isEnding = failure is CancellationError
            takeBack(failed, isEnding ? failure : ControlFault.degraded("\(failure)"))
            if !isEnding { degrade(failure) }
        }
        for change in written {
            show(change.entry)
            for notice in change.notices { await tell(notice) }
        }
    }

    /// Makes as if these changes, and those that wait to be written, had never been asked for.
    func takeBack(_ failed: [Outbox.Change], _ error: any Error) {
        let (changes, records) = outbox.takeBack(failed, error)
        guard !changes.isEmpty else { return }
        for (key, record) in records.sorted(by: { $0.key < $1.key }) { putBack(key, record) }
        for change in changes {
            if !change.orphans.isEmpty { orphans[change.key] = change.orphans }
            if case .deletionRequested = change.entry.event.kind { hold(change) }
        }
        seams.logger.warning(
            "changes taken back, since they cannot be written",
            metadata: ["deployments": "\(records.keys.sorted().map(\.description).joined(separator: ", "))"]
        )
        pinsChanged.raise()
        // Files may declare what a change was in the way of.
        for id in sourceStates.keys.sorted() { sourceChanged(id) }
    }

    /// A deletion that was refused waits for a person as before, should the source still not declare it.
    private func hold(_ change: Outbox.Change) {
        guard let origin = change.before?.declaration.origin else { return }
        let id = SourceID(origin.source)
        guard sourceStates[id]?.waiting.contains(change.key) == false else { return }
        sourceStates[id]?.held.append(change.key)
        planInputsChanged()
    }

    private func putBack(_ key: DeploymentKey, _ record: DeploymentRecord?) {
        guard let entry = entries[key] else { return }
        planInputsChanged()
        unindexDependencies(of: entry.record)
        guard let record else {
            entries[key] = nil
            timers.set(key, nil)
            return
        }
        if !record.isBeingDeleted { entries[key]?.deletionRequestedAt = nil }
        entries[key]?.record = record
        indexDependencies(of: record)
        wake(key)
    }
}

/// What came of writing one change. Not a `Result`: in a dictionary of those,
/// Swift 6.3 loses some when it optimizes.
private struct WriteAttempt: Sendable {
    let index: Int
    let change: Outbox.Change
    /// Nil when it failed.
    let version: ResourceVersion?
    let error: (any Error)?
}
