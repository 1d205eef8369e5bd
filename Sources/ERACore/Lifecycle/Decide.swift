/// Chooses what to do next for a deployment: the whole policy of ERA, and no effect.
///
/// Called again after each fact and each step, with everything read afresh; so nothing is remembered
/// between two calls but the record.
///
/// - Parameter jitter: Drawn for this pass; used where the decision notes something that backs off.
public func decide(
    _ record: DeploymentRecord,
    observed: Observation,
    now: Timestamp,
    jitter: Jitter
) -> Decision {
    Decider(record: record, observed: observed, now: now, jitter: jitter).decision
}

/// One call of ``decide(_:observed:now:jitter:)``.
struct Decider {
    let record: DeploymentRecord
    let observed: Observation
    let now: Timestamp
    let jitter: Jitter

    var decision: Decision {
        if case .deleted = record.state { return .idle }
        // Nothing is concluded about a revision that cannot be seen: it might run.
        if let (revision, failure) = observed.unobservable.min(by: { $0.key < $1.key }) {
            return .wait(Wait(until: nil, reason: .retry(unobservable(revision, failure), nil)))
        }
        switch record.state {
        case .stopping(let removal): return stopping(removal)
        case .uninstalling(let removal): return uninstalling(removal)
        case .deleted: return .idle
        case .requested, .validating, .fetching, .preparing, .installing, .activating, .healthChecking,
            .running, .updating, .rollingBack, .failed, .rollbackFailed:
            break
        }
        guard !record.isSuspended else { return .wait(Wait(until: nil, reason: .suspended)) }
        switch record.state {
        case .requested(let rollout): return requested(rollout)
        case .validating(let rollout): return validating(rollout)
        case .fetching(let rollout): return step(.fetch(rollout.target), of: rollout)
        case .preparing(let rollout): return step(.prepare(rollout.target), of: rollout)
        case .installing(let rollout):
            return step(stopOthers(than: rollout.target) ?? .install(rollout.target), of: rollout)
        case .activating(let activation): return activating(activation)
        case .healthChecking(let activation): return healthChecking(activation)
        case .running(let serving): return running(serving)
        case .updating(let update): return updating(update)
        case .rollingBack(let rollback): return rollingBack(rollback)
        case .failed: return housekeeping(keepRunning: nil) ?? .idle
        // What runs then is for a person to judge.
        case .rollbackFailed: return .idle
        case .stopping, .uninstalling, .deleted: return .idle
        }
    }

    private func unobservable(_ revision: RevisionNumber, _ failure: Failure) -> Failure {
        .transient(failure.code, "cannot tell what runs of revision \(revision): \(failure.message)")
    }

    // MARK: On the way to Running

    private func requested(_ rollout: Rollout) -> Decision {
        // What a failure would restore is in place, also while it does not run.
        let isReplacing = rollout.restoreTo != nil || !observed.active(except: rollout.target).isEmpty
        return .record(.admitted(replacing: isReplacing))
    }

    /// The first step of a rollout, which waits for the dependencies; that wait is no lack of progress.
    func validating(_ rollout: Rollout) -> Decision {
        guard observed.unmetDependencies.isEmpty else {
            return .wait(Wait(until: nil, reason: .dependencies(observed.unmetDependencies)))
        }
        let deadline = rollout.attempt.failures == 0 ? nil : deadline(of: rollout)
        return step(.validate(rollout.target), rollout.attempt, retry(rollout.target), deadline: deadline)
    }

    /// The step, once its back-off and while its deadline allow.
    func step(_ step: Step, of rollout: Rollout) -> Decision {
        self.step(step, rollout.attempt, retry(rollout.target), deadline: deadline(of: rollout))
    }

    /// How often a version on its way may fail.
    func retry(_ revision: RevisionNumber) -> RetrySpec { record.policy(for: revision).retry }

    /// - Parameter retry: How often it may fail; nil where it is tried for ever, as a stop always is.
    func step(_ step: Step, _ attempt: Attempt, _ retry: RetrySpec? = nil, deadline: Uptime?) -> Decision {
        if let deadline, deadline <= now.uptime { return .record(.deadlineExceeded) }
        guard let retryAt = attempt.retryAt, retryAt > now.uptime else { return .run(step) }
        let until = deadline.map { min($0, retryAt) } ?? retryAt
        return .wait(Wait(until: until, reason: waitReason(attempt, retry, for: step)))
    }

    private func waitReason(_ attempt: Attempt, _ retry: RetrySpec?, for step: Step) -> Wait.Reason {
        let isStop = if case .stop = step { true } else { false }
        let number = attempt.failures + 1
        if let failure = attempt.lastFailure {
            let limit = isStop ? nil : retry.map { $0.limit + 1 }
            return .retry(failure, Wait.Attempt(number: number, limit: limit))
        }
        if isStop { return .stopping }
        return .retry(
            .transient(.pluginFault, "\(step) succeeded and changed nothing"),
            Wait.Attempt(number: number, limit: nil)
        )
    }

    func deadline(of rollout: Rollout) -> Uptime { deadline(rollout.target, since: rollout.progressAt) }

    /// When a version has gone without progress for too long.
    func deadline(_ revision: RevisionNumber, since progressAt: Uptime) -> Uptime {
        let last = max(progressAt, observed.progressedAt ?? progressAt)
        return last + record.policy(for: revision).update.progressDeadline
    }

    /// The stop of a revision that must not run beside `revision`.
    func stopOthers(than revision: RevisionNumber?) -> Step? {
        observed.active(except: revision).first.map { .stop($0) }
    }

    private func activating(_ activation: Activation) -> Decision {
        let revision = activation.revision
        let status = observed.status(revision)
        let step: Step
        if let stop = stopOthers(than: revision) {
            step = stop
        } else if activation.mustStop && status.mayHaveProcesses || status == .stopping {
            step = .stop(revision)
        } else {
            step = launch(revision)
        }
        switch activation.purpose {
        case .rollout(let rollout):
            return self.step(step, of: rollout)
        case .restart(let serving):
            // A restart that a person or a probe asked for stops first; only the start waits.
            if case .stop = step { return self.step(step, record.housekeeping, deadline: nil) }
            guard let restartAt = serving.restartAt, restartAt > now.uptime else {
                return self.step(step, record.housekeeping, deadline: nil)
            }
            let chores = record.housekeeping
            let reason = chores.lastFailure.map {
                Wait.Reason.retry($0, Wait.Attempt(number: chores.failures + 1, limit: nil))
            }
            return .wait(Wait(until: restartAt, reason: reason ?? .crashBackOff(serving.restarts.lastExit)))
        }
    }

    /// The start of a revision, or what must come before it.
    func launch(_ revision: RevisionNumber) -> Step {
        observed.status(revision) == .absent ? .install(revision) : .start(revision)
    }

    private func healthChecking(_ activation: Activation) -> Decision {
        var deadline: Uptime?
        if case .rollout(let rollout) = activation.purpose { deadline = self.deadline(of: rollout) }
        return awaitHealth(of: activation.revision, deadline: deadline)
    }

    /// What the instance that was just started has come to.
    func awaitHealth(of revision: RevisionNumber, deadline: Uptime?) -> Decision {
        func wait(_ reason: Wait.Reason, until: Uptime? = nil) -> Decision {
            if let deadline, deadline <= now.uptime { return .record(.deadlineExceeded) }
            return .wait(Wait(until: [until, deadline].compactMap { $0 }.min(), reason: reason))
        }
        switch observed.status(revision) {
        case .exited(let exited): return .record(.instanceExited(revision, exited.status, jitter))
        case .absent, .installed: return .record(.instanceExited(revision, .unknown, jitter))
        case .stopping: return wait(.stopping)
        case .running(let running):
            guard running.isHealthy != false else {
                return wait(.health("the plugin says it is not healthy yet"))
            }
            switch observed.health[revision] ?? .healthy(since: running.startedAt) {
            case .failed(let failure): return .record(.becameUnhealthy(revision, failure, jitter))
            case .pending(let lacking): return wait(.health(lacking))
            case .unready(let why): return wait(.health(why))
            case .healthy(let since):
                let readyAt = since + .seconds(record.policy(for: revision).health.minReadySeconds)
                return readyAt <= now.uptime
                    ? .record(.becameHealthy(revision)) : wait(.minReady, until: readyAt)
            }
        }
    }
}
