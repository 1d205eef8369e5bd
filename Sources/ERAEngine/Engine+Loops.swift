import ERAContracts
import ERACore
import Logging

/// The loops that run as long as the engine.
extension Engine {
    /// Starts passes and probes as fast as their limits allow.
    func dispatch() async {
        await withDiscardingTaskGroup { group in
            for await _ in work.stream {
                let now = seams.clock.now().uptime
                while let key = queue.take(options.parallelLimit, options.waitingLimit, at: now) {
                    group.addTask { await self.pass(key) }
                }
                while probePlaces.count < options.probeLimit, let job = pendingProbes.popFirst() {
                    probePlaces.take(job.id, at: now)
                    group.addTask { await self.perform(job) }
                }
                if let placesEndAt { ring(before: placesEndAt) }
            }
        }
    }

    /// When somebody who waits for a place gets that of one who takes long; nil when nobody waits.
    private var placesEndAt: Uptime? {
        let probe = pendingProbes.isEmpty ? nil : probePlaces.oldest
        return [queue.oldestPlace, probe].compactMap { $0 }.min().map { $0 + placeTime }
    }

    private func freePlaces(at now: Uptime) {
        guard let placesEndAt, placesEndAt <= now else { return }
        queue.freePlaces(heldFor: placeTime, at: now)
        probePlaces.free(heldFor: placeTime, at: now)
        work.raise()
    }

    /// Wakes deployments when their time has come.
    ///
    /// An alarm that is no longer needed is let ring: a sleep that is cancelled leaves its timer behind.
    func keepTime() async {
        timesChanged.raise()
        await withDiscardingTaskGroup { group in
            for await _ in timesChanged.stream {
                noticeSuspension()
                let now = seams.clock.now().uptime
                for key in timers.due(at: now) { timeHasCome(key, now) }
                freePlaces(at: now)
                guard let target = [timers.earliest, placesEndAt].compactMap({ $0 }).min(),
                    alarms.min().map({ target < $0 }) ?? true
                else { continue }
                alarms.insert(target)
                group.addTask { [clock = seams.clock] in
                    // Cancelled, the loop has ended.
                    try? await clock.sleep(until: target)
                    await self.rang(target)
                }
            }
        }
    }

    private func rang(_ alarm: Uptime) {
        alarms.remove(alarm)
        timesChanged.raise()
    }

    /// The probes that are due, and a pass where one is; it starts probes itself, but may be in a long step.
    private func timeHasCome(_ key: DeploymentKey, _ now: Uptime) {
        guard let entry = entries[key] else { return }
        let isPassDue = entry.lookAt.map { $0 <= now } ?? false
        if isPassDue { entries[key]?.lookAt = nil }
        if let underway = entry.underway, let deadline = underway.deadline(at: now), deadline <= now {
            entries[key]?.underway?.toldOf = deadline
            underway.nudge.yield()
        }
        startProbes(key)
        setTimer(key)
        if isPassDue { wake(key) }
    }

    /// Whether a timer is long overdue: this process or the machine stood still.
    func noticeSuspension() {
        let awaited = [timers.earliest, resyncAt].compactMap { $0 }.min()
        if let awaited, seams.clock.now().uptime - awaited > suspensionThreshold { wasSuspended() }
    }

    /// Nobody watched deadlines meanwhile: they start again.
    private func wasSuspended() {
        seams.logger.warning("resumed after a suspension; deadlines start again")
        // What was awaited is handled, and not noticed again.
        resyncAt = nil
        let now = seams.clock.now().uptime
        _ = timers.due(at: now)
        for key in entries.keys.sorted() {
            note(.resumed(rebooted: false), for: key)
            // A pass sets its timer when it ends; one in a step does not end soon.
            guard let underway = entries[key]?.underway else { continue }
            underway.life.extend(at: now)
            entries[key]?.lookAt = nil
            setTimer(key)
        }
        wakeAll()
    }

    func resyncPeriodically() async {
        while !Task.isCancelled {
            let next = seams.clock.now().uptime + options.interval
            resyncAt = next
            // A cancelled sleep ends the loop by its condition.
            try? await seams.clock.sleep(until: next)
            guard !Task.isCancelled else { return }
            noticeSuspension()
            for id in sourceStates.keys.sorted() { sourceChanged(id) }
            wakeAll()
        }
    }

    /// Removes unpinned artifacts and old tombstones.
    func collectPeriodically() async {
        while !Task.isCancelled {
            let next = seams.clock.now().uptime + options.collectionInterval
            // A cancelled sleep ends the loop by its condition.
            try? await seams.clock.sleep(until: next)
            guard !Task.isCancelled else { return }
            forgetTombstones()
            do {
                // What is pinned says what may be collected.
                try await pin()
                let freed = try await seams.fetcher.collect(all: false)
                seams.logger.debug("artifacts collected", metadata: ["bytes": "\(freed.bytes)"])
            } catch {
                seams.logger.warning("artifacts not collected", metadata: ["error": "\(error)"])
            }
        }
    }

    private func forgetTombstones() {
        let now = seams.clock.now()
        for (key, entry) in entries.sorted(by: { $0.key < $1.key }) {
            guard case .deleted(let tombstone) = entry.record.state,
                now.uptime - tombstone.at.uptime > options.tombstoneRetention
                    || now.uptime < tombstone.at.uptime
            else { continue }
            entries[key] = nil
            planInputsChanged()
            timers.set(key, nil)
            outbox.add(.forget(key, uid: entry.record.uid))
            outboxReady.raise()
        }
    }

    // MARK: Artifacts

    /// Tells the content store what to keep, after each change of it.
    func keepPinned() async {
        for await _ in pinsChanged.stream {
            do {
                try await pin()
            } catch {
                seams.logger.warning("artifacts not pinned", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Tells the content store what to keep, unless it knows.
    func pin() async throws {
        var digests: Set<Digest> = []
        for entry in entries.values { digests.formUnion(entry.record.artifactsToKeep) }
        guard digests != pinned else { return }
        try await seams.fetcher.pin(digests)
        pinned = digests
    }
}
