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

    init(
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
        pruneHeldAt = nil
        state = .requested(Rollout(target: revision.number, restoreTo: nil, progressAt: at.uptime))
        onDisk = [revision.number]
        artifacts = [:]
        handles = [:]
        signedFloor = nil
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
        case .pruneHeld:
            isPossible = setPruneHeld(pruneHeldAt ?? now.wall)
        case .pruneReleased:
            isPossible = setPruneHeld(nil)
        case .found(let instances):
            isPossible = take(instances, at: now)
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
        update(to: target, restoreTo: serving.revision, serving: serving, at: now)
        onDisk.insert(target)
        return true
    }

    private mutating func beginRemoval() -> Bool {
        switch state {
        case .stopping, .uninstalling, .deleted: return false
        case .requested, .validating, .fetching, .preparing, .installing, .activating, .healthChecking,
            .running, .updating, .rollingBack, .failed, .rollbackFailed:
            state = .stopping(Removal())
            pruneHeldAt = nil
            epoch += 1
            return true
        }
    }

    private mutating func setPruneHeld(_ time: WallTime?) -> Bool {
        guard !isBeingRemoved else { return false }
        pruneHeldAt = time
        return true
    }

    private mutating func displaced(at now: Timestamp) -> Bool {
        switch state {
        case .updating(let update) where update.step == .stop:
            state = .installing(update.rollout.progressed(at: now.uptime))
        case .rollingBack(var rollback) where rollback.step == .stopFailed:
            rollback.step = .removeFailed
            rollback.attempt = .first
            rollback.progressAt = now.uptime
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
        raiseSignedFloor(serving.revision)
        return true
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
        case .pruneHeld: "pruneHeld"
        case .pruneReleased: "pruneReleased"
        case .found(let instances):
            "found(revisions \(instances.revisions.map(\.number.description).joined(separator: ", ")))"
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
