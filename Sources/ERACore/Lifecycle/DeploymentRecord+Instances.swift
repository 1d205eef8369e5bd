/// What is observed of an instance means for the record.
extension DeploymentRecord {
    mutating func exited(
        _ revision: RevisionNumber,
        _ status: ExitStatus,
        _ jitter: Jitter,
        at now: Timestamp
    ) -> Bool {
        let restart = policy(for: revision).restart
        let failure = Failure.transient(.exited, "the workload ended with \(status)")
        switch state {
        case .healthChecking(let activation) where activation.revision == revision:
            switch activation.purpose {
            case .rollout(var rollout):
                if !restart.restarts(status) && status.isSuccess {
                    run(revision, replacing: rollout.restoreTo, completion: status, at: now)
                } else if !restart.restarts(status) || canRestore(rollout)
                    || rollout.attempt.failed(failure, policy(for: revision).retry, jitter, at: now)
                {
                    rollBack(rollout, failure, at: now)
                } else {
                    state = .activating(Activation(.rollout(rollout)))
                }
            case .restart(let serving):
                ended(serving, status, failure, jitter, at: now)
            }
        case .running(let serving) where serving.revision == revision:
            ended(serving, status, failure, jitter, at: now)
        case .updating(var update):
            guard var serving = update.serving, serving.revision == revision else { return false }
            if restart.restarts(status) {
                update.serving = crashed(serving, status, jitter, at: now)
            } else if status.isSuccess {
                serving.completion = status
                serving.restarts.lastExit = status
                update.serving = serving
            } else {
                // It is not to be started again: not now, and not to undo the update.
                conclude(revision, .failed(failure), at: now)
                if previous == revision { previous = nil }
                update.serving = nil
                update.rollout.restoreTo = nil
            }
            state = .updating(update)
        case .rollingBack(var rollback) where rollback.restoring == revision && rollback.step == .probe:
            if status.isSuccess && !restart.restarts(status) {
                restored(rollback, revision, completion: status, at: now)
            } else if rollback.attempt.failed(failure, policy(for: revision).retry, jitter, at: now) {
                defeat(rollback, failure, at: now)
            } else {
                rollback.step = .start
                state = .rollingBack(rollback)
            }
        case .requested, .validating, .fetching, .preparing, .installing, .activating, .healthChecking,
            .running, .rollingBack, .stopping, .uninstalling, .deleted, .failed, .rollbackFailed:
            return false
        }
        return true
    }

    /// Whether what worked is at hand: a new version that ends before it was healthy is then not tried again
    /// while nothing serves, as one that ends in its bake time is not.
    private func canRestore(_ rollout: Rollout) -> Bool {
        guard let healthy = rollout.restoreTo, healthy != rollout.target else { return false }
        return policy(for: rollout.target).rollback.enabled
    }

    private mutating func ended(
        _ serving: Serving,
        _ status: ExitStatus,
        _ failure: Failure,
        _ jitter: Jitter,
        at now: Timestamp
    ) {
        guard !policy(for: serving.revision).restart.restarts(status) else {
            restartOrRollBack(serving, status, failure, jitter, mustStop: false, at: now)
            return
        }
        if status.isSuccess {
            var serving = serving
            serving.completion = status
            serving.restarts.lastExit = status
            state = .running(serving)
        } else if let bake = serving.bake {
            rollBack(
                Rollout(target: serving.revision, restoreTo: bake.restoreTo, progressAt: now.uptime),
                failure,
                at: now
            )
        } else {
            surrender(serving.revision, failure, at: now)
        }
    }

    mutating func healthy(_ revision: RevisionNumber, at now: Timestamp) -> Bool {
        switch state {
        case .healthChecking(let activation) where activation.revision == revision:
            switch activation.purpose {
            case .rollout(let rollout):
                run(revision, replacing: rollout.restoreTo, completion: nil, at: now)
            case .restart(var serving):
                serving.since = now
                serving.isReady = true
                serving.unreadyReason = nil
                housekeeping = .first
                state = .running(serving)
            }
        case .rollingBack(let rollback) where rollback.restoring == revision && rollback.step == .probe:
            restored(rollback, revision, completion: nil, at: now)
        case .requested, .validating, .fetching, .preparing, .installing, .activating, .healthChecking,
            .running, .updating, .rollingBack, .stopping, .uninstalling, .deleted, .failed, .rollbackFailed:
            return false
        }
        return true
    }

    mutating func unhealthy(
        _ revision: RevisionNumber,
        _ failure: Failure,
        _ jitter: Jitter,
        at now: Timestamp
    ) -> Bool {
        switch state {
        case .healthChecking(let activation) where activation.revision == revision:
            switch activation.purpose {
            case .rollout(let rollout): rollBack(rollout, failure, at: now)
            case .restart(let serving):
                restartOrRollBack(serving, nil, failure, jitter, mustStop: true, at: now)
            }
        case .running(let serving) where serving.revision == revision:
            restartOrRollBack(serving, nil, failure, jitter, mustStop: true, at: now)
        case .updating(var update):
            guard let serving = update.serving, serving.revision == revision else { return false }
            var crashed = crashed(serving, nil, jitter, at: now)
            crashed.mustStop = true
            update.serving = crashed
            state = .updating(update)
        case .rollingBack(var rollback) where rollback.restoring == revision && rollback.step == .probe:
            if rollback.attempt.failed(failure, policy(for: revision).retry, jitter, at: now) {
                defeat(rollback, failure, at: now)
            } else {
                rollback.step = .start
                rollback.mustStop = true
                state = .rollingBack(rollback)
            }
        case .requested, .validating, .fetching, .preparing, .installing, .activating, .healthChecking,
            .running, .rollingBack, .stopping, .uninstalling, .deleted, .failed, .rollbackFailed:
            return false
        }
        return true
    }

    mutating func readiness(_ unready: String?) -> Bool {
        switch state {
        case .running(var serving):
            serving.isReady = unready == nil
            serving.unreadyReason = unready
            state = .running(serving)
        case .updating(var update):
            guard var serving = update.serving else { return false }
            serving.isReady = unready == nil
            serving.unreadyReason = unready
            update.serving = serving
            state = .updating(update)
        case .requested, .validating, .fetching, .preparing, .installing, .activating, .healthChecking,
            .rollingBack, .stopping, .uninstalling, .deleted, .failed, .rollbackFailed:
            return false
        }
        return true
    }
}
