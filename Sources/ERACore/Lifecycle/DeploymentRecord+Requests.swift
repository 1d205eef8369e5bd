/// What the passing of time without ERA, and what people ask for, mean for the record.
extension DeploymentRecord {
    /// No deadline ran while ERA was away. After a reboot nothing runs any more, which is no fault of the
    /// workload: it is started again, uncounted, and a new version is watched from then on.
    mutating func resume(rebooted: Bool, at now: Timestamp) {
        if rebooted { reboot(at: now) }
        switch state {
        case .requested(let rollout): state = .requested(rollout.resumed(at: now))
        case .validating(let rollout): state = .validating(rollout.resumed(at: now))
        case .fetching(let rollout): state = .fetching(rollout.resumed(at: now))
        case .preparing(let rollout): state = .preparing(rollout.resumed(at: now))
        case .installing(let rollout): state = .installing(rollout.resumed(at: now))
        case .activating(let activation): state = .activating(activation.resumed(at: now))
        case .healthChecking(let activation): state = .healthChecking(activation.resumed(at: now))
        case .updating(var update):
            update.rollout.progressAt = now.uptime
            state = .updating(update)
        case .rollingBack(var rollback):
            rollback.progressAt = now.uptime
            state = .rollingBack(rollback)
        case .running, .stopping, .uninstalling, .deleted, .failed, .rollbackFailed: break
        }
    }

    private mutating func reboot(at now: Timestamp) {
        hurry(at: now)
        if case .running(let serving) = state, serving.revision != target {
            // Another revision was wanted a moment ago; that must not be
            // forgotten over the restart of this one.
            update(to: target, restoreTo: serving.revision, serving: serving, at: now)
        }
        switch state {
        case .activating(let activation), .healthChecking(let activation):
            state = .activating(Activation(activation.purpose.rebooted(self, at: now)))
        case .running(let serving) where serving.completion == nil:
            state = .activating(Activation(.restart(serving.rebooted(self, at: now))))
        case .running(let serving):
            state = .running(serving.rebooted(self, at: now))
        case .updating(var update):
            update.serving = update.serving?.rebooted(self, at: now)
            if update.serving?.completion == nil { update.serving?.restartAt = now.uptime }
            state = .updating(update)
        case .rollingBack(var rollback):
            if rollback.step == .probe { rollback.step = .start }
            rollback.mustStop = false
            rollback.serving = rollback.serving?.rebooted(self, at: now)
            state = .rollingBack(rollback)
        case .requested, .validating, .fetching, .preparing, .installing, .stopping, .uninstalling, .deleted,
            .failed, .rollbackFailed:
            break
        }
    }

    /// What waits for its next attempt, does it now.
    private mutating func hurry(at now: Timestamp) {
        housekeeping.retryAt = nil
        switch state {
        case .requested(let rollout): state = .requested(rollout.hurried)
        case .validating(let rollout): state = .validating(rollout.hurried)
        case .fetching(let rollout): state = .fetching(rollout.hurried)
        case .preparing(let rollout): state = .preparing(rollout.hurried)
        case .installing(let rollout): state = .installing(rollout.hurried)
        case .activating(var activation):
            switch activation.purpose {
            case .rollout(let rollout): activation.purpose = .rollout(rollout.hurried)
            case .restart(var serving):
                serving.restartAt = serving.restartAt.map { _ in now.uptime }
                activation.purpose = .restart(serving)
            }
            state = .activating(activation)
        case .updating(var update):
            update.rollout = update.rollout.hurried
            if update.serving?.restartAt != nil { update.serving?.restartAt = now.uptime }
            state = .updating(update)
        case .rollingBack(var rollback):
            rollback.attempt.retryAt = nil
            state = .rollingBack(rollback)
        case .stopping(var removal):
            removal.attempt.retryAt = nil
            state = .stopping(removal)
        case .uninstalling(var removal):
            removal.attempt.retryAt = nil
            state = .uninstalling(removal)
        case .healthChecking, .running, .deleted, .failed, .rollbackFailed: break
        }
    }

    // MARK: People

    mutating func obey(_ request: OperatorRequest, at now: Timestamp) -> Bool {
        switch request {
        case .retry:
            return retry(at: now)
        case .rollback(let revision):
            return goBack(to: revision, at: now)
        case .accept(let revision):
            return accept(revision, at: now)
        case .restart:
            return restart(at: now)
        case .hold:
            isHeld = true
            epoch += 1
        case .release:
            isHeld = false
            resume(rebooted: false, at: now)
        }
        return true
    }

    private mutating func retry(at now: Timestamp) -> Bool {
        quarantine = nil
        switch state {
        case .failed:
            startOver(restoreTo: previous, at: now)
        case .rollbackFailed(let defeat):
            startOver(restoreTo: defeat.restoring, at: now)
        case .running(let serving):
            guard declaration.revision != serving.revision else { return false }
            retarget(to: declaration.revision, at: now)
        case .rollingBack(let rollback) where rollback.restoring != declaration.revision:
            retarget(to: declaration.revision, at: now)
        case .deleted:
            return false
        case .requested, .validating, .fetching, .preparing, .installing, .activating, .healthChecking,
            .updating,
            .rollingBack, .stopping, .uninstalling:
            if target != declaration.revision, !isBeingRemoved {
                retarget(to: declaration.revision, at: now)
            } else {
                hurry(at: now)
            }
        }
        return true
    }

    private mutating func startOver(restoreTo: RevisionNumber?, at now: Timestamp) {
        target = declaration.revision
        onDisk.insert(target)
        epoch += 1
        state = .validating(
            Rollout(
                target: target,
                restoreTo: restoreTo == target ? nil : restoreTo,
                progressAt: now.uptime
            )
        )
    }

    private mutating func goBack(to revision: RevisionNumber, at now: Timestamp) -> Bool {
        guard revisions[revision] != nil, !isBeingRemoved else { return false }
        quarantine = quarantine(byGoing: "rolled back", to: revision)
        retarget(to: revision, at: now)
        return true
    }

    /// Why the declared revision is not tried while a person wants
    /// `revision`; nil when that is the declared one.
    private func quarantine(byGoing verb: String, to revision: RevisionNumber) -> Quarantine? {
        guard revision != declaration.revision else { return nil }
        return Quarantine(
            generation: generation,
            templateHash: revisions[declaration.revision]?.templateHash,
            failure: .permanent(.rolledBackByOperator, "\(verb) to revision \(revision) by hand")
        )
    }

    /// Only what was installed can be run as it is.
    private mutating func accept(_ revision: RevisionNumber, at now: Timestamp) -> Bool {
        guard case .rollbackFailed = state, revisions[revision] != nil, handles[revision] != nil else {
            return false
        }
        target = revision
        epoch += 1
        housekeeping = .first
        let byHand = quarantine(byGoing: "gone over", to: revision)
        quarantine = byHand == nil ? nil : quarantine ?? byHand
        if previous == revision { previous = nil }
        if lastFailed == revision { lastFailed = nil }
        state = .running(Serving(revision: revision, since: now, bake: nil))
        conclude(revision, .running, at: now)
        raiseSignedFloor(revision)
        return true
    }

    private mutating func restart(at now: Timestamp) -> Bool {
        var serving: Serving
        switch state {
        case .running(let running): serving = running
        case .activating(let activation), .healthChecking(let activation):
            guard case .restart(let restarting) = activation.purpose else { return false }
            serving = restarting
        case .requested, .validating, .fetching, .preparing, .installing, .updating, .rollingBack, .stopping,
            .uninstalling, .deleted, .failed, .rollbackFailed:
            return false
        }
        serving.completion = nil
        serving.restartAt = nil
        serving.isReady = false
        serving.unreadyReason = "being restarted"
        housekeeping = .first
        epoch += 1
        guard serving.revision == target else {
            // Another revision was wanted a moment ago: this one is restarted while that one is prepared.
            serving.restartAt = now.uptime
            serving.mustStop = true
            update(to: target, restoreTo: serving.revision, serving: serving, at: now)
            return true
        }
        state = .activating(Activation(.restart(serving), mustStop: true))
        return true
    }
}

extension Rollout {
    fileprivate func resumed(at now: Timestamp) -> Rollout {
        var rollout = self
        rollout.progressAt = now.uptime
        return rollout
    }

    fileprivate var hurried: Rollout {
        var rollout = self
        rollout.attempt.retryAt = nil
        return rollout
    }
}

extension Activation {
    fileprivate func resumed(at now: Timestamp) -> Activation {
        guard case .rollout(let rollout) = purpose else { return self }
        return Activation(.rollout(rollout.resumed(at: now)), mustStop: mustStop)
    }
}

extension Activation.Purpose {
    fileprivate func rebooted(_ record: DeploymentRecord, at now: Timestamp) -> Self {
        switch self {
        case .rollout: self
        case .restart(let serving): .restart(serving.rebooted(record, at: now))
        }
    }
}

extension Serving {
    /// Its uptimes were those of the last boot.
    fileprivate func rebooted(_ record: DeploymentRecord, at now: Timestamp) -> Serving {
        var serving = self
        let bakeSeconds = record.policy(for: revision).update.bakeSeconds
        serving.bake?.until = now.uptime + .seconds(bakeSeconds)
        serving.restarts.consecutive = 0
        serving.restarts.lastAt = nil
        serving.restartAt = nil
        serving.mustStop = false
        guard completion == nil else { return serving }
        serving.isReady = false
        serving.unreadyReason = "the machine was restarted"
        return serving
    }
}
