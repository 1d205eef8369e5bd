public import ERACore
public import ERAContracts

extension DeploymentView {
    /// The finalizer that a deployment shows while what it runs is being taken away.
    public static let finalizer = "era.dev/instance"

    /// The deployment as the API shows it.
    ///
    /// - Parameter now: A reading of both clocks in the boot that the uptimes of the view are meant in.
    ///   Moments that are known by their uptime come out to the second before, and stay the same from one
    ///   answer to the next unless the wall clock is set.
    public func object(at now: Timestamp) -> DeploymentObject {
        object(at: now, spec: ManifestBridge.spec(of: record.declaration.deployment))
    }

    /// Likewise, with the specs that were made before.
    package func object(at now: Timestamp, specs: SpecCache) -> DeploymentObject {
        object(at: now, spec: specs.json(of: record.declaration.deployment, record.key))
    }

    private func object(at now: Timestamp, spec: JSONValue) -> DeploymentObject {
        DeploymentObject(
            encoded: [
                "apiVersion": .string(APIGroup.apiVersion), "kind": .string(APIGroup.kind),
                "metadata": metadata, "spec": spec, "status": status(BootClock(now)),
            ],
            key: record.key
        )
    }

    private var metadata: JSONValue {
        let declared = record.declaration.deployment.metadata
        return .members([
            "name": .text(declared.name.rawValue), "namespace": .text(declared.namespace.rawValue),
            "uid": .text(record.uid), "resourceVersion": .text(resourceVersion.description),
            "generation": .int(record.generation), "creationTimestamp": .time(record.createdAt),
            "labels": declared.labels.isEmpty ? nil : .object(declared.labels.mapValues { .string($0) }),
            "annotations": declared.annotations.isEmpty
                ? nil : .object(declared.annotations.mapValues { .string($0) }),
            "deletionTimestamp": .time(deletionRequestedAt),
            "deletionGracePeriodSeconds": deletionRequestedAt == nil ? nil : 0,
            "finalizers": deletionRequestedAt == nil ? nil : [.string(Self.finalizer)],
        ])
    }

    /// What runs may be what was declared last; what is declared now it is not.
    private func withSourceProblem(_ condition: Condition) -> Condition {
        guard let sourceProblem, condition.isTrue, [.synced, .ready].contains(condition.kind) else {
            return condition
        }
        return Condition(
            kind: condition.kind,
            isTrue: false,
            reason: "SourceProblem",
            message: sourceProblem.message,
            observedGeneration: condition.observedGeneration,
            lastTransitionAt: sourceProblem.since
        )
    }

    /// What the host could not give to the instance that runs; nil when it gives all.
    private func restriction(_ clock: BootClock) -> Condition? {
        guard case .running(let running) = instance, !running.restrictions.isEmpty else { return nil }
        return Condition(
            kind: .restricted,
            isTrue: true,
            reason: "NotEnforced",
            message: running.restrictions.joined(separator: "; "),
            observedGeneration: record.generation,
            lastTransitionAt: clock.wall(running.startedAt)
        )
    }

    private func status(_ clock: BootClock) -> JSONValue {
        let serving = record.serving
        let origin = record.declaration.origin
        let revisions = record.revisions.values.sorted { $0.number > $1.number }
        return .members([
            "phase": .text(record.phase.rawValue),
            "step": .text(step?.name ?? record.state.substep),
            "observedGeneration": .int(record.generation),
            "conditions": .array(
                (record.conditions.map(withSourceProblem) + [restriction(clock)].compactMap(\.self))
                    .map(\.apiObject)
            ),
            "suspended": record.isSuspended ? true : nil,
            "origin": .members(["source": .text(origin.source), "path": .text(origin.path)]),
            "wait": wait.map { WaitText($0, clock).apiObject },
            "revision": .int(record.target.rawValue),
            "servingRevision": .int(record.servingRevision?.rawValue),
            "version": .text(
                record.servingRevision.flatMap { record.revisions[$0]?.spec.version.description }
            ),
            "previousRevision": .int(record.previous?.rawValue),
            "restarts": .int(serving?.restarts.total ?? 0),
            "lastExit": (serving?.restarts.lastExit ?? serving?.completion)?.apiObject,
            "instance": instance.map { InstanceText($0, clock).apiObject },
            "progress": progress.map { ProgressText($0).apiObject },
            "quarantine": record.quarantine.map { FailureText($0.failure).apiObject },
            "failure": record.state.failure?.apiObject,
            "rollbackFailure": record.state.rollbackFailure?.apiObject,
            "revisions": .array(
                revisions.map {
                    RevisionText($0, record.outcomes[$0.number], record.artifacts[$0.number]).apiObject
                }
            ),
        ])
    }

}

extension DeploymentObject {
    /// An object that was just made of a view, so that nothing of it needs checking.
    init(encoded json: JSONValue, key: DeploymentKey) {
        self.json = json
        self.key = key
    }
}

/// Turns uptimes into calendar time, by the moment of the boot in whole seconds.
struct BootClock {
    private let bootedAt: Duration

    init(_ now: Timestamp) {
        bootedAt = .seconds((now.wall.sinceEpoch - now.uptime.sinceBoot).components.seconds)
    }

    func wall(_ uptime: Uptime) -> WallTime { WallTime(sinceEpoch: bootedAt + uptime.sinceBoot) }
}

extension WaitText {
    init(_ wait: Wait, _ clock: BootClock) {
        self.init(reason: wait.reason.word, message: wait.reason.text, until: wait.until.map(clock.wall))
    }
}

extension InstanceText {
    init(_ status: InstanceStatus, _ clock: BootClock) {
        switch status {
        case .absent: self.init(state: "Absent")
        case .installed: self.init(state: "Installed")
        case .running(let running):
            self.init(
                state: "Running",
                pid: running.pid,
                startedAt: clock.wall(running.startedAt),
                restrictions: running.restrictions
            )
        case .exited(let exited): self.init(state: "Exited", exit: exited.status)
        case .stopping: self.init(state: "Stopping")
        }
    }
}

extension RevisionText {
    init(_ revision: Revision, _ outcome: RevisionOutcome?, _ artifact: StoredArtifact?) {
        let verdict: Verdict
        var failure: FailureText?
        switch outcome?.verdict {
        case nil, .pending: verdict = .pending
        case .running: verdict = .running
        case .superseded: verdict = .superseded
        case .failed(let cause):
            verdict = .failed
            failure = FailureText(cause)
        }
        self.init(
            number: revision.number.rawValue,
            version: revision.spec.version.description,
            templateHash: revision.templateHash.description,
            verdict: verdict,
            failure: failure,
            artifact: artifact?.shown,
            signedBy: artifact?.signature?.summary,
            createdAt: revision.createdAt,
            decidedAt: outcome?.at,
            firstRunningAt: outcome?.firstRunningAt
        )
    }
}
