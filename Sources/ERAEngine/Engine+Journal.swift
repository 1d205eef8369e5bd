import ERAContracts
import ERACore
import Logging

/// Facts: into the record at once, into the store in order, to those who watch once they are in the store.
extension Engine {
    /// Notes a fact about a deployment.
    ///
    /// - Parameter isRevocable: Somebody asks for it: it is taken back when it cannot be written.
    /// - Returns: Whether it was possible; an impossible one is dropped and logged.
    @discardableResult
    func note(_ kind: JournalEvent.Kind, for key: DeploymentKey, isRevocable: Bool = false) -> Bool {
        guard var entry = entries[key] else { return false }
        let event = JournalEvent(at: seams.clock.now(), kind)
        let before = entry.record
        let after: DeploymentRecord
        do {
            after = try before.applying(event)
        } catch {
            seams.logger.error("impossible event dropped", metadata: ["error": "\(error)"])
            return false
        }
        // A fact that changes nothing needs no place in the journal.
        guard after != before else { return true }
        entry.record = after
        if before.epoch != after.epoch { entry.underway?.nudge.finish() }
        if case .deletionRequested = kind { entry.deletionRequestedAt = event.at.wall }
        // It was declared again under its old name.
        if before.uid != after.uid { entry.deletionRequestedAt = nil }
        put(event, from: before, to: after, isRevocable)
        if isRevocable || before.mustPersist(before: after) { entry.unpersisted = outbox.added }
        entries[key] = entry
        if before.artifactsToKeep != after.artifactsToKeep { pinsChanged.raise() }
        changed(from: before, to: after)
        return true
    }

    /// Begins the record of a deployment that was not known.
    ///
    /// - Parameter isRevocable: As with ``note(_:for:isRevocable:)``.
    func found(_ kind: JournalEvent.Kind, _ key: DeploymentKey, isRevocable: Bool = false) {
        let event = JournalEvent(at: seams.clock.now(), kind)
        do {
            let record = try DeploymentRecord(key: key, founding: event)
            var entry = Entry(record: record, resourceVersion: outbox.resourceVersion)
            put(event, from: nil, to: record, isRevocable)
            entry.unpersisted = outbox.added
            entries[key] = entry
            planInputsChanged()
            pinsChanged.raise()
            indexDependencies(of: record)
        } catch {
            seams.logger.error("impossible declaration dropped", metadata: ["error": "\(error)"])
        }
    }

    /// Puts a fact into the outbox, and what people are told of it.
    private func put(
        _ event: JournalEvent,
        from before: DeploymentRecord?,
        to after: DeploymentRecord,
        _ isRevocable: Bool
    ) {
        let entry = JournalEntry(event: event, record: after)
        let notices = notices(from: before, to: after, event)
        if isRevocable {
            let orphans = orphans[after.key] ?? []
            outbox.add(.change(Outbox.Change(entry, before: before, notices, orphans)))
        } else if let before, before.phase != .running, after.phase == .running {
            outbox.addVeiled(entry, notices, before: before)
        } else {
            outbox.add(.entry(Outbox.Fact(entry: entry)))
            for notice in notices { outbox.add(.notice(notice)) }
        }
        outboxReady.raise()
    }

    /// Wakes whoever waits for what has changed.
    private func changed(from before: DeploymentRecord, to after: DeploymentRecord) {
        if before.declaration.deployment.spec.dependsOn != after.declaration.deployment.spec.dependsOn
            || (before.phase == .deleted) != (after.phase == .deleted)
        {
            unindexDependencies(of: before)
            indexDependencies(of: after)
        }
        if before.declaration != after.declaration || before.isBeingDeleted != after.isBeingDeleted
            || (before.phase == .deleted) != (after.phase == .deleted)
        {
            planInputsChanged()
        }
        if before.isAvailable != after.isAvailable {
            for dependent in (dependents[after.key] ?? []).sorted() { wake(dependent) }
        }
        if before.phase != after.phase, after.phase == .deleted {
            for dependency in after.dependencies { wake(dependency) }
            // A source may have declared it again meanwhile.
            for id in sourceStates.keys.sorted() { sourceChanged(id) }
        }
    }

    /// A tombstone depends on nothing.
    func indexDependencies(of record: DeploymentRecord) {
        guard record.phase != .deleted else { return }
        for dependency in record.dependencies { dependents[dependency, default: []].insert(record.key) }
    }

    func unindexDependencies(of record: DeploymentRecord) {
        for dependency in record.dependencies {
            dependents[dependency]?.remove(record.key)
            if dependents[dependency]?.isEmpty == true { dependents[dependency] = nil }
        }
    }

    /// Returns when everything noted so far, or up to a position in the outbox, is on disk.
    ///
    /// - Throws: ``ControlFault/degraded(_:)``.
    func persist(through position: Int? = nil) async throws {
        if let degraded { throw ControlFault.degraded(degraded) }
        let goal = position ?? outbox.added
        if outbox.taken < goal {
            outboxReady.raise()
            await withCheckedContinuation { outbox.wait(for: goal, $0) }
        }
        if let degraded { throw ControlFault.degraded(degraded) }
        guard outbox.taken >= goal else { throw CancellationError() }
        do {
            try await seams.store.flush()
        } catch let error as CancellationError {
            throw error
        } catch {
            degrade(error)
            throw ControlFault.degraded("\(error)")
        }
    }

    /// Hands the outbox to the store, and mends the store when it does not work.
    func writeOut() async {
        for await _ in outboxReady.stream {
            if degraded != nil { await recover() }
            await drainOutbox()
            await noteBoot()
            if degraded != nil { outboxReady.raise() }
        }
        outbox.close()
    }

    func drainOutbox() async {
        while degraded == nil, outbox.first != nil || !outbox.unshown.isEmpty {
            let goal = outbox.added
            while degraded == nil, outbox.taken < goal {
                let changes = outbox.takeChanges()
                guard changes.isEmpty else {
                    await write(changes)
                    continue
                }
                guard let item = outbox.first else { break }
                do {
                    try await handOver(item)
                } catch is CancellationError {
                    return
                } catch {
                    degrade(error)
                    return
                }
                outbox.removeFirst()
            }
            guard await showDurable() else { return }
        }
    }

    private func handOver(_ item: Outbox.Item) async throws {
        switch item {
        case .notice(let notice): await tell(notice)
        case .entry(let fact):
            let entry = fact.entry
            taken(entry, try await seams.store.append(entry, .deferred))
            if fact.isVeiled { outbox.showLater(fact) } else { show(entry) }
        case .forget(let key, let uid):
            outbox.resourceVersion = max(outbox.resourceVersion, try await seams.store.forget(key, uid: uid))
        case .change, .nothing: break
        }
    }

    /// The store has an entry.
    func taken(_ entry: JournalEntry, _ version: ResourceVersion) {
        let key = entry.record.key
        outbox.resourceVersion = max(outbox.resourceVersion, version)
        if entries[key]?.record.uid == entry.record.uid { entries[key]?.resourceVersion = version }
        seams.failpoint("appended.\(entry.record.phase)")
    }

    func show(_ entry: JournalEntry) { publish(entry.record.key, isNew: isFounding(entry.event)) }

    func tell(_ notice: EventNotice) async {
        await seams.store.note(notice)
        await show(notice)
    }

    /// Shows what may be shown only once it is durable: one flush for everything that the store has taken.
    ///
    /// - Returns: Whether the outbox may be emptied further.
    private func showDurable() async -> Bool {
        let facts = outbox.unshown
        guard !facts.isEmpty, degraded == nil else { return degraded == nil }
        do {
            try await seams.store.flush()
        } catch is CancellationError {
            return false
        } catch {
            degrade(error)
            return false
        }
        outbox.show(facts)
        for fact in facts {
            show(fact.entry)
            for notice in fact.notices { await tell(notice) }
        }
        return true
    }

    /// Tells those who watch events; how often one was counted, only the store knows.
    private func show(_ notice: EventNotice) async {
        guard !eventWatchers.isEmpty else { return }
        do {
            let stored = try await seams.store.events(notice.key).last {
                $0.notice.reason == notice.reason && $0.notice.message == notice.message
                    && $0.notice.uid == notice.uid
            }
            if let stored { eventWatchers.send(stored) }
        } catch {
            seams.logger.debug("event not shown", metadata: ["error": "\(error)"])
        }
    }

    private func isFounding(_ event: JournalEvent) -> Bool {
        if case .declared(let declaration, _?, _) = event.kind { declaration.generation == 1 } else { false }
    }

    /// From now on nothing is started or stopped, until the store works again.
    func degrade(_ error: any Error) {
        guard degraded == nil else { return }
        degraded = "\(error)"
        seams.logger.critical(
            "store does not work; workloads are left as they are",
            metadata: ["error": "\(error)"]
        )
        takeBack([], ControlFault.degraded("\(error)"))
        outbox.releaseWaiters()
        wakeAll()
        outboxReady.raise()
    }

    private func recover() async {
        while !Task.isCancelled, degraded != nil {
            do {
                try await seams.clock.sleep(until: seams.clock.now().uptime + options.recoveryPause)
                try await seams.store.recover()
                degraded = nil
                seams.logger.notice("store works again")
                // What files declared meanwhile was not taken in.
                for id in sourceStates.keys.sorted() { sourceChanged(id) }
                wakeAll()
            } catch {
                seams.logger.debug("store still does not work", metadata: ["error": "\(error)"])
            }
        }
    }
}

extension DeploymentRecord {
    /// What must stay in the content store: what its revisions are made of, or will be.
    var artifactsToKeep: Set<Digest> {
        Set(artifactUses.map(\.digest))
    }

    var isBeingDeleted: Bool { phase == .stopping || phase == .uninstalling }

    /// The deployments that must be Available before this one starts.
    var dependencies: [DeploymentKey] { declaration.deployment.dependencies }
}
