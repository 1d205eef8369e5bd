import CLinux
public import ERACore
import Glibc
import Synchronization

/// Verified contents by digest, on disk, as an OCI image layout.
///
/// `blobs/sha256/<hex>` holds each content once, mode 0444, never written again. A content that was
/// declared by its sha512 has a symbolic link `blobs/sha512/<hex>` to it, which keeps the mapping.
/// `ingest/` holds what is arriving, and damaged blobs until they are collected.
/// Source of the layout: OCI image specification 1.1, "Image Layout".
///
/// All methods block on the disk; call them where that is allowed. A class, because all callers share
/// what it knows about its files. Several processes may use a directory: the daemon, which alone collects,
/// and commands that import and export; skopeo too.
public final class ContentStore: Sendable {
    /// What is not pinned is kept for so long after its last use.
    public static let unpinnedLifetime = Duration.seconds(3600)
    /// Whatever else is said, what was used within this time may be about to be pinned, and stays.
    public static let justUsedLifetime = Duration.seconds(60)
    /// What an aborted download left is kept for so long, for a resume; a damaged blob too, for a look at it.
    public static let abortedLifetime = Duration.seconds(24 * 3600)

    /// A content in the store.
    public struct Blob: Hashable, Sendable {
        /// Always sha256.
        public var digest: Digest
        public var size: ByteCount
        /// Absolute path, if the store's directory is one.
        public var path: String
    }

    /// What tells without reading whether a file is still the one that was verified.
    struct Identity: Equatable {
        let device: UInt64
        let inode: UInt64
        let size: Int64
        let changed: Duration

        init(_ status: stat) {
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
            size = Int64(status.st_size)
            changed = .seconds(status.st_ctim.tv_sec) + .nanoseconds(status.st_ctim.tv_nsec)
        }
    }

    struct State {
        /// Nil until the first ``ContentStore/pin(_:)``: until then nothing is known to be unneeded.
        var roots: Set<Digest>?
        /// The roots and all that they need; nil where that is not known, so that nothing may go.
        var pinned: Set<Digest>?
        /// What those of the pinned blobs that are manifests refer to; empty for others.
        var references: [Digest: [Digest]] = [:]
        var verified: [Digest: Identity] = [:]
        /// The sha512 of blobs, where that was verified too.
        var aliases: [Digest: Digest] = [:]
        var lastUse: [Digest: Uptime] = [:]
        /// The names in `ingest/` that somebody is writing.
        var ingesting: Set<String> = []
        /// Fetches that go on, whose contents are not pinned yet.
        var arriving = 0
        var serial = 0
    }

    let directory: String
    let now: @Sendable () -> Timestamp
    let spaceLimit: ByteCount?
    let state = Mutex(State())
    private let isLaidOut = Mutex(false)
    /// Held while one collects.
    let collecting = Mutex(())

    /// - Parameters:
    ///   - directory: Where the layout is or shall be, as in `<data>/artifacts`; made at the first use.
    ///   - now: Reads both clocks. Ages are counted by either, and the younger one counts.
    ///   - spaceLimit: Above it, what is not pinned goes before its time; nil for no limit.
    public init(
        directory: String,
        now: @escaping @Sendable () -> Timestamp,
        spaceLimit: ByteCount? = nil
    ) {
        self.directory = directory
        self.now = now
        self.spaceLimit = spaceLimit
    }

    /// The blob of a content that was declared by this digest; nil where the store does not have it intact.
    ///
    /// The first look in the life of the process, and each after the file changed, reads and hashes the
    /// whole file; otherwise its status is compared. A damaged blob is moved to `ingest/`. The blob
    /// counts as used now.
    /// - Throws: ``Failure`` of the file system; `CancellationError` while hashing.
    public func lookup(_ declared: Digest) throws -> Blob? {
        try speakingFailure {
            guard let digest = try blobDigest(declared) else { return nil }
            markUsed(digest)
            let path = path(of: digest)
            var status = stat()
            guard lstat(path, &status) == 0 else {
                if errno == ENOENT { return nil }
                throw SystemError("stat", path)
            }
            let identity = Identity(status)
            let blob = Blob(digest: digest, size: ByteCount(identity.size), path: path)
            let isVerified = state.withLock { state in
                state.verified[digest] == identity
                    && (declared == digest || state.aliases[declared] == digest)
            }
            if !isVerified {
                let found = try contentDigests(digest, declared: declared, status: status)
                guard found?.sha256 == digest else {
                    try setAside(digest)
                    return nil
                }
                guard found?.matching(declared.algorithm) == declared else {
                    // The blob is what its name says; only the link to it lies.
                    unlink(self.path(of: declared))
                    return nil
                }
            }
            try touch(digest, alias: declared)
            return blob
        }
    }

    /// Keeps exactly these digests, of either kind, whatever happens, and what those that are manifests need.
    ///
    /// While one of the manifests cannot be read, everything is kept.
    public func pin(_ digests: Set<Digest>) throws {
        try speakingFailure {
            var roots = Set<Digest>()
            for digest in digests {
                if let blob = try blobDigest(digest) { roots.insert(blob) }
            }
            state.withLock { [roots] in
                $0.roots = roots
                // Until what they need is known, nothing goes.
                $0.pinned = nil
            }
            keepClosure()
        }
    }

    /// Looks anew what the pinned digests need, and what has a name: a manifest may have come since, or been
    /// mended.
    func keepClosure() {
        guard let roots = state.withLock({ $0.roots }) else { return }
        // Where the names cannot be read, nobody knows what is needed.
        let named = try? namedBlobs()
        let closure = if let named { self.closure(of: roots.union(named)) } else { Set<Digest>?.none }
        state.withLock { state in
            // Somebody else may have pinned others meanwhile, and looks himself.
            guard state.roots == roots else { return }
            state.pinned = closure
            if let closure { state.references = state.references.filter { closure.contains($0.key) } }
        }
    }

    /// The sha256 that a declared digest stands for; nil for a sha512 that the store has not met.
    func blobDigest(_ declared: Digest) throws -> Digest? {
        switch declared.algorithm {
        case .sha256: return declared
        case .sha512:
            var target = [CChar](repeating: 0, count: 256)
            let link = directory + "/blobs/sha512/" + declared.hex
            let count = readlink(link, &target, target.count)
            guard count > 0 else {
                if errno == ENOENT { return nil }
                throw SystemError("read the link", link)
            }
            let text = String(decoding: target[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
            // A link that says anything else is damage; the content is then fetched again.
            return text.hasPrefix("../sha256/") ? try? Digest("sha256:" + text.dropFirst(10)) : nil
        }
    }

    /// What the blob's file hashes to; nil where there is something else in its place.
    private func contentDigests(_ digest: Digest, declared: Digest, status: stat) throws -> ContentDigests? {
        let path = path(of: digest)
        guard status.st_mode & S_IFMT == S_IFREG else { return nil }
        let file = try Descriptor(path, O_RDONLY | O_NOFOLLOW)
        var hash = ContentHash(declared: declared.algorithm)
        try hash.update(file, path: path)
        return try hash.digests()
    }

    /// Moves a blob out of the way that is not what its name says.
    private func setAside(_ digest: Digest) throws {
        let serial = state.withLock { state in
            state.verified[digest] = nil
            state.serial += 1
            return state.serial
        }
        let aside = directory + "/ingest/damaged-\(digest.hex)-\(getpid())-\(serial)"
        guard rename(path(of: digest), aside) == 0 || errno == ENOENT else {
            throw SystemError("move away the damaged", path(of: digest))
        }
        setTime(aside)
    }

    /// Dates the blob's last use, and remembers the file as verified, under its other digest too.
    func touch(_ digest: Digest, alias: Digest?) throws {
        let path = path(of: digest)
        setTime(path)
        var status = stat()
        guard lstat(path, &status) == 0 else { throw SystemError("stat", path) }
        let identity = Identity(status)
        state.withLock { state in
            state.verified[digest] = identity
            if let alias, alias != digest { state.aliases[alias] = digest }
        }
    }

    /// From here on a collection leaves the blob alone for its lifetime.
    func markUsed(_ digest: Digest) {
        let uptime = now().uptime
        state.withLock { $0.lastUse[digest] = uptime }
    }

    func setTime(_ path: String) {
        let (seconds, attoseconds) = now().wall.sinceEpoch.components
        let time = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
        // A file that keeps its old time is at worst collected sooner, and fetched again.
        _ = utimensat(AT_FDCWD, path, [time, time], AT_SYMLINK_NOFOLLOW)
    }

    func path(of digest: Digest) -> String { directory + "/blobs/\(digest.algorithm.rawValue)/" + digest.hex }

    /// Makes the layout, once; what is there already is left alone.
    func layOut() throws {
        // Held throughout: whoever comes second needs the layout that the first one makes.
        try isLaidOut.withLock { isLaidOut in
            if !isLaidOut { try makeLayout() }
            isLaidOut = true
        }
    }

    private func makeLayout() throws {
        for name in ["blobs/sha256", "blobs/sha512", "ingest"] { try makeDirectory(directory + "/" + name) }
        try writeOnce("oci-layout", #"{"imageLayoutVersion":"1.0.0"}"#)
        try writeOnce(
            "index.json",
            #"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#
        )
        try syncDirectory(directory)
    }

    private func writeOnce(_ name: String, _ text: String) throws {
        let path = directory + "/" + name
        guard access(path, F_OK) != 0 else { return }
        // Another process may be making the same layout.
        let temporary = directory + "/.\(name)-\(UInt64.random(in: 0 ... .max)).new"
        let file = try Descriptor(temporary, O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
        try Array((text + "\n").utf8).withUnsafeBytes { try file.write($0, to: temporary) }
        try file.sync(temporary)
        guard era_artifact_rename_noreplace(temporary, path) != 0 else { return }
        guard errno == EEXIST else { throw SystemError("rename", temporary) }
        unlink(temporary)
    }
}

extension ContentHash {
    /// Hashes the rest of an open file.
    ///
    /// - Parameter onChunk: Called after each piece, so that somebody sees that it goes on.
    mutating func update(_ file: borrowing Descriptor, path: String, onChunk: () -> Void = {}) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            try Task.checkCancellation()
            let count = try file.read(into: buffer, from: path)
            if count == 0 { return }
            update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            onChunk()
        }
    }
}

/// Runs `body` and turns what the kernel says into what the rest of the program understands.
func speakingFailure<Value>(_ body: () throws -> Value) throws -> Value {
    do { return try body() } catch let error as SystemError { throw error.failure }
}
