import ERAContracts
import ERACore
import Logging

/// One pass over one deployment: observe, decide, do, until there is nothing to do now.
extension Engine {
    func pass(_ key: DeploymentKey) async {
        defer {
            queue.finish(key)
            work.raise()
        }
        noticeSuspension()
        entries[key]?.lookAt = nil
        await observe(key)
        looked(at: key)
        for _ in 0..<passHopLimit {
            guard !Task.isCancelled, let entry = entries[key] else { return }
            if let degraded {
                return settle(key, Wait(until: nil, reason: .degraded(degraded)))
            }
            switch decide(
                entry.record,
                observed: observation(of: entry),
                now: seams.clock.now(),
                jitter: Jitter(seams.random())
            ) {
            case .record(let fact):
                guard note(fact, for: key) else { return postpone(key) }
            case .run(let step):
                if options.observeOnly {
                    return settle(key, Wait(until: nil, reason: .source("observe only: \(step) is due")))
                }
                guard await perform(step, key) else { return postpone(key) }
                await observe(key)
            case .wait(let wait):
                return settle(key, wait)
            case .idle:
                return settle(key, nil)
            }
            startProbes(key)
        }
        queue.add(key)
    }

    /// Asks the plugins what there is of each revision; of all at once, since a plugin may hang.
    private func observe(_ key: DeploymentKey) async {
        guard let record = entries[key]?.record else { return }
        var plugins: [InstanceID: any RuntimePlugin] = [:]
        var instances: [RevisionNumber: InstanceStatus] = [:]
        var unobservable: [RevisionNumber: Failure] = [:]
        for revision in record.onDisk.sorted() {
            guard let spec = record.revisions[revision]?.spec else { continue }
            switch pluginTable.find(spec.runtime.plugin) {
            case .usable(let plugin): plugins[InstanceID(key, revision)] = plugin
            case .unusable(let why):
                // What was never installed by it cannot run.
                guard record.handles[revision] != nil else { continue }
                unobservable[revision] = .transient(
                    .pluginMissing,
                    "the runtime plugin \(spec.runtime.plugin) \(why)"
                )
            }
        }
        for (id, answer) in await answers(of: plugins) {
            switch answer {
            case .success(let status): instances[id.revision] = status
            case .failure(let failure): unobservable[id.revision] = failure
            }
        }
        entries[key]?.take(instances, unobservable)
        startProbes(key)
    }

    /// What the plugins say of an instance each, in no order.
    private nonisolated func answers(
        of plugins: [InstanceID: any RuntimePlugin]
    ) async -> [(InstanceID, Result<InstanceStatus, Failure>)] {
        let questions = plugins.sorted { $0.key < $1.key }
        // Nearly always: a task would cost more than the question.
        if questions.count == 1, let (id, plugin) = questions.first {
            return [(id, await Self.answer(of: plugin, id))]
        }
        return await withTaskGroup(of: (InstanceID, Result<InstanceStatus, Failure>).self) { group in
            for (id, plugin) in questions { group.addTask { (id, await Self.answer(of: plugin, id)) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }

    private static func answer(
        of plugin: any RuntimePlugin,
        _ id: InstanceID
    ) async -> Result<InstanceStatus, Failure> {
        do {
            return .success(try await plugin.status(id))
        } catch {
            return .failure(error as? Failure ?? .transient(.pluginFault, "\(error)"))
        }
    }

    private func observation(of entry: Entry) -> Observation {
        var observation = entry.observation
        observation.health = entry.verdicts
        let reported = entry.underway?.life.progressedAt(seams.clock.now().uptime)
        observation.progressedAt = reported ?? entry.progressedAt
        observation.unmetDependencies = entry.record.dependencies.filter {
            entries[$0]?.record.isAvailable != true
        }
        observation.dependents = (dependents[entry.record.key] ?? []).filter { dependent in
            guard let other = entries[dependent]?.record, other.dependencies.contains(entry.record.key) else {
                return false
            }
            return other.isBeingDeleted
        }.sorted()
        return observation
    }

    /// Nothing more to do in this pass: shows why, and sets when to look again.
    private func settle(_ key: DeploymentKey, _ wait: Wait?) {
        guard var entry = entries[key] else { return }
        let isNews = entry.wait?.reason != wait?.reason
        entry.wait = wait
        entry.lookAt = wait?.until
        if !entry.observation.unobservable.isEmpty {
            let again = seams.clock.now().uptime + options.observationPause
            entry.lookAt = entry.lookAt.map { min($0, again) } ?? again
        }
        entries[key] = entry
        setTimer(key)
        if isNews { publish(key) }
    }

    /// Something impossible was decided or came back; not at once again.
    private func postpone(_ key: DeploymentKey) {
        entries[key]?.lookAt = seams.clock.now().uptime + options.observationPause
        setTimer(key)
    }

    // MARK: Steps

    /// Performs a step and notes what came of it.
    ///
    /// - Returns: Whether to go on at once.
    private func perform(_ step: Step, _ key: DeploymentKey) async -> Bool {
        guard let epoch = entries[key]?.record.epoch else { return false }
        if let position = entries[key]?.unpersisted {
            do {
                try await persist(through: position)
            } catch {
                return true  // The next hop sees that the store does not work, or that the task is cancelled.
            }
            if entries[key]?.unpersisted == position { entries[key]?.unpersisted = nil }
            guard entries[key]?.record.epoch == epoch else { return true }
        }
        guard let entry = entries[key] else { return false }
        let (nudges, nudge) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let grace = entry.record.policy(for: step.revision ?? entry.record.target).stop.grace
        let limit = options.timeLimits.limit(of: step, grace: grace)
        let start = seams.clock.now().uptime
        let life = StepLife(limit: limit, at: start)
        let wait = entry.record.wait(during: step, since: start)
        entries[key]?.underway = StepUnderway(step: step, nudge: nudge, life: life, wait: wait)
        if step.givesWay {
            let observed = observation(of: entry)
            let reviewAt = reviewTime(entry.record, observed: observed, now: seams.clock.now())
            entries[key]?.lookAt = reviewAt
        }
        setTimer(key)
        if step.isSlow { publish(key) }
        seams.failpoint("before.\(step.name)")
        let outcome = await race(order(step, entry, life), life, nudges)
        seams.failpoint("after.\(step.name)")
        entries[key]?.underway = nil
        if let progressedAt = life.progressedAt(seams.clock.now().uptime) {
            entries[key]?.progressedAt = progressedAt
        }
        noticeSuspension()
        guard let outcome, let now = entries[key], now.record.epoch == epoch, !Task.isCancelled else {
            return true
        }
        switch outcome {
        case .success(let result):
            return note(.stepSucceeded(step, result), for: key)
        case .failure(let failure):
            seams.logger.info(
                "step failed",
                metadata: ["deployment": "\(key)", "step": "\(step)", "error": "\(failure)"]
            )
            return note(.stepFailed(step, failure, Jitter(seams.random())), for: key)
        }
    }

    private func order(_ step: Step, _ entry: Entry, _ life: StepLife) -> StepExecutor.Order {
        StepExecutor.Order(
            step: step,
            record: entry.record,
            active: entry.active,
            progress: { [progressed, clock = seams.clock, key = entry.record.key] progress in
                life.note(progress, at: clock.now().uptime)
                progressed.report(key, life, progress)
            }
        )
    }

    /// The step, until it is done, takes too long, or is interrupted.
    ///
    /// - Returns: Nil when it was interrupted; what it did then, the next observation shows.
    private func race(
        _ order: StepExecutor.Order,
        _ life: StepLife,
        _ nudges: AsyncStream<Void>
    ) async -> Result<StepResult, Failure>? {
        await withTaskGroup(of: RaceEnd.self) { [executor, order, clock = seams.clock] group in
            group.addTask {
                do {
                    return .done(.success(try await executor.perform(order)))
                } catch let failure as Failure {
                    return .done(.failure(failure))
                } catch {
                    return .done(.failure(.transient(.internalFault, "\(order.step) failed: \(error)")))
                }
            }
            group.addTask {
                for await _ in nudges {
                    let now = clock.now().uptime
                    if life.deadline(at: now) <= now { return .timedOut }
                    if await self.isOvertaken(order.step, order.record.key) { break }
                }
                return .interrupted
            }
            let first = await group.next()
            group.cancelAll()
            guard case .done(let outcome) = first else {
                // A step that came through after all has done its work.
                for await end in group {
                    if case .done(.success(let result)) = end, first == .timedOut { return .success(result) }
                }
                guard first == .timedOut else { return nil }
                return .failure(
                    .transient(.timeout, "\(order.step) took longer than \(life.limit.manifestText)")
                )
            }
            return outcome
        }
    }

    /// Whether something else is to be done now: what serves has ended
    /// meanwhile, say, or the deadline is over.
    ///
    /// What only would have to wait is no reason to interrupt a step. Says also when to ask again.
    private func isOvertaken(_ step: Step, _ key: DeploymentKey) async -> Bool {
        defer { setTimer(key) }
        guard step.givesWay else { return false }
        await observe(key)
        noticeSuspension()
        guard !Task.isCancelled, degraded == nil, let entry = entries[key] else { return false }
        let now = seams.clock.now()
        let observed = observation(of: entry)
        switch decide(entry.record, observed: observed, now: now, jitter: .none) {
        case .record: return true
        case .run(let other) where other != step: return true
        case .run, .wait, .idle: break
        }
        let again = reviewTime(entry.record, observed: observed, now: now)
        // What is due and cannot be done now is looked at a little later.
        entries[key]?.lookAt = again.map { max($0, now.uptime + options.observationPause) }
        return false
    }
}

/// How a race between a step, its time limit and an interruption ended.
private enum RaceEnd: Equatable {
    case done(Result<StepResult, Failure>)
    case timedOut
    case interrupted
}
