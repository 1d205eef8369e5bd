import CLinux
import ERACore
import ERAOCI
import Glibc

/// A layout that is a directory. No link inside it is followed.
struct DirectoryLayout: LayoutSource {
    let index: LayoutIndex
    private let path: String
    private let store: ContentStore
    private let limits: ImportLimits
    private let progress: ImportProgress

    /// - Throws: ``ImportRefusal`` for what is no layout; ``SystemError``.
    init(_ path: String, _ store: ContentStore, _ limits: ImportLimits, _ progress: ImportProgress) throws {
        self.path = path
        self.store = store
        self.limits = limits
        self.progress = progress
        guard let marker = try Self.small(LayoutMarker.name, in: path, limit: limits.markerSizeLimit) else {
            let isDocker = access(path + "/manifest.json", F_OK) == 0
            throw ImportRefusal(
                isDocker
                    ? "it is in a form of docker's, not an OCI image layout; convert it: skopeo copy "
                        + "dir:\(path) oci-archive:NEW.tar"
                    : "it has no file oci-layout, so it is no OCI image layout; name one, a tar of one, or a file"
            )
        }
        try LayoutMarker.check(marker)
        guard let text = try Self.small("index.json", in: path, limit: LayoutIndex.sizeLimit) else {
            throw ImportRefusal("it has no index.json; write it again with the tool that made it")
        }
        do throws(OCIError) { index = try LayoutIndex(text) } catch {
            throw ImportRefusal("its index.json cannot be used: \(error)")
        }
    }

    func size(of digest: Digest) throws -> Int64? {
        if let blob = try store.lookup(digest) { return blob.size.bytes }
        guard let file = try open(digest) else { return nil }
        return Int64(try file.status().st_size)
    }

    func take(_ digest: Digest) async throws -> ContentStore.Blob? {
        if let blob = try store.lookup(digest) { return blob }
        guard let file = try open(digest) else { return nil }
        return try await store.ingestFile(
            file,
            path + "/" + Self.name(digest),
            name: "import-" + digest.hex,
            expecting: digest,
            limits,
            progress
        )
    }

    private static func name(_ digest: Digest) -> String {
        "blobs/\(digest.algorithm.rawValue)/\(digest.hex)"
    }

    /// Directory by directory, so that none of them can be a link.
    private func open(_ digest: Digest) throws -> Descriptor? {
        do throws(SystemError) {
            let root = try Descriptor(path, O_RDONLY | O_DIRECTORY)
            let blobs = try Descriptor("blobs", in: root.number, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            let kind = try Descriptor(
                digest.algorithm.rawValue,
                in: blobs.number,
                O_RDONLY | O_DIRECTORY | O_NOFOLLOW
            )
            let file = try Descriptor(digest.hex, in: kind.number, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
            guard try file.status().st_mode & S_IFMT == S_IFREG else {
                throw SystemError("open", digest.hex, code: ELOOP)
            }
            return file
        } catch {
            switch error.code {
            case ENOENT: return nil
            case ELOOP, ENOTDIR, ENXIO:
                throw ImportRefusal(
                    "\(Self.name(digest)), or a directory above it, is a link or no file at all; write it again"
                )
            default: throw SystemError(error.action, path + "/" + Self.name(digest), code: error.code)
            }
        }
    }

    /// Nil where there is no such file.
    private static func small(_ name: String, in path: String, limit: Int) throws -> [UInt8]? {
        let path = path + "/" + name
        do throws(SystemError) {
            let file = try Descriptor(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
            guard try file.status().st_mode & S_IFMT == S_IFREG else {
                throw SystemError("open", path, code: ELOOP)
            }
            let bytes = try file.bytes(limit: limit + 1, path)
            guard bytes.count <= limit else { throw SystemError("read", path, code: EFBIG) }
            return bytes
        } catch {
            switch error.code {
            case ENOENT: return nil
            case ELOOP, ENXIO: throw ImportRefusal("its \(name) is a link or no file")
            case EFBIG: throw ImportRefusal("its \(name) has more than \(limit) bytes")
            default: throw error
            }
        }
    }
}

extension ContentStore {
    /// Copies an open regular file into the store, or shares its blocks where the file system can.
    ///
    /// - Parameter digest: What it has to be; nil for anything.
    /// - Throws: ``ImportRefusal`` for another content, and for one beyond the limits; ``Failure``.
    func ingestFile(
        _ file: borrowing Descriptor,
        _ path: String,
        name: String,
        expecting digest: Digest?,
        _ limits: ImportLimits,
        _ progress: ImportProgress
    ) async throws -> Blob {
        let number = file.number
        let before = try file.status()
        let size = Int64(before.st_size)
        guard size <= limits.sizeLimit.bytes else {
            throw ImportRefusal("\(path) has \(size) bytes, more than \(limits.sizeLimit)")
        }
        return try await ingest(name, declared: digest?.algorithm, resume: false) { ingest in
            if try !ingest.clone(file) {
                try require(size, limits)
                let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
                defer { buffer.deallocate() }
                while true {
                    try Task.checkCancellation()
                    let count = Glibc.read(number, buffer.baseAddress, buffer.count)
                    if count < 0, errno == EINTR { continue }
                    guard count >= 0 else { throw SystemError("read", path) }
                    if count == 0 { break }
                    try ingest.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                    guard ingest.count <= size else { break }
                    progress.add(Int64(count))
                }
            }
            guard ingest.count == size else {
                throw ImportRefusal("\(path) changed while it was read; try again")
            }
            return try commit(ingest, path, expecting: digest)
        }
    }

    /// - Throws: ``ImportRefusal`` where the content is another one.
    func commit(_ ingest: Ingest, _ path: String, expecting digest: Digest?) throws -> Blob {
        do { return try ingest.commit(expecting: digest) } catch let mismatch as DigestMismatch {
            throw ImportRefusal(
                "\(path) is damaged: its content has the digest \(mismatch.found); fetch it again"
            )
        }
    }

    /// - Throws: ``Failure`` where so many more bytes do not fit.
    func require(_ size: Int64, _ limits: ImportLimits) throws {
        guard hasSpace(for: size, reserve: limits.freeSpaceReserve) else {
            throw Failure.transient(
                .noSpace,
                "no room for \(size) bytes in the artifact store; free some space, or collect: era artifact gc"
            )
        }
    }
}
