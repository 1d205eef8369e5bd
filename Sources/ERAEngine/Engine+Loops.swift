import ERAContracts
import ERACore
import Logging

/// The loops that run as long as the engine.
extension Engine {
    /// Starts passes and probes as fast as their limits allow.
    func dispatch() async {
        await withDiscardingTaskGroup { group in
            for await _ in work.stream {
                while let key = queue.take(limit: options.parallelLimit) {
                    group.addTask { await self.pass(key) }
                }
                while probesUnderway < options.probeLimit, !pendingProbes.isEmpty {
                    let job = pendingProbes.removeFirst()
                    probesUnderway += 1
                    group.addTask { await self.perform(job) }
                }
            }
        }
    }

    /// Wakes deployments when their time has come.
    func keepTime() async {
        while !Task.isCancelled {
            let now = seams.clock.now().uptime
            for key in timers.due(at: now) { wake(key) }
            let target = timers.earliest
            let (stream, ring) = AsyncStream<Never>.makeStream()
            alarm = (target, ring)
            await firstOf { [clock = seams.clock] in
                guard let target else { return await untilCancelled() }
                // A cancelled sleep is an early wake-up; the loop looks at the clock itself.
                try? await clock.sleep(until: target)
            } _: {
                for await _ in stream {}
            }
            alarm = nil
            if let target, seams.clock.now().uptime - target > suspensionThreshold { wasSuspended() }
        }
    }

    /// Nobody watched deadlines meanwhile: they start again.
    private func wasSuspended() {
        seams.logger.warning("resumed after a suspension; deadlines start again")
        for key in entries.keys.sorted() { note(.resumed(rebooted: false), for: key) }
        wakeAll()
    }

    func resyncPeriodically() async {
        while !Task.isCancelled {
            // A cancelled sleep ends the loop by its condition.
            try? await seams.clock.sleep(until: seams.clock.now().uptime + options.interval)
            guard !Task.isCancelled else { return }
            for id in sourceStates.keys { sourceChanged(id) }
            wakeAll()
        }
    }

    /// Removes unpinned artifacts and old tombstones.
    func collectPeriodically() async {
        while !Task.isCancelled {
            // As above.
            try? await seams.clock.sleep(until: seams.clock.now().uptime + options.collectionInterval)
            guard !Task.isCancelled else { return }
            await forgetTombstones()
            do {
                let freed = try await seams.fetcher.collect()
                seams.logger.debug("artifacts collected", metadata: ["bytes": "\(freed.bytes)"])
            } catch {
                seams.logger.warning("artifacts not collected", metadata: ["error": "\(error)"])
            }
        }
    }

    private func forgetTombstones() async {
        let now = seams.clock.now()
        for (key, entry) in entries.sorted(by: { $0.key < $1.key }) {
            guard case .deleted(let tombstone) = entry.record.state,
                now.uptime - tombstone.at.uptime > options.tombstoneRetention
                    || now.uptime < tombstone.at.uptime
            else { continue }
            do {
                _ = try await seams.store.forget(key, uid: entry.record.uid)
                // It may have been declared again meanwhile.
                if entries[key]?.record.uid == entry.record.uid, entries[key]?.record.phase == .deleted {
                    entries[key] = nil
                }
            } catch {
                degrade(error)
                return
            }
        }
    }
}

/// Runs both and returns when one has; the other is cancelled and awaited.
func firstOf(
    _ one: @escaping @Sendable () async -> Void,
    _ other: @escaping @Sendable () async -> Void
) async {
    await withTaskGroup(of: Void.self) { group in
        group.addTask(operation: one)
        group.addTask(operation: other)
        await group.next()
        group.cancelAll()
    }
}

/// Returns when the task is cancelled.
func untilCancelled() async {
    let (stream, continuation) = AsyncStream<Never>.makeStream()
    for await _ in stream {}
    continuation.finish()
}
