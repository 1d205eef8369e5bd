public import ERACore
import ERAOCI
import Glibc
import Synchronization

/// Which blobs go; decided apart from the doing.
struct CollectionPlan {
    struct Candidate: Equatable {
        let digest: Digest
        let size: Int64
        /// Since its last use, by the clock that makes it younger.
        let age: Duration
    }

    /// Of all blobs together, those that stay whatever happens too.
    var total: Int64
    /// Nil for no limit.
    var spaceLimit: ByteCount?
    /// Whether nothing is to be waited for.
    var all: Bool
    /// Whether something arrives at the moment, and what it consists of may not be pinned yet.
    var isBusy: Bool

    /// Of those that nothing needs, the ones that go, the least recently used first.
    func choose(_ candidates: [Candidate]) -> [Candidate] {
        var left = total
        return candidates.sorted { $0.age > $1.age }.filter { candidate in
            let isOld = candidate.age > ContentStore.unpinnedLifetime
            let mayGo = !isBusy && candidate.age > ContentStore.justUsedLifetime
            let isTooMuch = spaceLimit.map { left > $0.bytes } ?? false
            guard isOld || mayGo && (all || isTooMuch) else { return false }
            left -= candidate.size
            return true
        }
    }
}

extension ContentStore {
    /// Removes what is neither pinned nor named nor was used within ``unpinnedLifetime``, and what an aborted
    /// download left more than ``abortedLifetime`` ago. Above the limit of space, the least recently used
    /// goes before its time, but for what was used within ``justUsedLifetime``.
    ///
    /// Before the first ``pin(_:)`` no blob is removed, and none while a pinned manifest, or the file of the
    /// names, cannot be read, or another process brings something in. A file from the future (the clock was
    /// set back) is dated to now, so that it ages.
    /// - Parameter all: What nothing needs goes whatever its age, but for what was just used.
    /// - Returns: The bytes that were freed.
    /// - Throws: ``Failure`` of the file system, and where something keeps it from looking; what was removed
    /// before stays removed.
    @discardableResult
    public func collect(all: Bool = false) throws -> ByteCount {
        // One after the other here: the lock of the file is for other processes.
        try collecting.withLock { _ in try collectAlone(all: all) }
    }

    private func collectAlone(all: Bool) throws -> ByteCount {
        try speakingFailure {
            guard access(directory, F_OK) == 0 else { return ByteCount(0) }
            guard let lock = try FileLock.attempt(collectionLockPath, .exclusive) else {
                throw Failure.transient(
                    .fileSystemError,
                    "nothing was collected, because an import or an export goes on; collect when it has ended"
                )
            }
            defer { lock.isHeld() }
            _ = try namedBlobs()
            keepClosure()
            let blobs = try collectBlobs(all: all)
            try collectLinks()
            return ByteCount(blobs + (try collectIngests()))
        }
    }

    /// What goes on between these two is not pinned yet.
    func beginArrival() { state.withLock { $0.arriving += 1 } }
    func endArrival() { state.withLock { $0.arriving -= 1 } }

    /// The blobs that names stand for.
    ///
    /// - Throws: ``Failure`` where the names cannot be read.
    func namedBlobs() throws -> Set<Digest> {
        var blobs: Set<Digest> = []
        for entry in try names().entries {
            if let blob = try blobDigest(entry.descriptor.digest) { blobs.insert(blob) }
        }
        return blobs
    }

    private func collectBlobs(all: Bool) throws -> Int64 {
        let uptime = now().uptime
        let (pinned, lastUse, isBusy) = state.withLock { state in
            (state.pinned, state.lastUse, !state.ingesting.isEmpty || state.arriving > 0)
        }
        guard let pinned else { return 0 }
        var total: Int64 = 0
        var candidates: [CollectionPlan.Candidate] = []
        for hex in try namesInDirectory(directory + "/blobs/sha256") {
            // Names that are no digest are not ours to remove.
            guard let digest = try? Digest("sha256:" + hex), let (size, age) = sizeAndAge(path(of: digest))
            else { continue }
            total += size
            guard !pinned.contains(digest) else { continue }
            let sinceUse = lastUse[digest].map { uptime - $0 } ?? age
            candidates.append(.init(digest: digest, size: size, age: min(age, sinceUse)))
        }
        let plan = CollectionPlan(total: total, spaceLimit: spaceLimit, all: all, isBusy: isBusy)
        var freed: Int64 = 0
        for candidate in plan.choose(candidates) {
            let digest = candidate.digest
            // Under the lock: a lookup that marks the blob comes wholly before or wholly after.
            freed += state.withLock { state in
                guard let pinned = state.pinned, !pinned.contains(digest),
                    state.lastUse[digest] == lastUse[digest], unlink(path(of: digest)) == 0
                else { return 0 }
                state.verified[digest] = nil
                state.lastUse[digest] = nil
                return candidate.size
            }
        }
        return freed
    }

    /// Removes the sha512 names of blobs that are gone.
    private func collectLinks() throws {
        for hex in try namesInDirectory(directory + "/blobs/sha512") {
            let path = directory + "/blobs/sha512/" + hex
            if access(path, F_OK) != 0, errno == ENOENT { unlink(path) }
        }
    }

    private func collectIngests() throws -> Int64 {
        var freed: Int64 = 0
        for name in try namesInDirectory(directory + "/ingest") {
            let path = directory + "/ingest/" + name
            guard let (size, age) = sizeAndAge(path), age > Self.abortedLifetime else { continue }
            freed += state.withLock { state in
                let stem = String(name.prefix { $0 != "." })
                return !state.ingesting.contains(stem) && unlink(path) == 0 ? size : 0
            }
        }
        return freed
    }

    private func sizeAndAge(_ path: String) -> (size: Int64, age: Duration)? {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        let age = now().wall.sinceEpoch - .seconds(status.st_mtim.tv_sec)
        if age < .zero - Self.unpinnedLifetime { setTime(path) }
        return (Int64(status.st_blocks) * 512, age)
    }
}
