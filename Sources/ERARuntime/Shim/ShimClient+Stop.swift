internal import ERAContracts
internal import ERACore
internal import Glibc

extension ShimClient {
    /// Ends the workload and everything it started; succeeds when nothing runs.
    ///
    /// A caller that is cancelled leaves the stop to the shim; stopping again joins it.
    /// - Throws: ``Failure`` `StopStuck` when processes outlive the kill.
    func stop(_ id: InstanceID, signal: Int32, grace: Duration) async throws {
        let place = place(id)
        guard try existingLink(id) != nil || isInstalled(place) else { return }
        if let link = try await reachable(place), try await stop(link, place, signal, grace) { return }
        try Task.checkCancellation()
        try await stopUnsupervised(place, signal, grace)
    }

    /// The shim's connection; nil when it is dead, or does not answer.
    private func reachable(_ place: ShimPlace) async throws -> ShimLink? {
        if let link = existingLink(place.instance) { return link }
        guard let record = try currentRecord(place), !record.phase.isFinal, record.shim.isAlive else {
            return nil
        }
        do {
            return try await connect(place)
        } catch let failure as Failure where failure.code == .timeout {
            return nil
        }
    }

    /// Has the shim do it.
    ///
    /// - Returns: Whether all is gone; not so when the shim died or hangs.
    private func stop(
        _ link: ShimLink,
        _ place: ShimPlace,
        _ signal: Int32,
        _ grace: Duration
    ) async throws -> Bool {
        let order = "stop \(signal) \(max(0, grace.milliseconds))"
        guard await link.ask(order, within: Self.answerLimit) != nil else { return false }
        let end = await link.wait(within: grace + Self.killLimit) { snapshot in
            snapshot.record?.phase.isFinal == true || (snapshot.record?.stuckCount ?? 0) > 0
        }
        try Task.checkCancellation()
        guard let end, let record = end.record else { return false }
        if record.stuckCount > 0, !record.phase.isFinal { throw stuck(place, record.stuckCount) }
        guard record.phase.isFinal else { return false }
        forget(place.instance)
        forgetExit(place)
        return true
    }

    /// Ends what runs without a shim, or with one that hangs.
    private func stopUnsupervised(_ place: ShimPlace, _ signal: Int32, _ grace: Duration) async throws {
        let record = try currentRecord(place)
        if let record, !record.phase.isFinal {
            let shim = record.shim.isAlive ? record.shim : nil
            let sweep = sweep(place, workload: record.workload, shim: shim)
            let left = try await sweep.run(signal: signal, grace: grace)
            guard left.isEmpty else { throw stuck(place, left.count) }
        }
        forget(place.instance)
        forgetExit(place)
    }

    /// A stopped instance is as it was after `install`: how it ended no longer counts.
    private func forgetExit(_ place: ShimPlace) {
        guard let record = ShimRecord(file: place.statePath) else { return }
        // Another boot's record, or the last word on this one.
        if record.phase != .stopped || record.bootID != options.bootID { unlink(place.statePath) }
    }

    private func stuck(_ place: ShimPlace, _ count: Int) -> Failure {
        .transient(
            .stopStuck,
            "\(count) processes of \(place.instance) outlived SIGKILL: they wait for the kernel (a dead disk "
                + "or network file system, say); `ps -eo pid,stat,wchan,cmd` shows them in state D"
        )
    }
}
