import ERAContracts
import ERACore
import ERAManifest
import Logging

/// From files to declarations.
extension Engine {
    /// A source may have changed; it is read soon.
    func sourceChanged(_ id: SourceID) { sourceStates[id]?.due.raise() }

    /// Reads a source at first and whenever it is due; beside the others, since one may be slow.
    func keepRead(_ id: SourceID) async {
        guard let due = sourceStates[id]?.due else { return }
        due.raise()
        for await _ in due.stream {
            // Who comes after the read has begun waits for the next.
            let waiters = sourceStates[id]?.takeWaiters() ?? []
            await read(id)
            if !hasStarted, sourceStates.values.allSatisfy(\.wasRead) {
                hasStarted = true
                seams.logger.notice("all sources were read")
            }
            for waiter in waiters { waiter.finish() }
        }
        for waiter in sourceStates[id]?.takeWaiters() ?? [] { waiter.finish() }
    }

    /// Ends when the source has been read once from now on.
    func nextRead(of id: SourceID) -> AsyncStream<Never> {
        let (stream, done) = AsyncStream<Never>.makeStream()
        if hasEnded {
            done.finish()
        } else {
            sourceStates[id]?.waiters.append(done)
            sourceChanged(id)
        }
        return stream
    }

    private func read(_ id: SourceID) async {
        guard let state = sourceStates[id] else { return }
        do {
            let snapshot = try await state.source.snapshot()
            let isSame = state.revision == snapshot.revision && state.unavailable == nil
            let files = isSame ? state.files : await parse(snapshot, before: state.files)
            if !isSame { planInputsChanged() }
            tellProblems(files, before: state.files, of: id)
            sourceStates[id]?.files = files
            sourceStates[id]?.revision = snapshot.revision
            sourceStates[id]?.commit = snapshot.commit
            sourceStates[id]?.unavailable = nil
            sourceStates[id]?.readAt = seams.clock.now().wall
            sourceStates[id]?.wasRead = true
            // Declarations that cannot be written would only pile up; recovery reads them again.
            if degraded == nil { apply(id) }
        } catch is CancellationError {
            return
        } catch {
            if sourceStates[id]?.unavailable == nil {
                seams.logger.error("source unavailable", metadata: ["source": "\(id)", "error": "\(error)"])
            }
            sourceStates[id]?.unavailable = "\(error)"
            sourceStates[id]?.wasRead = true
        }
    }

    private func tellProblems(
        _ files: [String: SourceState.File],
        before: [String: SourceState.File],
        of id: SourceID
    ) {
        for (path, file) in files.sorted(by: { $0.key < $1.key })
        where file.problems != before[path]?.problems {
            let isKnown = (file.deployments.map(\.key) + file.mentioned).contains { entries[$0] != nil }
            for problem in file.problems {
                // Without the source line and its caret: a log has one line for each thing.
                let line = problem.prefix { $0 != "\n" }
                seams.logger.error(
                    isKnown ? "manifest not applied; what it declared before stays" : "manifest not applied",
                    metadata: ["source": "\(id)", "error": "\(line)"]
                )
            }
        }
    }

    /// Off the engine's own thread: a large file takes its time.
    private nonisolated func parse(
        _ snapshot: SourceSnapshot,
        before: [String: SourceState.File]
    ) async -> [String: SourceState.File] {
        SourceState.parse(snapshot, before: before)
    }

    /// Something that plans are made of has changed: a source's files, what is declared or being
    /// deleted, what a person has confirmed.
    func planInputsChanged() { planInputs += 1 }

    /// Makes and carries out the plan for a source.
    private func apply(_ id: SourceID) {
        guard var state = sourceStates[id] else { return }
        // The same plan again changes nothing. What was pruned lately counts for a while only.
        guard state.plannedFrom != planInputs || !state.prunedAt.isEmpty else { return }
        let inputs = planInputs
        let now = seams.clock.now().uptime
        let recentlyPruned = state.recentlyPruned(at: now)
        let known = self.known
        let plan = IngestPlan(input(state, known, recentlyPruned))
        let added = plan.declare.count { isNew($0.deployment.key, at: now) }
        for wanted in plan.declare {
            declare(wanted.deployment, Origin(source: id.rawValue, path: wanted.path))
        }
        for key in plan.delete {
            // What a person has confirmed is that person's doing, and refused when it cannot be written.
            note(.deletionRequested, for: key, isRevocable: state.confirmed.contains(key))
            wake(key)
        }
        if state.plannedFrom == nil, !plan.delete.isEmpty { tellOfFirstPrunes(plan, of: id) }
        state.notePruned(plan.delete.filter { !state.confirmed.contains($0) }, added: added, at: now)
        report(plan, of: id)
        // Another source may have what this one has given up.
        if !plan.released.isEmpty {
            for other in sourceStates.keys.sorted() where other != id { sourceChanged(other) }
        }
        // What the plan itself has changed is looked at once more.
        sourceStates[id]?.plannedFrom = inputs
        sourceStates[id]?.planProblems = plan.problems
        sourceStates[id]?.held = plan.held
        noteHeld(plan.held, of: id)
        sourceStates[id]?.blocked = plan.blocked
        // What was confirmed and is not missing any more has come back: should
        // it go again, that is another question.
        sourceStates[id]?.confirmed = plan.confirmed
        sourceStates[id]?.prunedAt = state.prunedAt
        showProblems(of: id)
    }

    /// Notes which deletions wait for a person, so that the next process knows.
    private func noteHeld(_ held: [DeploymentKey], of id: SourceID) {
        let held = Set(held)
        let changed = entries.filter { key, entry in
            let record = entry.record
            return record.declaration.origin.source == id.rawValue && !record.isBeingDeleted
                && record.phase != .deleted && held.contains(key) != (record.pruneHeldAt != nil)
        }
        for key in changed.keys.sorted() {
            note(held.contains(key) ? .pruneHeld : .pruneReleased, for: key)
        }
    }

    /// Shows with each deployment why what its source says of it does not count.
    private func showProblems(of id: SourceID) {
        guard let state = sourceStates[id] else { return }
        let problems = state.problemsByKey { entries[$0] != nil }
        for (key, entry) in entries {
            let origin = entry.record.declaration.origin
            guard origin.source == id.rawValue else { continue }
            let problem = problems[key] ?? state.problem(ofFile: origin.path)
            guard entry.sourceProblem?.message != problem else { continue }
            let now = seams.clock.now().wall
            entries[key]?.sourceProblem = problem.map { SourceProblem(message: $0, since: now) }
            publish(key)
        }
    }

    /// Whether a deployment makes up for one that went. One that went lately makes up for nothing: that it is
    /// back is counted already.
    private func isNew(_ key: DeploymentKey, at now: Uptime) -> Bool {
        guard let record = entries[key]?.record else { return true }
        guard case .deleted(let tombstone) = record.state else { return false }
        return now - tombstone.at.uptime > pruneWindow
    }

    /// How much went lately is not known any more to a new process.
    private func tellOfFirstPrunes(_ plan: IngestPlan, of id: SourceID) {
        seams.logger.warning(
            "deleted at the first read since the start, since no file declares them",
            metadata: [
                "source": "\(id)",
                "deployments": "\(plan.delete.map(\.description).joined(separator: ", "))",
            ]
        )
    }

    private func input(
        _ state: SourceState,
        _ known: [DeploymentKey: IngestPlan.Known],
        _ recentlyPruned: Set<DeploymentKey>
    ) -> IngestPlan.Input {
        let id = state.source.id
        let unknown = state.files.filter(\.value.isUnknown)
        return IngestPlan.Input(
            source: id,
            declared: state.declared,
            mentioned: Set(state.files.values.filter(\.isUnusable).flatMap(\.mentioned)),
            unusable: Set(state.files.filter(\.value.isUnusable).keys),
            known: known,
            claimed: claims(except: id),
            wantedElsewhere: wanted(except: id),
            hasUnknownFile: unknown.values.contains(where: \.isSettling),
            unreadable: unknown.filter { !$0.value.isSettling }.keys.sorted(),
            recentlyPruned: recentlyPruned,
            heldBefore: Set(state.held),
            confirmed: state.confirmed
        )
    }

    private func report(_ plan: IngestPlan, of id: SourceID) {
        for problem in plan.problems where sourceStates[id]?.planProblems.contains(problem) != true {
            seams.logger.error(
                "manifest refused",
                metadata: ["source": "\(id)", "file": "\(problem.path)", "error": "\(problem.message)"]
            )
        }
        let waiting = (plan.held + plan.blocked).sorted()
        guard let state = sourceStates[id], !waiting.isEmpty, waiting != state.unconfirmed else { return }
        seams.logger.warning(
            "deletions wait for: era prune --confirm",
            metadata: [
                "source": "\(id)", "deployments": "\(waiting.map(\.description).joined(separator: ", "))",
            ]
        )
    }

    var known: [DeploymentKey: IngestPlan.Known] {
        entries.compactMapValues { entry in
            let record = entry.record
            guard record.phase != .deleted else { return nil }
            return IngestPlan.Known(
                origin: record.declaration.origin,
                isBeingRemoved: record.isBeingDeleted,
                dependencies: record.dependencies
            )
        }
    }

    /// What other sources declare, as far as they own it.
    private func claims(except id: SourceID) -> [DeploymentKey: Origin] {
        var claims: [DeploymentKey: Origin] = [:]
        for (other, state) in sourceStates where other != id {
            for wanted in state.declared {
                let origin = Origin(source: other.rawValue, path: wanted.path)
                let owner = entries[wanted.deployment.key]?.record.declaration.origin
                if owner?.source == other.rawValue { claims[wanted.deployment.key] = origin }
            }
        }
        return claims
    }

    /// What other sources declare, whoever owns it.
    private func wanted(except id: SourceID) -> Set<DeploymentKey> {
        var keys: Set<DeploymentKey> = []
        for (other, state) in sourceStates where other != id {
            for file in state.files.values { keys.formUnion(file.deployments.map(\.key)) }
        }
        return keys
    }

    /// Declares a deployment, if that changes anything.
    ///
    /// - Parameter isRevocable: As with ``note(_:for:isRevocable:)``.
    @discardableResult
    func declare(
        _ deployment: Deployment,
        _ origin: Origin,
        isRevocable: Bool = false
    ) -> DeclarationChange {
        let key = deployment.key
        let record = entries[key]?.record
        if record?.declaration.deployment == deployment, record?.declaration.origin == origin,
            record?.phase != .deleted, record?.isBeingDeleted == false
        {
            return .unchanged
        }
        let hash = templateHash(of: deployment.spec)
        let change = DeploymentRecord.change(
            of: record,
            to: deployment,
            templateHash: hash,
            origin: origin,
            uid: seams.makeUID(),
            firstRevision: revision(ofFound: orphans[key] ?? [], templateHash: hash),
            at: seams.clock.now().wall
        )
        guard case .declare(let event) = change else { return change }
        if record == nil {
            found(event, key, isRevocable: isRevocable)
        } else {
            note(event, for: key, isRevocable: isRevocable)
        }
        takeUpOrphans(of: key)
        wake(key)
        return change
    }
}
