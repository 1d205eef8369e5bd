/// While something serves: watching it, replacing it, restoring it.
extension Decider {
    func running(_ serving: Serving) -> Decision {
        if record.target != serving.revision { return .record(.updateBegan) }
        let isBaked = serving.bake.map { $0.until <= now.uptime } ?? false
        // What happens after the bake time is no reason to roll back, however late it is looked at.
        if isBaked, let bake = serving.bake, !hasEnded(serving.revision, before: bake.until) {
            return .record(.bakeCompleted)
        }
        if let fact = fact(about: serving) { return .record(fact) }
        if isBaked { return .record(.bakeCompleted) }
        let bakeUntil = serving.bake?.until
        if let chore = housekeeping(keepRunning: serving.revision) {
            guard case .wait(let wait) = chore, let bakeUntil, let until = wait.until, bakeUntil < until
            else {
                return chore
            }
        }
        if let bakeUntil { return .wait(Wait(until: bakeUntil, reason: .baking)) }
        if case .stopping = observed.status(serving.revision) {
            return .wait(Wait(until: nil, reason: .stopping))
        }
        guard let quarantine = record.quarantine else { return .idle }
        return .wait(Wait(until: nil, reason: .quarantined(quarantine.failure)))
    }

    /// Whether the instance is down and may have been so before a time: where nobody knows, it has.
    private func hasEnded(_ revision: RevisionNumber, before time: Uptime) -> Bool {
        switch observed.status(revision) {
        case .exited(let exited): exited.at.map { $0 < time } ?? true
        case .absent, .installed: true
        case .stopping, .running: false
        }
    }

    /// What the record does not know yet of the revision that serves.
    private func fact(about serving: Serving) -> JournalEvent.Kind? {
        let revision = serving.revision
        switch observed.status(revision) {
        case .exited(let exited):
            return serving.completion == nil ? .instanceExited(revision, exited.status, jitter) : nil
        case .absent, .installed:
            return serving.completion == nil ? .instanceExited(revision, .unknown, jitter) : nil
        case .stopping:
            return nil
        case .running(let running):
            if running.isHealthy == false {
                return readiness(of: serving, "the plugin says it is not healthy")
            }
            switch observed.health[revision] ?? .healthy(since: running.startedAt) {
            case .failed(let failure): return .becameUnhealthy(revision, failure, jitter)
            case .pending(let why), .unready(let why): return readiness(of: serving, why)
            case .healthy: return serving.isReady ? nil : .readinessChanged(unready: nil)
            }
        }
    }

    private func readiness(of serving: Serving, _ why: String) -> JournalEvent.Kind? {
        if serving.bake != nil, case .running = record.state {
            return .becameUnhealthy(serving.revision, .transient(.readinessLost, why), jitter)
        }
        return serving.isReady ? .readinessChanged(unready: why) : nil
    }

    /// Stops and removes what is left of revisions that nobody needs.
    ///
    /// - Parameter keepRunning: The revision that is to go on.
    func housekeeping(keepRunning: RevisionNumber?) -> Decision? {
        let needless = record.onDisk.subtracting(record.referenced).sorted().first
        guard let step = stopOthers(than: keepRunning) ?? needless.map({ .purge($0) }) else { return nil }
        return self.step(step, record.housekeeping, deadline: nil)
    }

    func updating(_ update: Update) -> Decision {
        if let serving = update.serving, update.step != .stop, let care = care(for: serving) { return care }
        let next: Decision
        switch update.step {
        case .validate:
            next = validating(update.rollout)
        case .fetch: next = step(.fetch(update.rollout.target), of: update.rollout)
        case .prepare: next = step(.prepare(update.rollout.target), of: update.rollout)
        case .stop:
            guard let stop = stopOthers(than: update.rollout.target) else { return .record(.displaced) }
            return step(stop, of: update.rollout)
        }
        // The old revision may need care earlier than the step its next attempt.
        guard case .wait(var wait) = next, let serving = update.serving, update.step != .stop,
            case .wait(let later) = restart(of: serving)
        else { return next }
        wait.until = [wait.until, later.until].compactMap { $0 }.min()
        return .wait(wait)
    }

    /// What the revision that still serves during an update needs now.
    private func care(for serving: Serving) -> Decision? {
        switch restart(of: serving) {
        case .run(let step): return .run(step)
        case .record, .wait, .idle: break
        }
        guard serving.completion == nil, serving.restartAt == nil else { return nil }
        return fact(about: serving).map { .record($0) }
    }

    /// The next start of a revision that serves during an update, or the wait for it; idle while it runs.
    func restart(of serving: Serving) -> Decision {
        guard serving.completion == nil, let restartAt = serving.restartAt else { return .idle }
        let status = observed.status(serving.revision)
        if let stop = stopOthers(than: serving.revision) {
            return step(stop, record.housekeeping, deadline: nil)
        }
        if status == .stopping || serving.mustStop && status.mayHaveProcesses {
            return step(.stop(serving.revision), record.housekeeping, deadline: nil)
        }
        guard restartAt <= now.uptime else {
            return .wait(Wait(until: restartAt, reason: .crashBackOff(serving.restarts.lastExit)))
        }
        return step(launch(serving.revision), record.housekeeping, deadline: nil)
    }

    func rollingBack(_ rollback: Rollback) -> Decision {
        let deadline = deadline(rollback.failed, since: rollback.progressAt)
        let retry = retry(record.target)
        switch rollback.step {
        case .stopFailed:
            guard let stop = stopOthers(than: rollback.restoring) else { return .record(.displaced) }
            return step(stop, rollback.attempt, deadline: deadline)
        case .removeFailed:
            return step(.remove(rollback.failed), rollback.attempt, retry, deadline: deadline)
        case .restore, .start:
            // `removeFailed` ends a rollback that restores nothing.
            guard let restoring = rollback.restoring else { return .idle }
            let status = observed.status(restoring)
            if status == .stopping || rollback.mustStop && status.mayHaveProcesses {
                return step(.stop(restoring), rollback.attempt, deadline: deadline)
            }
            return step(launch(restoring), rollback.attempt, retry, deadline: deadline)
        case .probe:
            guard let restoring = rollback.restoring else { return .idle }
            return awaitHealth(of: restoring, deadline: deadline)
        }
    }

    // MARK: Removal

    func stopping(_ removal: Removal) -> Decision {
        guard observed.dependents.isEmpty else {
            return .wait(Wait(until: nil, reason: .dependents(observed.dependents)))
        }
        guard let stop = stopOthers(than: nil) else { return .record(.displaced) }
        return step(stop, removal.attempt, deadline: nil)
    }

    func uninstalling(_ removal: Removal) -> Decision {
        step(record.onDisk.min().map { .purge($0) } ?? .removeVolumes, removal.attempt, deadline: nil)
    }
}
