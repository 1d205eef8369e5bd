/// What a step that failed, and a deadline that passed, mean for the record.
extension DeploymentRecord {
    /// The spec whose policies (retry, restart, update, stop, …) count for a revision: the declared one while
    /// the revision is what it declares, else the revision's own.
    public func policy(for revision: RevisionNumber) -> DeploymentSpec {
        guard revision != declaration.revision, let spec = revisions[revision]?.spec else {
            return declaration.deployment.spec
        }
        return spec
    }

    mutating func fail(_ step: Step, _ failure: Failure, _ jitter: Jitter, at now: Timestamp) -> Bool {
        switch state {
        case .validating(var rollout):
            // The wait for dependencies before the first attempt is no lack of progress.
            if rollout.attempt.failures == 0 { rollout.progressAt = now.uptime }
            if rollout.attempt.failed(failure, policy(for: rollout.target).retry, jitter, at: now) {
                surrender(rollout.target, failure, at: now)
            } else {
                state = .validating(rollout)
            }
        case .fetching(var rollout):
            if rollout.attempt.failed(failure, policy(for: rollout.target).retry, jitter, at: now) {
                surrender(rollout.target, failure, at: now)
            } else {
                state = .fetching(rollout)
            }
        case .preparing(var rollout):
            if rollout.attempt.failed(failure, policy(for: rollout.target).retry, jitter, at: now) {
                rollBack(rollout, failure, at: now)
            } else {
                state = .preparing(rollout)
            }
        case .installing(var rollout):
            if rollout.attempt.failed(step, failure, policy(for: rollout.target).retry, jitter, at: now) {
                rollBack(rollout, failure, at: now)
            } else {
                state = .installing(rollout)
            }
        case .activating(let activation):
            fail(step, failure, in: activation, jitter, at: now)
        case .updating(var update):
            if update.step == .validate, update.rollout.attempt.failures == 0 {
                update.rollout.progressAt = now.uptime  // as above
            }
            if update.step != .stop, case .stop = step {
                housekeeping.failedForNow(failure, policy(for: target).retry, jitter, at: now)
            } else if update.step != .stop, let serving = update.serving, step.revision == serving.revision {
                update.serving = crashed(serving, nil, jitter, at: now)
                state = .updating(update)
            } else if update.rollout.attempt.failed(
                step,
                failure,
                policy(for: update.rollout.target).retry,
                jitter,
                at: now
            ) {
                rollBack(update.rollout, failure, serving: update.serving, at: now)
            } else {
                state = .updating(update)
            }
        case .rollingBack(var rollback):
            let isOver = rollback.attempt.failed(step, failure, policy(for: target).retry, jitter, at: now)
            if isOver, rollback.step == .removeFailed, rollback.restoring != nil {
                // Files that stay must not keep the previous revision from serving.
                undone(rollback, at: now)
            } else if isOver {
                defeat(rollback, failure, at: now)
            } else {
                state = .rollingBack(rollback)
            }
        case .stopping(var removal):
            removal.attempt.failedForNow(failure, policy(for: target).retry, jitter, at: now)
            state = .stopping(removal)
        case .uninstalling(var removal):
            removal.attempt.failedForNow(failure, policy(for: target).retry, jitter, at: now)
            state = .uninstalling(removal)
        case .running, .failed, .rollbackFailed:
            housekeeping.failedForNow(failure, policy(for: target).retry, jitter, at: now)
        case .requested, .healthChecking, .deleted:
            return false
        }
        return true
    }

    private mutating func fail(
        _ step: Step,
        _ failure: Failure,
        in activation: Activation,
        _ jitter: Jitter,
        at now: Timestamp
    ) {
        switch activation.purpose {
        case .rollout(var rollout):
            if rollout.attempt.failed(step, failure, policy(for: rollout.target).retry, jitter, at: now) {
                rollBack(rollout, failure, at: now)
            } else {
                state = .activating(Activation(.rollout(rollout), mustStop: activation.mustStop))
            }
        case .restart(let serving):
            if case .stop = step {
                housekeeping.failedForNow(failure, policy(for: serving.revision).retry, jitter, at: now)
                return
            }
            restartOrRollBack(serving, nil, failure, jitter, mustStop: activation.mustStop, at: now)
            housekeeping.lastFailure = failure
        }
    }

    mutating func deadlineExceeded(at now: Timestamp) -> Bool {
        func failure(_ last: Failure?) -> Failure {
            let why = last.map { "; last: \($0.message)" } ?? ""
            return .permanent(
                .progressDeadlineExceeded,
                "no progress within update.progressDeadline in \(phase)\(why)"
            )
        }
        switch state {
        case .validating(let rollout), .fetching(let rollout):
            surrender(rollout.target, failure(rollout.attempt.lastFailure), at: now)
        case .preparing(let rollout), .installing(let rollout):
            rollBack(rollout, failure(rollout.attempt.lastFailure), at: now)
        case .activating(let activation), .healthChecking(let activation):
            guard case .rollout(let rollout) = activation.purpose else { return false }
            rollBack(rollout, failure(rollout.attempt.lastFailure), at: now)
        case .updating(let update):
            let cause = failure(update.rollout.attempt.lastFailure)
            rollBack(update.rollout, cause, serving: update.serving, at: now)
        case .rollingBack(let rollback):
            defeat(rollback, failure(rollback.attempt.lastFailure), at: now)
        case .requested, .running, .stopping, .uninstalling, .deleted, .failed, .rollbackFailed:
            return false
        }
        return true
    }
}
