internal import CLinux
internal import ERAContracts
internal import ERACore
internal import Glibc

extension ShimClient {
    /// What there is of an instance; changes nothing.
    ///
    /// - Throws: ``Failure`` when a shim that lives does not answer.
    func status(_ id: InstanceID) async throws -> InstanceStatus {
        let place = place(id)
        if let link = existingLink(id), let status = try await status(of: link, place) { return status }
        guard try isInstalled(place) else { return .absent }
        guard let record = try currentRecord(place) else { return .installed }
        guard !record.phase.isFinal else { return record.status }
        if record.shim.isAlive, let link = try await connect(place),
            let status = try await status(of: link, place)
        {
            return status
        }
        // It may have ended while we asked, and then it has written how.
        guard let latest = try currentRecord(place) else { return .installed }
        guard !latest.phase.isFinal else { return latest.status }
        return unsupervised(latest, place)
    }

    /// Whether `install` has come to its end.
    ///
    /// - Throws: ``Failure`` when that cannot be told.
    func isInstalled(_ place: ShimPlace) throws -> Bool {
        if access(place.shimDirectory, F_OK) == 0 { return true }
        guard errno == ENOENT || errno == ENOTDIR else { throw failure("look at", place.shimDirectory) }
        return false
    }

    /// The record in the instance's state file, if it was written in this boot.
    ///
    /// - Throws: ``Failure`` when there is one that cannot be read now: to a host without
    ///   descriptors nothing must seem stopped.
    func currentRecord(_ place: ShimPlace) throws -> ShimRecord? {
        guard let bytes = readSmallFile(place.statePath, limit: ShimRecord.sizeLimit) else {
            guard errno == ENOENT || errno == ENOTDIR else { throw failure("read", place.statePath) }
            return nil
        }
        guard let record = ShimRecord(bytes: bytes), record.bootID == options.bootID else { return nil }
        return record
    }

    /// What a connected shim says; nil when it has gone without a last word.
    private func status(of link: ShimLink, _ place: ShimPlace) async throws -> InstanceStatus? {
        var snapshot = link.snapshot
        if let record = snapshot.record, record.phase == .running, record.workload?.isAlive != true,
            !snapshot.isClosed
        {
            // Its workload is gone and it did not say so yet: a shim that lives says so at once.
            let said = await link.wait(within: Self.answerLimit) {
                $0.record?.phase != .running || $0.isClosed
            }
            guard let answer = said else {
                try Task.checkCancellation()
                throw hung(place)
            }
            snapshot = answer
        }
        guard let record = snapshot.record, !snapshot.isClosed || record.phase.isFinal else { return nil }
        return record.status
    }

    /// What runs without a shim.
    private func unsupervised(_ record: ShimRecord, _ place: ShimPlace) -> InstanceStatus {
        guard let workload = record.workload else { return .installed }
        guard workload.isAlive else {
            return .exited(InstanceStatus.Exited(status: record.exit ?? .unknown, at: record.endedAt))
        }
        watchOrphan(workload, place.instance)
        let lost = "its supervisor is gone: its output is lost, and how it ends will not be known"
        return .running(
            InstanceStatus.Running(
                pid: workload.pid,
                startedAt: record.startedAt ?? Uptime(sinceBoot: .zero),
                restrictions: record.restrictions + [lost]
            )
        )
    }
}
