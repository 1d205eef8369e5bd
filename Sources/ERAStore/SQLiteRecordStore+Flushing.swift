import ERAContracts
import ERACore

/// How the queue gets to the disk.
extension SQLiteRecordStore {
    /// Starts a flush, unless one is under way. It belongs to the store, so that a caller who cancels stops
    /// nobody else's; ``close()`` awaits it.
    func kick() {
        guard case .open = condition, flushTask == nil else { return }
        flushTask = Task { await drain() }
    }

    /// Sees to it that deferred changes reach the disk in time.
    func armDeferral() {
        guard deferralTask == nil, case .open = condition else { return }
        let clock = options.clock
        deferralTask = Task { [weak self] in
            try? await clock.sleep(for: deferralLimit)  // when cancelled there is nothing left to wait for
            guard !Task.isCancelled else { return }
            await self?.deferralExpired()
        }
    }

    private func deferralExpired() {
        deferralTask = nil
        guard !queue.isEmpty || eventLog.hasUnwritten else { return }
        isFlushDue = true
        kick()
    }

    private func drain() async {
        while case .open = condition, isFlushDue {
            await flushOnce()
            await trimJournals()
        }
        flushTask = nil
    }

    private func flushOnce() async {
        isFlushDue = false
        deferralTask?.cancel()
        deferralTask = nil
        inFlight = queue
        queue = []
        var builder = BatchBuilder(written: written)
        for pending in inFlight { builder.add(pending.change, pending.version) }
        builder.add(eventLog.take())
        let reservation = reservationDue()
        builder.reserve(reservation)
        let (batch, connection, options) = (builder.batch, connection, options)
        do {
            if !batch.isEmpty {
                try await disk.run { try connection.write(batch, options: options) }
                counters.commits += 1
            }
        } catch {
            fail(with: StoreFault(error, path: directory.database))
            return
        }
        written = builder.written
        settle(reservation)
    }

    /// The version to reserve up to with the next batch; nil while enough are left.
    func reservationDue() -> Int64? {
        reservedVersion - lastVersion < versionReservation / 2 ? lastVersion + versionReservation : nil
    }

    func settle(_ reservation: Int64?) {
        if let reservation { reservedVersion = reservation }
        eventLog.settle()
        let settled = inFlight
        inFlight = []
        for pending in settled {
            durableVersion = max(durableVersion, pending.version.rawValue)
            if case .entry = pending.change { counters.entries += 1 }
            pending.waiter?.resume()
        }
        admitRoomWaiters()
    }

    /// Nothing is written any more. Whoever waits is told so, and what they wanted
    /// is dropped; what was accepted is kept.
    func fail(with fault: StoreFault) {
        condition = .faulted(fault)
        deferralTask?.cancel()
        deferralTask = nil
        eventLog.putBack()
        queue = inFlight + queue
        inFlight = []
        failWaiters(fault)
    }

    func failWaiters(_ fault: StoreFault) {
        let waiting = queue.filter { $0.waiter != nil }
        queue.removeAll { $0.waiter != nil }
        for pending in waiting { pending.waiter?.resume(throwing: fault) }
        admitRoomWaiters()
    }

    /// Shortens the journals that have grown over their limit: by half, so that it is seldom done.
    private func trimJournals() async {
        guard case .open = condition else { return }
        let limit = options.journalEntriesLimit
        for (key, state) in written where state.journalEntries > limit {
            let connection = connection
            do {
                let left = try await disk.run { try connection.trim(key, keep: limit / 2) }
                written[key]?.journalEntries = left
            } catch {
                fail(with: StoreFault(error, path: directory.database))
                return
            }
        }
    }
}
