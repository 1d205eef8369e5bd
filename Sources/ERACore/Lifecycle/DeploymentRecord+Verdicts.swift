/// The turns that several outcomes lead to.
extension DeploymentRecord {
    /// A revision became Running for the first time, in place of another or of none.
    mutating func run(
        _ revision: RevisionNumber,
        replacing old: RevisionNumber?,
        completion: ExitStatus?,
        at now: Timestamp
    ) {
        let bakeSeconds = policy(for: revision).update.bakeSeconds
        let restored = old == revision ? nil : old
        var serving = Serving(
            revision: revision,
            since: now,
            bake: bakeSeconds > 0
                ? restored.map { Serving.Bake(until: now.uptime + .seconds(bakeSeconds), restoreTo: $0) }
                : nil
        )
        serving.completion = completion
        serving.restarts.lastExit = completion
        state = .running(serving)
        if let restored {
            previous = restored
            conclude(restored, .superseded, at: now)
        }
        if lastFailed == revision { lastFailed = nil }
        housekeeping = .first
        conclude(revision, .running, at: now)
        if serving.bake == nil { raiseSignedFloor(revision) }
    }

    /// The revision that a rollback restored runs again, or had completed and has completed again.
    mutating func restored(
        _ rollback: Rollback,
        _ revision: RevisionNumber,
        completion: ExitStatus?,
        at now: Timestamp
    ) {
        var serving = rollback.serving ?? Serving(revision: revision, since: now, bake: nil)
        serving.bake = nil
        serving.isReady = true
        serving.unreadyReason = nil
        serving.completion = completion
        serving.restartAt = nil
        serving.mustStop = false
        target = revision
        if revision == declaration.revision { quarantine = nil }
        if previous == revision { previous = nil }
        housekeeping = .first
        state = .running(serving)
        conclude(revision, .running, at: now)
    }

    /// The revision is given up with nothing to undo but files.
    mutating func surrender(_ revision: RevisionNumber, _ failure: Failure, at now: Timestamp) {
        condemn(revision, failure, at: now)
        state = .failed(Defeat(revision: revision, failure: failure, at: now))
    }

    /// The revision is given up; what was there before comes back.
    mutating func rollBack(
        _ rollout: Rollout,
        _ cause: Failure,
        serving: Serving? = nil,
        at now: Timestamp
    ) {
        condemn(rollout.target, cause, at: now)
        // What still serves needs no permission to go on.
        let isWanted = serving != nil || policy(for: rollout.target).rollback.enabled
        var rollback = Rollback(
            failed: rollout.target,
            restoring: isWanted && rollout.restoreTo != rollout.target ? rollout.restoreTo : nil,
            cause: cause,
            progressAt: now.uptime,
            serving: serving
        )
        rollback.mustStop = serving?.mustStop ?? false
        state = .rollingBack(rollback)
    }

    /// The rollback is given up as well.
    mutating func defeat(_ rollback: Rollback, _ failure: Failure, at now: Timestamp) {
        state = .rollbackFailed(
            Defeat(
                revision: rollback.failed,
                failure: rollback.cause,
                rollbackFailure: failure,
                restoring: rollback.restoring,
                at: now
            )
        )
    }

    private mutating func condemn(_ revision: RevisionNumber, _ failure: Failure, at now: Timestamp) {
        conclude(revision, .failed(failure), at: now)
        lastFailed = revision
        if previous == revision { previous = nil }
        guard revision == declaration.revision else { return }
        quarantine = Quarantine(
            generation: generation,
            templateHash: revisions[revision]?.templateHash,
            failure: failure
        )
    }

    mutating func conclude(
        _ revision: RevisionNumber,
        _ verdict: RevisionOutcome.Verdict,
        at now: Timestamp
    ) {
        let earlier = outcomes[revision]?.firstRunningAt
        outcomes[revision] = RevisionOutcome(
            verdict: verdict,
            at: now.wall,
            firstRunningAt: earlier ?? (verdict == .running ? now.wall : nil)
        )
    }

    /// A revision that ran has stopped running: back to what worked while it is new, else another start.
    mutating func restartOrRollBack(
        _ serving: Serving,
        _ status: ExitStatus?,
        _ failure: Failure,
        _ jitter: Jitter,
        mustStop: Bool,
        at now: Timestamp
    ) {
        if let bake = serving.bake, policy(for: serving.revision).rollback.enabled {
            rollBack(
                Rollout(target: serving.revision, restoreTo: bake.restoreTo, progressAt: now.uptime),
                failure,
                at: now
            )
            return
        }
        let serving = crashed(serving, status, jitter, at: now)
        housekeeping = .first
        state = .activating(Activation(.restart(serving), mustStop: mustStop))
    }

    /// The serving revision with one more crash, to be started again after its delay.
    func crashed(_ serving: Serving, _ status: ExitStatus?, _ jitter: Jitter, at now: Timestamp) -> Serving {
        let policy = policy(for: serving.revision).restart
        var serving = serving
        // The time in back-off is no time of health: it counts from when the last restart became healthy.
        let wasStable =
            serving.restarts.lastAt.map { lastCrash in
                serving.since.uptime >= lastCrash.uptime
                    && now.uptime - serving.since.uptime >= policy.resetAfter
            } ?? true
        serving.restarts.total += 1
        serving.restarts.consecutive = wasStable ? 1 : serving.restarts.consecutive + 1
        serving.restarts.lastExit = status ?? serving.restarts.lastExit
        serving.restarts.lastAt = now
        serving.restartAt = now.uptime + policy.delay(afterCrash: serving.restarts.consecutive, jitter)
        serving.isReady = false
        serving.unreadyReason = status.map { "the workload ended with \($0)" } ?? "being started again"
        return serving
    }

    /// The revisions that the present state, or a way back from it, needs.
    public var referenced: Set<RevisionNumber> {
        var revisions: Set<RevisionNumber> = [target, declaration.revision]
        func insert(_ more: RevisionNumber?...) { revisions.formUnion(more.compactMap { $0 }) }
        insert(previous, lastFailed)
        switch state {
        case .requested(let rollout), .validating(let rollout), .fetching(let rollout),
            .preparing(let rollout),
            .installing(let rollout):
            insert(rollout.target, rollout.restoreTo)
        case .activating(let activation), .healthChecking(let activation):
            insert(activation.revision)
            switch activation.purpose {
            case .rollout(let rollout): insert(rollout.restoreTo)
            case .restart(let serving): insert(serving.bake?.restoreTo)
            }
        case .running(let serving):
            insert(serving.revision, serving.bake?.restoreTo)
        case .updating(let update):
            insert(update.rollout.target, update.rollout.restoreTo, update.serving?.revision)
        case .rollingBack(let rollback):
            insert(rollback.failed, rollback.restoring)
        case .failed(let defeat), .rollbackFailed(let defeat):
            insert(defeat.revision, defeat.restoring)
        case .stopping, .uninstalling, .deleted:
            break
        }
        return revisions
    }

    /// Drops what lies further back than `revisionHistoryLimit`.
    mutating func trimHistory() {
        let referenced = referenced
        let limit = declaration.deployment.spec.revisionHistoryLimit
        let history = revisions.keys.filter { !referenced.contains($0) && !onDisk.contains($0) }.sorted()
        for revision in history.dropLast(limit) {
            revisions[revision] = nil
            outcomes[revision] = nil
            artifacts[revision] = nil
            handles[revision] = nil
        }
    }
}

extension Attempt {
    /// Counts a failure of the step in progress.
    ///
    /// - Returns: Whether it is over: the failure is permanent, or no retry is left.
    mutating func failed(_ failure: Failure, _ retry: RetrySpec, _ jitter: Jitter, at now: Timestamp) -> Bool
    {
        failedForNow(failure, retry, jitter, at: now)
        return failure.persistence == .permanent || failures > retry.limit
    }

    /// Likewise; but a stop is never given up, only the progress deadline ends it.
    mutating func failed(
        _ step: Step,
        _ failure: Failure,
        _ retry: RetrySpec,
        _ jitter: Jitter,
        at now: Timestamp
    ) -> Bool {
        let isOver = failed(failure, retry, jitter, at: now)
        if case .stop = step { return false }
        return isOver
    }

    /// Counts a failure of something that is tried for ever.
    mutating func failedForNow(_ failure: Failure, _ retry: RetrySpec, _ jitter: Jitter, at now: Timestamp) {
        failures += 1
        lastFailure = failure
        let delay = retry.delay(after: failures, jitter)
        retryAt = now.uptime + max(delay, failure.retryAfter ?? .zero)
    }

    /// Counts a step that succeeded and left the phase where it was: once is normal, then ever later.
    mutating func repeated(_ retry: RetrySpec, at now: Timestamp) {
        retryAt = failures == 0 ? nil : now.uptime + retry.delay(after: failures, .none)
        failures += 1
    }
}
