import ERACore

// What the status shows of a record's state, whichever case holds it.

extension DeploymentRecord {
    /// The revision that reached Running, with its restarts, also while it is started again.
    var serving: Serving? {
        switch state {
        case .running(let serving): serving
        case .activating(let activation), .healthChecking(let activation):
            if case .restart(let serving) = activation.purpose { serving } else { nil }
        case .updating(let update): update.serving
        case .rollingBack(let rollback): rollback.serving
        case .requested, .validating, .fetching, .preparing, .installing, .stopping, .uninstalling, .deleted,
            .failed, .rollbackFailed:
            nil
        }
    }

    /// The revision that serves now; nil while none does.
    var servingRevision: RevisionNumber? {
        switch state {
        case .running, .updating, .rollingBack: serving?.revision
        case .requested, .validating, .fetching, .preparing, .installing, .activating, .healthChecking,
            .stopping, .uninstalling, .deleted, .failed, .rollbackFailed:
            nil
        }
    }
}

extension LifecycleState {
    /// The word of the step that the phase has got to, where it has several.
    var substep: String? {
        switch self {
        case .updating(let update):
            switch update.step {
            case .validate: "Validate"
            case .fetch: "Fetch"
            case .prepare: "Prepare"
            case .stop: "Stop"
            }
        case .rollingBack(let rollback):
            switch rollback.step {
            case .stopFailed: "StopFailed"
            case .removeFailed: "RemoveFailed"
            case .restore: "Restore"
            case .start: "Start"
            case .probe: "Probe"
            }
        case .requested, .validating, .fetching, .preparing, .installing, .activating, .healthChecking,
            .running,
            .stopping, .uninstalling, .deleted, .failed, .rollbackFailed:
            nil
        }
    }

    /// Why the deployment was given up, why it is rolled back, or why the step in progress is tried again.
    var failure: FailureText? {
        switch self {
        case .requested(let rollout), .validating(let rollout), .fetching(let rollout),
            .preparing(let rollout),
            .installing(let rollout):
            rollout.attempt.lastFailure.map { FailureText($0) }
        case .activating(let activation), .healthChecking(let activation):
            if case .rollout(let rollout) = activation.purpose {
                rollout.attempt.lastFailure.map { FailureText($0) }
            } else {
                nil
            }
        case .updating(let update): update.rollout.attempt.lastFailure.map { FailureText($0) }
        case .rollingBack(let rollback): FailureText(rollback.cause)
        case .stopping(let removal), .uninstalling(let removal):
            removal.attempt.lastFailure.map { FailureText($0) }
        case .failed(let defeat), .rollbackFailed(let defeat): FailureText(defeat.failure, at: defeat.at.wall)
        case .running, .deleted: nil
        }
    }

    /// Why it could not be rolled back either.
    var rollbackFailure: FailureText? {
        if case .rollbackFailed(let defeat) = self {
            defeat.rollbackFailure.map { FailureText($0) }
        } else {
            nil
        }
    }
}
