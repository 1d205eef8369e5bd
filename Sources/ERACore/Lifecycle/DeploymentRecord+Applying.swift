extension DeploymentRecord {
    /// The record of a deployment that was declared for the first time.
    ///
    /// - Throws: ``IllegalTransition`` when the event is no first declaration.
    public init(key: DeploymentKey, founding event: JournalEvent) throws(IllegalTransition) {
        guard case .declared(let declaration, let revision?, let uid) = event.kind,
            revision.number == declaration.revision
        else {
            throw IllegalTransition(deployment: key, phase: .requested, event: event.kind.name)
        }
        self.init(key: key, uid: uid, declaration: declaration, revision: revision, at: event.at)
    }

    private init(
        key: DeploymentKey,
        uid: String,
        declaration: Declaration,
        revision: Revision,
        at: Timestamp
    ) {
        self.key = key
        self.uid = uid
        createdAt = at.wall
        self.declaration = declaration
        revisions = [revision.number: revision]
        outcomes = [revision.number: RevisionOutcome(verdict: .pending, at: at.wall)]
        target = revision.number
        newestRevision = revision.number
        quarantine = nil
        previous = nil
        lastFailed = nil
        isHeld = false
        state = .requested(Rollout(target: revision.number, restoreTo: nil, progressAt: at.uptime))
        onDisk = [revision.number]
        artifacts = [:]
        handles = [:]
        housekeeping = .first
        conditions = []
        epoch = 0
        refreshConditions(at: at.wall)
    }

    /// The record after one more fact.
    ///
    /// - Throws: ``IllegalTransition`` when the fact cannot happen in this state.
    public func applying(_ event: JournalEvent) throws(IllegalTransition) -> DeploymentRecord {
        var next = self
        try next.apply(event)
        guard next.phase == phase || phase.mayBecome(next.phase) else { throw illegal(event) }
        next.trimHistory()
        next.refreshConditions(at: event.at.wall)
        return next
    }

    private func illegal(_ event: JournalEvent) -> IllegalTransition {
        IllegalTransition(deployment: key, phase: phase, event: event.kind.name)
    }

    private mutating func apply(_ event: JournalEvent) throws(IllegalTransition) {
        let now = event.at
        let isPossible: Bool
        switch event.kind {
        case .declared(let declaration, let revision, let uid):
            isPossible = declare(declaration, revision, uid: uid, at: now)
        case .deletionRequested:
            isPossible = beginRemoval()
        case .admitted(let replacing):
            isPossible = admit(replacing: replacing, at: now)
        case .updateBegan:
            isPossible = beginUpdate(at: now)
        case .displaced:
            isPossible = displaced(at: now)
        case .stepSucceeded(let step, let result):
            isPossible = succeed(step, result, at: now)
        case .stepFailed(let step, let failure, let jitter):
            isPossible = fail(step, failure, jitter, at: now)
        case .instanceExited(let revision, let status, let jitter):
            isPossible = exited(revision, status, jitter, at: now)
        case .becameHealthy(let revision):
            isPossible = healthy(revision, at: now)
        case .becameUnhealthy(let revision, let failure, let jitter):
            isPossible = unhealthy(revision, failure, jitter, at: now)
        case .readinessChanged(let unready):
            isPossible = readiness(unready)
        case .deadlineExceeded:
            isPossible = deadlineExceeded(at: now)
        case .bakeCompleted:
            isPossible = completeBake()
        case .resumed(let rebooted):
            resume(rebooted: rebooted, at: now)
            isPossible = true
        case .requested(let request):
            isPossible = obey(request, at: now)
        }
        guard isPossible else { throw illegal(event) }
    }

    // MARK: Declarations

    private mutating func declare(
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
            self = DeploymentRecord(key: key, uid: uid, declaration: new, revision: revision, at: now)
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
        if isNewGeneration {
            quarantine = nil
            retarget(to: new.revision, at: now)
        }
        return true
    }

    /// Drives the deployment to another revision, from wherever it stands.
    private mutating func retarget(to revision: RevisionNumber, at now: Timestamp) {
        target = revision
        epoch += 1
        func request(restoreTo: RevisionNumber?) -> LifecycleState {
            .requested(Rollout(target: revision, restoreTo: restoreTo, progressAt: now.uptime))
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
                if serving.revision != revision { state = request(restoreTo: serving.revision) }
            }
        case .running:
            break  // `decide` sees that the target is another one.
        case .updating(let update):
            if let serving = update.serving, serving.revision == revision {
                state =
                    serving.restartAt == nil ? .running(serving) : .activating(Activation(.restart(serving)))
            } else {
                let isSame = update.rollout.target == revision
                state = .updating(
                    Update(
                        rollout: Rollout(
                            target: revision,
                            restoreTo: update.rollout.restoreTo,
                            progressAt: now.uptime
                        ),
                        step: isSame ? update.step : .validate,
                        serving: update.serving
                    )
                )
            }
        case .rollingBack(let rollback):
            if rollback.restoring != revision { state = request(restoreTo: rollback.restoring) }
        case .failed:
            state = request(restoreTo: previous)
        case .rollbackFailed(let defeat):
            state = request(restoreTo: defeat.restoring)
        case .stopping, .uninstalling, .deleted:
            break
        }
        onDisk.insert(revision)
    }

    private mutating func admit(replacing: Bool, at now: Timestamp) -> Bool {
        guard case .requested(let rollout) = state else { return false }
        let progressed = rollout.progressed(at: now.uptime)
        state =
            replacing
            ? .updating(Update(rollout: progressed, step: .validate, serving: nil))
            : .validating(progressed)
        return true
    }

    private mutating func beginUpdate(at now: Timestamp) -> Bool {
        guard case .running(let serving) = state, serving.revision != target else { return false }
        let rollout = Rollout(target: target, restoreTo: serving.revision, progressAt: now.uptime)
        state = .updating(Update(rollout: rollout, step: .validate, serving: serving))
        onDisk.insert(target)
        return true
    }

    private mutating func beginRemoval() -> Bool {
        switch state {
        case .stopping, .uninstalling, .deleted: return false
        case .requested, .validating, .fetching, .preparing, .installing, .activating, .healthChecking,
            .running, .updating, .rollingBack, .failed, .rollbackFailed:
            state = .stopping(Removal())
            epoch += 1
            return true
        }
    }

    private mutating func displaced(at now: Timestamp) -> Bool {
        switch state {
        case .updating(let update) where update.step == .stop:
            state = .installing(update.rollout.progressed(at: now.uptime))
        case .rollingBack(var rollback) where rollback.step == .stopFailed:
            rollback.step = .removeFailed
            rollback.attempt = .first
            state = .rollingBack(rollback)
        case .stopping:
            state = .uninstalling(Removal())
        case .requested, .validating, .fetching, .preparing, .installing, .activating, .healthChecking,
            .running, .updating, .rollingBack, .uninstalling, .deleted, .failed, .rollbackFailed:
            return false
        }
        return true
    }

    // MARK: Time and people

    private mutating func completeBake() -> Bool {
        guard case .running(var serving) = state, serving.bake != nil else { return false }
        serving.bake = nil
        state = .running(serving)
        return true
    }

    private mutating func resume(rebooted: Bool, at now: Timestamp) {
        func resumed(_ attempt: Attempt) -> Attempt {
            rebooted
                ? Attempt(failures: attempt.failures, retryAt: nil, lastFailure: attempt.lastFailure)
                : attempt
        }
        func resumed(_ rollout: Rollout) -> Rollout {
            var rollout = rollout
            rollout.progressAt = now.uptime
            rollout.attempt = resumed(rollout.attempt)
            return rollout
        }
        func resumed(_ serving: Serving) -> Serving {
            guard rebooted else { return serving }
            var serving = serving
            serving.restartAt = serving.restartAt.map { _ in now.uptime }
            serving.bake = nil
            serving.restarts.consecutive = 0
            serving.restarts.lastAt = nil
            return serving
        }
        func resumed(_ activation: Activation) -> Activation {
            var activation = activation
            switch activation.purpose {
            case .rollout(let rollout): activation.purpose = .rollout(resumed(rollout))
            case .restart(let serving): activation.purpose = .restart(resumed(serving))
            }
            return activation
        }
        housekeeping = resumed(housekeeping)
        switch state {
        case .requested(let rollout): state = .requested(resumed(rollout))
        case .validating(let rollout): state = .validating(resumed(rollout))
        case .fetching(let rollout): state = .fetching(resumed(rollout))
        case .preparing(let rollout): state = .preparing(resumed(rollout))
        case .installing(let rollout): state = .installing(resumed(rollout))
        case .activating(let activation): state = .activating(resumed(activation))
        case .healthChecking(let activation): state = .healthChecking(resumed(activation))
        case .running(let serving): state = .running(resumed(serving))
        case .updating(var update):
            update.rollout = resumed(update.rollout)
            update.serving = update.serving.map(resumed)
            state = .updating(update)
        case .rollingBack(var rollback):
            rollback.progressAt = now.uptime
            rollback.attempt = resumed(rollback.attempt)
            rollback.serving = rollback.serving.map(resumed)
            state = .rollingBack(rollback)
        case .stopping(let removal): state = .stopping(Removal(attempt: resumed(removal.attempt)))
        case .uninstalling(let removal): state = .uninstalling(Removal(attempt: resumed(removal.attempt)))
        case .deleted, .failed, .rollbackFailed: break
        }
    }

    private mutating func obey(_ request: OperatorRequest, at now: Timestamp) -> Bool {
        switch request {
        case .retry:
            return retry(at: now)
        case .rollback(let revision):
            guard revisions[revision] != nil, !isBeingRemoved else { return false }
            if revision != declaration.revision {
                quarantine = Quarantine(
                    generation: generation,
                    templateHash: revisions[declaration.revision]?.templateHash,
                    failure: .permanent(.rolledBackByOperator, "rolled back to revision \(revision) by hand")
                )
            }
            retarget(to: revision, at: now)
        case .accept(let revision):
            guard case .rollbackFailed = state, revisions[revision] != nil else { return false }
            target = revision
            state = .running(Serving(revision: revision, since: now, bake: nil))
            conclude(revision, .running, at: now)
        case .restart:
            guard case .running(var serving) = state else { return false }
            serving.completion = nil
            state = .activating(Activation(.restart(serving), mustStop: true))
            epoch += 1
        case .hold:
            isHeld = true
            epoch += 1
        case .release:
            isHeld = false
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
        case .deleted:
            return false
        case .activating(var activation):
            if case .restart(var serving) = activation.purpose {
                serving.restartAt = serving.restartAt.map { _ in now.uptime }
                activation.purpose = .restart(serving)
            }
            state = .activating(activation)
            resume(rebooted: true, at: now)
        case .requested, .validating, .fetching, .preparing, .installing, .healthChecking, .updating,
            .rollingBack, .stopping, .uninstalling:
            // What waits for its next attempt, does it now.
            resume(rebooted: true, at: now)
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

    var isBeingRemoved: Bool {
        switch state {
        case .stopping, .uninstalling, .deleted: true
        case .requested, .validating, .fetching, .preparing, .installing, .activating, .healthChecking,
            .running, .updating, .rollingBack, .failed, .rollbackFailed:
            false
        }
    }
}

extension JournalEvent.Kind {
    /// The case's name, for errors and logs.
    public var name: String {
        switch self {
        case .declared: "declared"
        case .deletionRequested: "deletionRequested"
        case .admitted: "admitted"
        case .updateBegan: "updateBegan"
        case .displaced: "displaced"
        case .stepSucceeded(let step, _): "stepSucceeded(\(step))"
        case .stepFailed(let step, let failure, _): "stepFailed(\(step): \(failure.code))"
        case .instanceExited(let revision, let status, _): "instanceExited(revision \(revision): \(status))"
        case .becameHealthy(let revision): "becameHealthy(revision \(revision))"
        case .becameUnhealthy(let revision, _, _): "becameUnhealthy(revision \(revision))"
        case .readinessChanged(let unready): "readinessChanged(\(unready == nil ? "ready" : "unready"))"
        case .deadlineExceeded: "deadlineExceeded"
        case .bakeCompleted: "bakeCompleted"
        case .resumed(let rebooted): rebooted ? "resumed(rebooted)" : "resumed"
        case .requested(let request): "requested(\(request))"
        }
    }
}
