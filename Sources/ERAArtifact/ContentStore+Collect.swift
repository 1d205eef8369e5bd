public import ERACore
import Glibc
import Synchronization

extension ContentStore {
    /// Removes what is neither pinned nor was used within ``unpinnedLifetime``, and what an aborted
    /// download left more than ``abortedLifetime`` ago.
    ///
    /// Before the first ``pin(_:)`` no blob is removed, and none while a pinned manifest cannot be read. A
    /// file from the future (the clock was set back) is dated to now, so that it ages.
    /// - Returns: The bytes that were freed.
    /// - Throws: ``Failure`` of the file system; what was removed before stays removed.
    @discardableResult
    public func collect() throws -> ByteCount {
        try speakingFailure {
            keepClosure()
            let blobs = try collectBlobs()
            try collectLinks()
            return ByteCount(blobs + (try collectIngests()))
        }
    }

    private func collectBlobs() throws -> Int64 {
        var freed: Int64 = 0
        for hex in try namesInDirectory(directory + "/blobs/sha256") {
            // Names that are no digest are not ours to remove.
            guard let digest = try? Digest("sha256:" + hex) else { continue }
            let path = path(of: digest)
            guard let (size, age) = sizeAndAge(path), age > Self.unpinnedLifetime else { continue }
            let uptime = now().uptime
            // Under the lock: a lookup that marks the blob comes wholly before or wholly after.
            freed += state.withLock { state in
                guard let pinned = state.pinned, !pinned.contains(digest) else { return 0 }
                if let used = state.lastUse[digest], uptime - used <= Self.unpinnedLifetime { return 0 }
                guard unlink(path) == 0 else { return 0 }
                state.verified[digest] = nil
                state.lastUse[digest] = nil
                return size
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
