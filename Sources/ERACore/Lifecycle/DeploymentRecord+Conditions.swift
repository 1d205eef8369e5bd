/// The conditions that a record's state means; derived by the fold after each event.
extension DeploymentRecord {
    /// One condition before it is compared with what it was.
    fileprivate struct Finding {
        var isTrue: Bool
        var reason: String
        var message: String
    }

    /// Derives all conditions afresh; one that did not turn keeps its time of transition.
    mutating func refreshConditions(at now: WallTime) {
        let available = available
        let synced = synced
        let findings: [(Condition.Kind, Finding)] = [
            (.ready, ready(available, synced)), (.available, available), (.synced, synced),
            (.reconciling, reconciling), (.stalled, stalled),
        ]
        let earlier = Dictionary(conditions.map { ($0.kind, $0) }) { first, _ in first }
        conditions = findings.map { kind, finding in
            let unturned = earlier[kind].flatMap { $0.isTrue == finding.isTrue ? $0.lastTransitionAt : nil }
            return Condition(
                kind: kind,
                isTrue: finding.isTrue,
                reason: finding.reason,
                message: finding.message,
                observedGeneration: generation,
                lastTransitionAt: unturned ?? now
            )
        }
    }

    /// The condition of one kind; nil never, but in a record that was tampered with.
    public func condition(_ kind: Condition.Kind) -> Condition? { conditions.first { $0.kind == kind } }

    /// Whether some revision is healthy and serving: what `dependsOn` waits for.
    public var isAvailable: Bool { available.isTrue }

    private func ready(_ available: Finding, _ synced: Finding) -> Finding {
        if !available.isTrue {
            return Finding(isTrue: false, reason: available.reason, message: available.message)
        }
        if !synced.isTrue { return Finding(isTrue: false, reason: synced.reason, message: synced.message) }
        return Finding(isTrue: true, reason: available.reason, message: available.message)
    }

    private var available: Finding {
        switch state {
        case .running(let serving): serving.finding
        case .updating(let update): update.serving.map(\.finding) ?? absent
        case .rollingBack(let rollback): rollback.serving.map(\.finding) ?? absent
        case .requested, .validating, .fetching, .preparing, .installing, .activating, .healthChecking,
            .stopping, .uninstalling, .deleted, .failed, .rollbackFailed:
            absent
        }
    }

    private var absent: Finding {
        switch state {
        case .activating(let activation), .healthChecking(let activation):
            if case .restart(let serving) = activation.purpose {
                return Finding(
                    isTrue: false,
                    reason: "Restarting",
                    message: serving.unreadyReason ?? "revision \(serving.revision) is being started again"
                )
            }
        case .failed(let defeat), .rollbackFailed(let defeat):
            return Finding(isTrue: false, reason: phase.rawValue, message: defeat.text)
        case .requested, .validating, .fetching, .preparing, .installing, .running, .updating, .rollingBack,
            .stopping, .uninstalling, .deleted:
            break
        }
        return Finding(isTrue: false, reason: phase.rawValue, message: "no revision is serving")
    }

    private var synced: Finding {
        if let quarantine, servedRevision != declaration.revision {
            let serves = servedRevision.map { "revision \($0) serves instead" } ?? "nothing serves"
            return Finding(
                isTrue: false,
                reason: quarantine.failure.quarantineWord,
                message: "the declared version is not tried again (\(quarantine.failure)); \(serves); "
                    + "change the manifest, or: era retry \(key.name)"
            )
        }
        guard servedRevision == declaration.revision else {
            return Finding(
                isTrue: false,
                reason: phase.isTerminal ? phase.rawValue : "Progressing",
                message: "the declared revision \(declaration.revision) does not serve"
            )
        }
        return Finding(
            isTrue: true,
            reason: "UpToDate",
            message: "revision \(declaration.revision) is what is declared"
        )
    }

    /// The revision that serves, or is being started again to do so.
    public var servedRevision: RevisionNumber? {
        switch state {
        case .running(let serving): serving.revision
        case .updating(let update): update.serving?.revision
        case .rollingBack(let rollback): rollback.serving?.revision
        case .activating(let activation), .healthChecking(let activation):
            if case .restart(let serving) = activation.purpose { serving.revision } else { nil }
        case .requested, .validating, .fetching, .preparing, .installing, .stopping, .uninstalling, .deleted,
            .failed, .rollbackFailed:
            nil
        }
    }

    private var reconciling: Finding {
        switch state {
        case .running(let serving) where serving.revision == target:
            Finding(isTrue: false, reason: "Converged", message: "nothing to do")
        case .failed, .rollbackFailed, .deleted:
            Finding(isTrue: false, reason: phase.rawValue, message: "nothing is tried any more")
        case .requested, .validating, .fetching, .preparing, .installing, .activating, .healthChecking,
            .running, .updating, .rollingBack, .stopping, .uninstalling:
            Finding(isTrue: true, reason: phase.rawValue, message: "revision \(target): \(phase)")
        }
    }

    private var stalled: Finding {
        switch state {
        case .failed(let defeat), .rollbackFailed(let defeat):
            return Finding(
                isTrue: true,
                reason: (defeat.rollbackFailure ?? defeat.failure).code.rawValue,
                message: defeat.text
            )
        case .stopping(let removal), .uninstalling(let removal):
            if let failure = removal.attempt.lastFailure {
                return Finding(isTrue: true, reason: failure.code.rawValue, message: failure.message)
            }
        case .requested, .validating, .fetching, .preparing, .installing, .activating, .healthChecking,
            .running, .updating, .rollingBack, .deleted:
            if let quarantine {
                return Finding(
                    isTrue: true,
                    reason: quarantine.failure.code.rawValue,
                    message: quarantine.failure.message
                )
            }
        }
        return Finding(isTrue: false, reason: "Progressing", message: "nothing is in the way")
    }
}

extension Serving {
    fileprivate var finding: DeploymentRecord.Finding {
        if let completion {
            return DeploymentRecord.Finding(
                isTrue: true,
                reason: "Completed",
                message: "revision \(revision) has ended with \(completion), as it may"
            )
        }
        let isServing = restartAt == nil && isReady
        return DeploymentRecord.Finding(
            isTrue: isServing,
            reason: isServing ? "Healthy" : "NotReady",
            message: isServing
                ? "revision \(revision) is healthy" : unreadyReason ?? "revision \(revision) is not ready"
        )
    }
}

extension Defeat {
    /// What went wrong, in both directions.
    var text: String {
        guard let rollbackFailure else { return "revision \(revision): \(failure.message)" }
        let back = restoring.map { "restoring revision \($0)" } ?? "undoing it"
        return "revision \(revision): \(failure.message); \(back) failed as well: \(rollbackFailure.message)"
    }
}
