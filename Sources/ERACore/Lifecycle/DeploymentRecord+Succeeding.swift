/// What a step that succeeded means for the record.
extension DeploymentRecord {
    mutating func succeed(_ step: Step, _ result: StepResult, at now: Timestamp) -> Bool {
        if case .installed(let handle) = result, let revision = step.revision { handles[revision] = handle }
        if case .fetched(let artifact) = result, let revision = step.revision {
            artifacts[revision] = artifact
        }
        if case .purge(let revision) = step { return purged(revision) }
        if case .remove(let revision) = step { handles[revision] = nil }
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
            artifacts = [:]
            handles = [:]
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
                // The count of failed starts goes on: a program that
                // exits at once must not be tried for ever.
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
            if revision == activation.revision, activation.mustStop {
                activation.mustStop = false
                housekeeping = .first
                state = .activating(activation)
            } else {
                repeated(&activation, at: now)
            }
        case .install(activation.revision):
            repeated(&activation, at: now)
        case .validate, .fetch, .prepare, .install, .start, .remove, .purge, .removeVolumes:
            return false
        }
        return true
    }

    /// Notes a step that succeeded without leading on, so that a plugin
    /// that lies cannot keep the engine busy.
    private mutating func repeated(_ activation: inout Activation, at now: Timestamp) {
        switch activation.purpose {
        case .rollout(var rollout):
            rollout.attempt.repeated(policy(for: rollout.target).retry, at: now)
            activation.purpose = .rollout(rollout)
        case .restart(let serving):
            housekeeping.repeated(policy(for: serving.revision).retry, at: now)
        }
        state = .activating(activation)
    }

    private mutating func succeed(_ step: Step, in update: Update, at now: Timestamp) -> Bool {
        if update.step == .stop {
            guard case .stop = step else { return false }
            var update = update
            update.rollout.attempt.repeated(policy(for: target).retry, at: now)
            state = .updating(update)
            return true
        }
        var next = update
        next.rollout = update.rollout.progressed(at: now.uptime)
        switch step {
        case .validate(update.rollout.target) where update.step == .validate: next.step = .fetch
        case .fetch(update.rollout.target) where update.step == .fetch: next.step = .prepare
        case .prepare(update.rollout.target) where update.step == .prepare: next.step = .stop
        case .install, .start, .stop: return cared(step, in: update, at: now)
        case .validate, .fetch, .prepare, .remove, .purge, .removeVolumes: return false
        }
        state = .updating(next)
        return true
    }

    /// What the revision that serves during an update needed was done.
    private mutating func cared(_ step: Step, in update: Update, at now: Timestamp) -> Bool {
        guard var serving = update.serving else { return false }
        var update = update
        switch step {
        case .start(serving.revision):
            serving.restartAt = nil
            housekeeping = .first
        case .install(serving.revision):
            housekeeping.repeated(policy(for: serving.revision).retry, at: now)
        case .stop(let revision):
            if revision == serving.revision, serving.mustStop {
                serving.mustStop = false
                housekeeping = .first
            } else {
                housekeeping.repeated(policy(for: serving.revision).retry, at: now)
            }
        case .validate, .fetch, .prepare, .install, .start, .remove, .purge, .removeVolumes:
            return false
        }
        update.serving = serving
        state = .updating(update)
        return true
    }

    private mutating func succeed(_ step: Step, in rollback: Rollback, at now: Timestamp) -> Bool {
        var rollback = rollback
        if case .stop(let revision) = step {
            if revision == rollback.restoring, rollback.mustStop {
                rollback.mustStop = false
                rollback.attempt.retryAt = nil
            } else {
                rollback.attempt.repeated(policy(for: target).retry, at: now)
            }
            state = .rollingBack(rollback)
            return true
        }
        switch rollback.step {
        case .removeFailed:
            guard step == .remove(rollback.failed) else { return false }
            undone(rollback, at: now)
            return true
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

    /// The failed revision is gone, or as good as; now what was before it.
    mutating func undone(_ rollback: Rollback, at now: Timestamp) {
        var rollback = rollback
        guard let restoring = rollback.restoring else {
            state = .failed(Defeat(revision: rollback.failed, failure: rollback.cause, at: now))
            return
        }
        if let completion = rollback.serving?.completion {
            // It had done its work before the update; doing it again is not asked for.
            restored(rollback, restoring, completion: completion, at: now)
            return
        }
        rollback.step = .restore
        rollback.attempt = .first
        rollback.progressAt = now.uptime
        state = .rollingBack(rollback)
    }
}
