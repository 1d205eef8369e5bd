public import ERAContracts
public import ERACore
import Logging

/// What the API changes.
extension Engine {
    public func apply(
        _ deployment: Deployment,
        expecting: ResourceVersion?,
        dryRun: Bool
    ) async throws -> AppliedDeployment {
        let key = deployment.key
        try await ensureLoaded()
        // What is decided and not yet stored has no resource version yet.
        if expecting != nil { try await persist() }
        let known = entries[key].flatMap { $0.isShown ? $0 : nil }
        if let expecting {
            guard let known else { throw ControlFault.notFound(key) }
            guard known.resourceVersion == expecting else { throw ControlFault.conflict(key) }
        }
        try refuseForeign(known, key)
        try refuseUnfit(deployment)
        if known?.record.isBeingDeleted == true {
            throw ControlFault.refused(
                key,
                "it is being deleted; wait until that is done: era wait \(key.name) --for deleted"
            )
        }
        guard !dryRun else { return try preview(deployment, known) }
        if let degraded { throw ControlFault.degraded(degraded) }
        let mark = outbox.newestChange
        let origin = Origin(source: SourceID.api.rawValue, path: nil)
        let change = declare(deployment, origin, isRevocable: true)
        try await acknowledged(since: mark)
        guard let view = currentView(key) else { throw ControlFault.notFound(key) }
        let effect: AppliedDeployment.Effect =
            known == nil ? .created : change == .unchanged ? .unchanged : .configured
        return AppliedDeployment(effect: effect, view: view)
    }

    private func preview(_ deployment: Deployment, _ known: Entry?) throws -> AppliedDeployment {
        let now = seams.clock.now()
        let origin = Origin(source: SourceID.api.rawValue, path: nil)
        let change = DeploymentRecord.change(
            of: known?.record,
            to: deployment,
            templateHash: templateHash(of: deployment.spec),
            origin: origin,
            uid: known?.record.uid ?? seams.makeUID(),
            at: now.wall
        )
        guard case .declare(let kind) = change else {
            guard let known else { throw ControlFault.notFound(deployment.key) }
            return AppliedDeployment(effect: .unchanged, view: known.view)
        }
        let event = JournalEvent(at: now, kind)
        let record =
            try known?.record.applying(event) ?? DeploymentRecord(key: deployment.key, founding: event)
        var view = known?.view ?? DeploymentView(record: record, resourceVersion: outbox.resourceVersion)
        view.record = record
        return AppliedDeployment(effect: known == nil ? .created : .configured, view: view)
    }

    private func refuseForeign(_ known: Entry?, _ key: DeploymentKey) throws {
        guard let known, !known.record.isBeingDeleted else { return }
        let origin = known.record.declaration.origin
        guard origin.source != SourceID.api.rawValue else { return }
        // What its source has given up, or a source that is configured no more, may be taken over.
        guard let source = sourceStates[SourceID(origin.source)] else { return }
        let isStillDeclared =
            !source.wasRead || source.unavailable != nil
            || source.declared.contains { $0.deployment.key == key } || source.waiting.contains(key)
        if isStillDeclared { throw ControlFault.ownedElsewhere(key, origin) }
    }

    private func refuseUnfit(_ deployment: Deployment) throws {
        var edges = known.mapValues(\.dependencies)
        edges[deployment.key] = deployment.dependencies
        guard let circle = cycle(from: deployment.key, edges) else { return }
        let text = circleText(circle)
        throw ControlFault.invalid(
            deployment.key,
            [SpecProblem(field: "spec.dependsOn", message: "goes in a circle: \(text)")]
        )
    }

    public func delete(_ key: DeploymentKey, dryRun: Bool) async throws -> DeploymentView {
        try await ensureLoaded()
        guard let entry = entries[key], entry.isShown else { throw ControlFault.notFound(key) }
        guard !dryRun else { return entry.view }
        if entry.record.isBeingDeleted {
            // Somebody else has asked for it just now: no answer before it is durable.
            if outbox.veils[key] != nil { try await persist() }
            return currentView(key) ?? entry.view
        }
        try refuseForeign(entry, key)
        if let degraded { throw ControlFault.degraded(degraded) }
        let mark = outbox.newestChange
        note(.deletionRequested, for: key, isRevocable: true)
        wake(key)
        let asked = entries[key] ?? entry
        try await acknowledged(since: mark)
        return currentView(key) ?? asked.view
    }

    public func request(_ intent: Intent, for key: DeploymentKey) async throws -> DeploymentView {
        try await ensureLoaded()
        guard let entry = entries[key], entry.isShown else { throw ControlFault.notFound(key) }
        if let degraded { throw ControlFault.degraded(degraded) }
        if options.observeOnly {
            throw ControlFault.refused(key, "this daemon only observes; start it without --observe-only")
        }
        if case .restart = intent, entry.record.isSuspended {
            throw ControlFault.refused(key, "it is suspended; resume it first: era resume \(key.name)")
        }
        let request = try operatorRequest(for: intent, entry.record)
        let mark = outbox.newestChange
        guard note(.requested(request), for: key, isRevocable: true) else {
            throw ControlFault.refused(key, "cannot be done in phase \(entry.record.phase)")
        }
        wake(key)
        try await acknowledged(since: mark)
        return currentView(key) ?? entry.view
    }

    private func operatorRequest(for intent: Intent, _ record: DeploymentRecord) throws -> OperatorRequest {
        switch intent {
        case .retry:
            if case .running(let serving) = record.state, serving.revision == record.declaration.revision {
                throw ControlFault.refused(
                    record.key,
                    "what is declared runs already; to start it anew: era restart"
                )
            }
            return .retry
        case .rollback(let revision?):
            guard record.revisions[revision] != nil else {
                let known = record.revisions.keys.sorted().map(\.description).joined(separator: ", ")
                throw ControlFault.refused(
                    record.key,
                    "there is no revision \(revision); there are: \(known)"
                )
            }
            return .rollback(to: revision)
        case .rollback(nil):
            guard let previous = record.previous, record.revisions[previous] != nil else {
                throw ControlFault.refused(record.key, "there is no earlier revision that ran")
            }
            return .rollback(to: previous)
        case .accept:
            guard case .rollbackFailed(let defeat) = record.state else {
                throw ControlFault.refused(record.key, "only a deployment in RollbackFailed can be accepted")
            }
            return .accept(defeat.restoring ?? defeat.revision)
        case .restart:
            guard record.phase == .running else {
                throw ControlFault.refused(
                    record.key,
                    "only a Running deployment can be restarted; it is \(record.phase)"
                )
            }
            return .restart
        case .suspend: return .hold
        case .resume: return .release
        }
    }

    public func confirmPrune() async throws -> [DeploymentKey] {
        try await ensureLoaded()
        if let degraded { throw ControlFault.degraded(degraded) }
        var keys: [DeploymentKey] = []
        for id in sourceStates.keys.sorted() {
            guard let held = sourceStates[id]?.waiting, !held.isEmpty else { continue }
            sourceStates[id]?.confirmed.formUnion(held)
            keys += held
        }
        guard !keys.isEmpty else { return [] }
        planInputsChanged()
        await resync()
        do {
            try await persist()
        } catch {
            // What was refused must not happen later.
            for id in sourceStates.keys { sourceStates[id]?.confirmed.subtract(keys) }
            planInputsChanged()
            throw error
        }
        let waiting = Set(sourceStates.values.flatMap(\.waiting))
        let later = keys.filter(waiting.contains)
        if !later.isEmpty {
            seams.logger.notice(
                "deletions are confirmed and wait until a file of their source is written",
                metadata: ["deployments": "\(later.map(\.description).joined(separator: ", "))"]
            )
        }
        return keys.filter { key in
            guard let record = entries[key]?.record else { return true }
            return !waiting.contains(key) && (record.isBeingDeleted || record.phase == .deleted)
        }
    }
}
