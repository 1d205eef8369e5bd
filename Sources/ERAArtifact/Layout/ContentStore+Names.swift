import ERACore
import ERAOCI
import Glibc

extension ContentStore {
    /// How often a change of the names is tried again because somebody else wrote them meanwhile.
    private static let changeLimit = 8

    var indexPath: String { directory + "/index.json" }

    /// What has a name here.
    ///
    /// Skopeo writes it too, in place: what is half written is a failure that is gone at the next look.
    /// - Throws: ``Failure`` where it cannot be read.
    func names() throws -> LayoutIndex {
        let text: [UInt8]
        do throws(SystemError) {
            text = try Descriptor(indexPath, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
                .bytes(limit: LayoutIndex.sizeLimit + 1, indexPath)
        } catch {
            if error.code == ENOENT { return LayoutIndex() }
            throw error.failure
        }
        do throws(OCIError) { return try LayoutIndex(text) } catch {
            throw Failure.transient(
                .fileSystemError,
                "the names of the artifact store cannot be read: \(indexPath): \(error); mend that file, or remove "
                    + "it to forget all names"
            )
        }
    }

    /// What a tag stands for on this machine; nil where it has no name here.
    ///
    /// - Throws: ``Failure`` where the names cannot be read.
    func digest(named reference: ImageReference) throws -> Digest? {
        try names().descriptor(named: reference)?.digest
    }

    /// Changes the names: one process at a time, durably, and wholly or not at all.
    ///
    /// - Throws: ``Failure``; what `change` throws.
    func changeNames<Value>(_ change: (inout LayoutIndex) throws -> Value) throws -> Value {
        try speakingFailure {
            try layOut()
            let lock = try FileLock(directory + "/index.lock", .exclusive)
            defer { lock.isHeld() }
            for _ in 0..<Self.changeLimit {
                let before = Self.identity(indexPath)
                var index = try names()
                let old = index
                let value = try change(&index)
                if index == old { return value }
                if try write(index, replacing: before) { return value }
            }
            throw Failure.transient(
                .fileSystemError,
                "\(indexPath) is being written again and again by somebody else; try again when that has ended"
            )
        }
    }

    /// Runs `body` while nothing is collected: for contents that have no name yet, or are being read.
    ///
    /// - Throws: ``Failure``; what `body` throws.
    func keepingAll<Value>(_ body: () async throws -> Value) async throws -> Value {
        try speakingFailure { try layOut() }
        let lock = try FileLock(collectionLockPath, .shared)
        defer { lock.isHeld() }
        return try await body()
    }

    /// What is locked by those that ``keepingAll(_:)``, and by whoever collects.
    var collectionLockPath: String { directory + "/collect.lock" }

    private static func identity(_ path: String) -> Identity? {
        var status = stat()
        return lstat(path, &status) == 0 ? Identity(status) : nil
    }

    /// - Returns: Whether it was written; not, where somebody else (skopeo) has written meanwhile.
    private func write(_ index: LayoutIndex, replacing before: Identity?) throws -> Bool {
        let temporary = directory + "/.index.json.new"
        unlink(temporary)
        let file = try Descriptor(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o644)
        guard fchmod(file.number, 0o644) == 0 else { throw SystemError("protect", temporary) }
        try index.text.withUnsafeBytes { try file.write($0, to: temporary) }
        try file.sync(temporary)
        guard Self.identity(indexPath) == before else {
            unlink(temporary)
            return false
        }
        guard rename(temporary, indexPath) == 0 else { throw SystemError("rename", temporary) }
        try syncDirectory(directory)
        return true
    }
}
