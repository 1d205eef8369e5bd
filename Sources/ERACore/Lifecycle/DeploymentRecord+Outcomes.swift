/// What the outcome of a step, and what is observed of an instance, mean for the record.
extension DeploymentRecord {
    /// The spec whose policies (retry, restart, update, stop, …) count for a revision: the declared one while the
    /// revision is what it declares, else the revision's own.
    public func policy(for revision: RevisionNumber) -> DeploymentSpec {
        guard revision != declaration.revision, let spec = revisions[revision]?.spec else {
            return declaration.deployment.spec
        }
        return spec
    }

    // MARK: Success

    mutating func succeed(_ step: Step, _ result: StepResult, at now: Timestamp) -> Bool {
        if case .installed(let handle) = result, let revision = step.revision { handles[revision] = handle }
        if case .fetched(let artifact) = result, let revision = step.revision {
            artifacts[revision] = artifact
        }
        if case .purge(let revision) = step { return purged(revision) }
        switch state {
        case .validating(let rollout) where step == .validate(rollout.target):
            state = .fetching(rollout.progressed(at: now.uptime))
        case .fetching(let rollout) where step == .fetch(rollout.target):
            state = .preparing(rollout.progressed(at: now.uptime))
        case .preparing(let rollout) where step == .prepare(rollout.target):
            state = .installing(rollout.progressed(at: now.uptime))
        case .installing(let rollout) where step == .install(rollout.target):
            state = .activating(Activation(.rollout(rollout.progressed(at: now.uptime))))
        case .installing(var rollout):
            guard case .stop = step else { return false }
            rollout.attempt.repeated(policy(for: rollout.target).retry, at: now)
            state = .installing(rollout)
        case .activating(let activation):
            return succeed(step, in: activation, at: now)
        case .updating(let update):
            return succeed(step, in: update, at: now)
        case .rollingBack(let rollback):
            return succeed(step, in: rollback, at: now)
        case .stopping(var removal):
            guard case .stop = step else { return false }
            removal.attempt.repeated(policy(for: target).retry, at: now)
            state = .stopping(removal)
        case .uninstalling:
            guard step == .removeVolumes else { return false }
            state = .deleted(Tombstone(at: now))
        case .running, .failed, .rollbackFailed:
            guard case .stop = step else { return false }
            housekeeping.repeated(policy(for: target).retry, at: now)
        case .requested, .validating, .fetching, .preparing, .healthChecking, .deleted:
            return false
        }
        return true
    }

    private mutating func purged(_ revision: RevisionNumber) -> Bool {
        onDisk.remove(revision)
        handles[revision] = nil
        if lastFailed == revision { lastFailed = nil }
        switch state {
        case .uninstalling: state = .uninstalling(Removal())
        case .running, .failed, .rollbackFailed: housekeeping = .first
        case .requested, .validating, .fetching, .preparing, .installing, .activating, .healthChecking,
            .updating, .rollingBack, .stopping, .deleted:
            return false
        }
        return true
    }

    private mutating func succeed(_ step: Step, in activation: Activation, at now: Timestamp) -> Bool {
        var activation = activation
        switch step {
        case .start(activation.revision):
            switch activation.purpose {
            case .rollout(let rollout):
                // The count of failed starts goes on: a program that exits at once must not be tried for ever.
                var rollout = rollout
                rollout.progressAt = now.uptime
                rollout.attempt.retryAt = nil
                activation.purpose = .rollout(rollout)
            case .restart(var serving):
                serving.restartAt = nil
                activation.purpose = .restart(serving)
            }
            activation.mustStop = false
            state = .healthChecking(activation)
        case .stop(let revision):
            if revision == activation.revision { activation.mustStop = false }
            repeated(&activation, at: now)
        case .install(activation.revision):
            repeated(&activation, at: now)
        case .validate, .fetch, .prepare, .install, .start, .remove, .purge, .removeVolumes:
            return false
        }
        return true
    }

    /// Notes a step that succeeded without leading on, so that a plugin that lies cannot keep the engine busy.
    private mutating func repeated(_ activation: inout Activation, at now: Timestamp) {
        switch activation.purpose {
        case .rollout(var rollout):
            rollout.attempt.repeated(policy(for: rollout.target).retry, at: now)
            activation.purpose = .rollout(rollout)
        case .restart(var serving):
            serving.restartAt = max(serving.restartAt ?? now.uptime, now.uptime)
            housekeeping.repeated(policy(for: serving.revision).retry, at: now)
            if let retryAt = housekeeping.retryAt { serving.restartAt = retryAt }
            activation.purpose = .restart(serving)
        }
        state = .activating(activation)
    }

    private mutating func succeed(_ step: Step, in update: Update, at now: Timestamp) -> Bool {
        var update = update
        let target = update.rollout.target
        switch (update.step, step) {
        case (.validate, .validate(target)): update.step = .fetch
        case (.fetch, .fetch(target)): update.step = .prepare
        case (.prepare, .prepare(target)): update.step = .stop
        case (.stop, .stop):
            update.rollout.attempt.repeated(policy(for: target).retry, at: now)
            state = .updating(update)
            return true
        case (_, .start(let revision)):
            guard var serving = update.serving, serving.revision == revision else { return false }
            serving.restartAt = nil
            update.serving = serving
            state = .updating(update)
            return true
        case (_, .stop(let revision)):
            guard var serving = update.serving, serving.revision == revision else { return false }
            serving.mustStop = false
            update.serving = serving
            state = .updating(update)
            return true
        default:  // A pair of two enums: the pairs above are the table, anything else is no outcome of this step.
            return false
        }
        update.rollout = update.rollout.progressed(at: now.uptime)
        state = .updating(update)
        return true
    }

    private mutating func succeed(_ step: Step, in rollback: Rollback, at now: Timestamp) -> Bool {
        var rollback = rollback
        if case .stop(let revision) = step {
            if revision == rollback.restoring { rollback.mustStop = false }
            rollback.attempt.repeated(policy(for: target).retry, at: now)
            state = .rollingBack(rollback)
            return true
        }
        switch rollback.step {
        case .removeFailed:
            guard step == .remove(rollback.failed) else { return false }
            guard rollback.restoring != nil else {
                state = .failed(Defeat(revision: rollback.failed, failure: rollback.cause, at: now))
                return true
            }
            rollback.step = .restore
            rollback.attempt = .first
        case .restore, .start:
            guard let restoring = rollback.restoring else { return false }
            if step == .start(restoring) {
                rollback.step = .probe
                rollback.attempt.retryAt = nil
            } else if step == .install(restoring) {
                rollback.step = .start
                rollback.attempt.repeated(policy(for: restoring).retry, at: now)
            } else {
                return false
            }
        case .stopFailed, .probe:
            return false
        }
        rollback.progressAt = now.uptime
        state = .rollingBack(rollback)
        return true
    }

    // MARK: Failure

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
            if update.step != .stop, step.revision == update.serving?.revision, let serving = update.serving {
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
            if isOver { defeat(rollback, failure, at: now) } else { state = .rollingBack(rollback) }
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
            housekeeping.lastFailure = failure
            restartOrRollBack(serving, nil, failure, jitter, mustStop: activation.mustStop, at: now)
        }
    }

    // MARK: What the instance does by itself

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
                } else if !restart.restarts(status)
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
            guard let serving = update.serving, serving.revision == revision else { return false }
            update.serving = crashed(serving, status, jitter, at: now)
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
