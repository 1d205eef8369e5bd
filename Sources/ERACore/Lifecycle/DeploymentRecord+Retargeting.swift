/// What a declaration, and a turn to another revision, mean for the record.
extension DeploymentRecord {
    mutating func declare(
        _ new: Declaration,
        _ revision: Revision?,
        uid: String,
        at now: Timestamp
    ) -> Bool {
        switch state {
        case .stopping, .uninstalling:
            return false
        case .deleted:
            guard let revision else { return false }
            let last = epoch
            self = DeploymentRecord(key: key, uid: uid, declaration: new, revision: revision, at: now)
            epoch = last + 1
            return true
        case .requested, .validating, .fetching, .preparing, .installing, .activating, .healthChecking,
            .running, .updating, .rollingBack, .failed, .rollbackFailed:
            break
        }
        let isNewGeneration = new.generation != declaration.generation
        if let revision {
            revisions[revision.number] = revision
            newestRevision = max(newestRevision, revision.number)
            outcomes[revision.number] = RevisionOutcome(verdict: .pending, at: now.wall)
        }
        guard revisions[new.revision] != nil else { return false }
        declaration = new
        pruneHeldAt = nil
        if isNewGeneration {
            quarantine = nil
            resume(rebooted: false, at: now)
            retarget(to: new.revision, at: now)
        }
        return true
    }

    /// Drives the deployment to another revision, from wherever it stands.
    mutating func retarget(to revision: RevisionNumber, at now: Timestamp) {
        noteChange(of: target, to: revision, at: now)
        target = revision
        epoch += 1
        func request(restoreTo: RevisionNumber?) -> LifecycleState {
            let restoreTo = restoreTo == revision ? nil : restoreTo
            return .requested(Rollout(target: revision, restoreTo: restoreTo, progressAt: now.uptime))
        }
        switch state {
        case .requested(let rollout):
            state = request(restoreTo: rollout.restoreTo)
        case .validating(let rollout) where rollout.target == revision:
            state = .validating(rollout.progressed(at: now.uptime))
        case .fetching(let rollout) where rollout.target == revision:
            state = .fetching(rollout.progressed(at: now.uptime))
        case .preparing(let rollout) where rollout.target == revision:
            state = .preparing(rollout.progressed(at: now.uptime))
        case .installing(let rollout) where rollout.target == revision:
            state = .installing(rollout.progressed(at: now.uptime))
        case .validating(let rollout), .fetching(let rollout), .preparing(let rollout),
            .installing(let rollout):
            state = request(restoreTo: rollout.restoreTo)
        case .activating(var activation), .healthChecking(var activation):
            switch activation.purpose {
            case .rollout(let rollout) where rollout.target == revision:
                activation.purpose = .rollout(rollout.progressed(at: now.uptime))
                state = phase == .activating ? .activating(activation) : .healthChecking(activation)
            case .rollout(let rollout):
                state = request(restoreTo: rollout.restoreTo)
            case .restart(let serving):
                guard serving.revision != revision else { break }
                // It goes on being restarted while the other revision is prepared.
                var waiting = serving
                if phase == .activating { waiting.restartAt = serving.restartAt ?? now.uptime }
                waiting.mustStop = activation.mustStop
                update(to: revision, restoreTo: serving.revision, serving: waiting, at: now)
            }
        case .running:
            break  // `decide` sees that the target is another one.
        case .updating(let update):
            retarget(update, to: revision, at: now)
        case .rollingBack(let rollback):
            guard rollback.restoring != revision else { break }
            if var serving = rollback.serving {
                // It was never replaced, and waits for the next update; what ails it is observed afresh.
                serving.restartAt = nil
                serving.mustStop = false
                state = .running(serving)
            } else {
                state = request(restoreTo: rollback.restoring)
            }
        case .failed:
            state = request(restoreTo: previous)
        case .rollbackFailed(let defeat):
            state = request(restoreTo: defeat.restoring)
        case .stopping, .uninstalling, .deleted:
            break
        }
        onDisk.insert(revision)
    }

    /// What history says: a revision that never came to anything was replaced, and one that is tried again is
    /// on its way again.
    private mutating func noteChange(of old: RevisionNumber, to new: RevisionNumber, at now: Timestamp) {
        if old != new, outcomes[old]?.verdict == .pending { conclude(old, .superseded, at: now) }
        if outcomes[new]?.verdict == .superseded, outcomes[new]?.firstRunningAt == nil {
            conclude(new, .pending, at: now)
        }
    }

    /// An update turns to another revision, or back to the one that is being replaced.
    private mutating func retarget(_ update: Update, to revision: RevisionNumber, at now: Timestamp) {
        let isSame = update.rollout.target == revision
        var serving = update.serving
        if update.step == .stop, !isSame, serving?.completion == nil {
            serving?.restartAt = now.uptime  // it may have been stopped already
        }
        if let serving, serving.revision == revision {
            state =
                serving.restartAt == nil
                ? .running(serving)
                : .activating(Activation(.restart(serving), mustStop: serving.mustStop))
            return
        }
        self.update(to: revision, restoreTo: update.rollout.restoreTo, serving: serving, at: now)
        if isSame, case .updating(var same) = state {
            same.step = update.step
            state = .updating(same)
        }
    }

    mutating func update(
        to revision: RevisionNumber,
        restoreTo: RevisionNumber?,
        serving: Serving?,
        at now: Timestamp
    ) {
        housekeeping = .first
        let rollout = Rollout(
            target: revision,
            restoreTo: restoreTo == revision ? nil : restoreTo,
            progressAt: now.uptime
        )
        state = .updating(Update(rollout: rollout, step: .validate, serving: serving))
    }
}
