import CLinux
import ERACore
import Glibc
import Synchronization

/// A content on its way into the store: written, hashed, then renamed into place or thrown away.
///
/// Used by one task. What it wrote may outlive it as `ingest/<name>.partial`, with the strong validator
/// of its source in `ingest/<name>.etag`, for a resume after a cancellation, a fault, or a restart.
final class Ingest {
    /// The longest validator that is kept; a longer one means no resume.
    static let validatorLengthLimit = 1024

    private let store: ContentStore
    private let name: String
    private let declared: Digest.Algorithm?
    private let file: Descriptor
    private var hash: ContentHash
    /// Whether it is in its place: what has its name in `ingest/` now is another one's.
    private var isCommitted = false
    /// The bytes that are there.
    private(set) var count: Int64 = 0
    /// The strong validator that the bytes came under.
    private(set) var validator: String?

    private var partialPath: String { store.directory + "/ingest/" + name + ".partial" }
    private var validatorPath: String { store.directory + "/ingest/" + name + ".etag" }

    /// - Parameters:
    ///   - name: One for one source of one content; no other ingest may be using it.
    ///   - resume: Take up what an earlier one left, if it left a validator too.
    fileprivate init(
        _ store: ContentStore,
        name: String,
        declared: Digest.Algorithm?,
        resume: Bool,
        onProgress: () -> Void
    ) throws {
        self.store = store
        self.name = name
        self.declared = declared
        hash = ContentHash(declared: declared)
        let path = store.directory + "/ingest/" + name + ".partial"
        file = try Self.openPartial(path)
        let kept = resume ? Self.readValidator(store.directory + "/ingest/" + name + ".etag") : nil
        if kept == nil, ftruncate(file.number, 0) != 0 { throw SystemError("empty", path) }
        if let kept {
            try hash.update(file, path: path, onChunk: onProgress)
            count = Int64(try file.status().st_size)
            validator = count > 0 ? kept : nil
        }
    }

    /// Opens and locks a file that nobody else writes: another process may want the same content.
    ///
    /// - Throws: ``SystemError``, with `EWOULDBLOCK` where another process is writing it.
    private static func openPartial(_ path: String) throws(SystemError) -> Descriptor {
        for _ in 0..<openLimit {
            do throws(SystemError) {
                let file = try Descriptor(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, mode: 0o600)
                let status = try file.status()
                if status.st_mode & S_IFMT == S_IFREG, status.st_nlink == 1 {
                    guard flock(file.number, LOCK_EX | LOCK_NB) == 0 else { throw SystemError("lock", path) }
                    // Whoever had it before may have put it in its place, or removed it.
                    var present = stat()
                    if lstat(path, &present) == 0, present.st_ino == status.st_ino { return file }
                    continue
                }
            } catch  where ![ELOOP, ENXIO, EACCES, EISDIR].contains(error.code) {
                throw error
            } catch {
                // Not ours; it is removed below.
            }
            // Whoever put something else than our own file there gets it removed, not written to.
            if unlink(path) != 0, errno != ENOENT { throw SystemError("remove", path) }
        }
        throw SystemError("open", path, code: EWOULDBLOCK)
    }

    /// How often a partial file is opened that somebody else renames or removes at that moment.
    private static let openLimit = 8

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        try file.write(bytes, to: partialPath)
        hash.update(bytes)
        count += Int64(bytes.count)
    }

    /// Takes the blocks of another file where the file system can share
    /// them; else false, and nothing is done.
    func clone(_ source: borrowing Descriptor) throws -> Bool {
        guard era_artifact_clone(file.number, source.number) == 0 else { return false }
        try hash.update(file, path: partialPath)
        count = Int64(try file.status().st_size)
        return true
    }

    /// Forgets what is there and begins again, under another validator.
    func restart(validator: String?) throws {
        guard ftruncate(file.number, 0) == 0, lseek(file.number, 0, SEEK_SET) == 0 else {
            throw SystemError("empty", partialPath)
        }
        hash = ContentHash(declared: declared)
        count = 0
        self.validator = nil
        unlink(validatorPath)
        guard let validator, validator.utf8.count <= Self.validatorLengthLimit else { return }
        let note = try Descriptor(validatorPath, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        try Array(validator.utf8).withUnsafeBytes { try note.write($0, to: validatorPath) }
        self.validator = validator
    }

    /// Verifies, makes durable, and puts the content in its place.
    ///
    /// - Throws: ``DigestMismatch``, ``SystemError``.
    func commit(expecting digest: Digest?) throws -> ContentStore.Blob {
        let found = try hash.digests()
        if let digest {
            guard let same = found.matching(digest.algorithm), same == digest else {
                throw DigestMismatch(
                    declared: digest,
                    found: found.matching(digest.algorithm) ?? found.sha256
                )
            }
        }
        let target = store.path(of: found.sha256)
        guard fchmod(file.number, 0o444) == 0 else { throw SystemError("protect", partialPath) }
        try file.sync(partialPath)
        store.markUsed(found.sha256)
        guard rename(partialPath, target) == 0 else { throw SystemError("rename", partialPath) }
        isCommitted = true
        try syncDirectory(store.directory + "/blobs/sha256")
        try store.touch(found.sha256, alias: found.sha512)
        if let sha512 = found.sha512 { try link(sha512, to: found.sha256) }
        return ContentStore.Blob(digest: found.sha256, size: ByteCount(count), path: target)
    }

    private func link(_ sha512: Digest, to sha256: Digest) throws {
        let temporary = store.directory + "/ingest/" + name + ".link"
        unlink(temporary)
        guard symlink("../sha256/" + sha256.hex, temporary) == 0,
            rename(temporary, store.path(of: sha512)) == 0
        else { throw SystemError("link", store.path(of: sha512)) }
        try syncDirectory(store.directory + "/blobs/sha512")
    }

    /// Leaves the bytes for a resume if that is possible, else removes them.
    fileprivate func end(keeping: Bool) {
        if keeping, validator != nil, count > 0 {
            store.setTime(partialPath)
            store.setTime(validatorPath)
        } else {
            if !isCommitted { unlink(partialPath) }
            if !isCommitted || validator != nil { unlink(validatorPath) }
        }
    }

    private static func readValidator(_ path: String) -> String? {
        // Where there is none, or none that can be read, there is no resume.
        guard let file = try? Descriptor(path, O_RDONLY | O_NOFOLLOW) else { return nil }
        var bytes = [UInt8](repeating: 0, count: validatorLengthLimit + 1)
        // One that cannot be read is one that is not there: the download begins anew.
        let count = try? bytes.withUnsafeMutableBytes { try file.read(into: $0, from: path) }
        guard let count, count > 0, count <= validatorLengthLimit else { return nil }
        let text = String(decoding: bytes[..<count], as: UTF8.self)
        return HTTPHeaderText.strongValidator(text)
    }
}

extension ContentStore {
    /// Runs `body` with an ingest of this name, and cleans up behind it.
    ///
    /// - Parameters:
    ///   - name: Letters, digits and dashes; one for each source of a content.
    ///   - keepsPartial: Whether an error leaves the bytes worth keeping for a resume.
    ///   - onProgress: Called while what an earlier one left is hashed.
    /// - Throws: What `body` throws; ``Failure`` of the file system.
    func ingest<Value>(
        _ name: String,
        declared: Digest.Algorithm?,
        resume: Bool,
        keepsPartial: (any Error) -> Bool = { _ in false },
        onProgress: () -> Void = {},
        _ body: (Ingest) async throws -> Value
    ) async throws -> Value {
        do {
            try layOut()
            state.withLock { _ = $0.ingesting.insert(name) }
            defer { state.withLock { _ = $0.ingesting.remove(name) } }
            let ingest: Ingest
            do {
                ingest = try Ingest(
                    self,
                    name: name,
                    declared: declared,
                    resume: resume,
                    onProgress: onProgress
                )
            } catch let error as SystemError where error.code == EWOULDBLOCK {
                // Another process is at the same content: both bring it, the second rename changes nothing.
                ingest = try Ingest(
                    self,
                    name: "\(name)-\(UInt64.random(in: 0 ... .max))",
                    declared: declared,
                    resume: false,
                    onProgress: onProgress
                )
            }
            do {
                let value = try await body(ingest)
                ingest.end(keeping: false)
                return value
            } catch {
                ingest.end(keeping: keepsPartial(error))
                throw error
            }
        } catch let error as SystemError {
            throw error.failure
        }
    }

    /// Whether so many more bytes fit, leaving `reserve` for others.
    func hasSpace(for bytes: Int64, reserve: ByteCount) -> Bool {
        var status = statvfs()
        // A file system that does not answer is found out by the first write.
        guard statvfs(directory + "/ingest", &status) == 0 else { return true }
        let free = Int64(
            clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).0
        )
        return free - reserve.bytes >= bytes
    }
}
