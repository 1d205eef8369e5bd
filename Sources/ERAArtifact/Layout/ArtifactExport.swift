public import ERACore
import ERAOCI
import Glibc

/// Writes what the store has as a layout of its own: a directory, or a tar.
///
/// Equal contents lead to equal bytes. Everything is verified while it is read; what was begun and did not
/// come to its end is removed.
public struct ArtifactExport: Sendable {
    /// What was written.
    public struct Exported: Hashable, Sendable {
        public var digest: Digest
        public var size: ByteCount
        /// What people should know, one line each.
        public var notes: [String]
    }

    private let store: ContentStore

    public init(_ store: ContentStore) { self.store = store }

    /// - Parameters:
    ///   - text: A name or a digest, as ``ContentStore/find(_:)`` takes it.
    ///   - path: Of what is made; a tar where it ends in `.tar`. Nothing may be there but an empty directory.
    ///   - progress: Told how many bytes have been written.
    /// - Throws: ``Failure`` that says what to do; `CancellationError`.
    public func run(_ text: String, to path: String, progress: (ByteCount) -> Void = { _ in }) async throws
        -> Exported
    {
        try await store.keepingAll {
            let item = try store.find(text)
            let layout = StoredLayout(store: store)
            let top: ContentDescriptor
            if item.kind == .file, item.manifest == item.digest, store.document(item.digest) == nil {
                guard let blob = try store.lookup(item.digest) else {
                    throw Failure.permanent(.fetchFailed, "\(item.digest) is damaged; fetch it again")
                }
                top = try await store.fileArtifact(blob, title: item.digest.hex)
            } else {
                top = try layout.descriptor(of: item.manifest)
            }
            let found = try await layout.parts(of: top)
            // Of several names, the one that was said.
            let names = item.names.filter { $0 == text || $0 == (try? ImageReference(text))?.description }
            let size = try speakingFailure {
                try withoutActuallyEscaping(progress) { progress in
                    try write(top, found, names.isEmpty ? item.names : names, path, ImportProgress(progress))
                }
            }
            return Exported(
                digest: top.digest,
                size: size,
                notes: found.absent.isEmpty
                    ? [] : ["without \(found.absent.joined(separator: ", ")), which the store has not"]
            )
        }
    }

    private func write(
        _ top: ContentDescriptor,
        _ found: LayoutWalk.Found,
        _ names: [String],
        _ path: String,
        _ progress: ImportProgress
    ) throws -> ByteCount {
        var index = LayoutIndex()
        do throws(OCIError) {
            for name in names { try index.add(top, name: name) }
            if names.isEmpty { try index.add(top, name: nil) }
        } catch { throw Failure.permanent(.internalFault, "\(error)") }
        let writer: any LayoutWriter =
            path.hasSuffix(".tar") ? try TarLayoutWriter(path) : try DirectoryLayoutWriter(path)
        do {
            // Sorted, as the paths are.
            var size: Int64 = 0
            for part in found.parts.sorted(by: { $0.digest < $1.digest }) {
                size += try copy(part, to: writer, progress)
            }
            try writer.add("index.json", index.text)
            try writer.add(LayoutMarker.name, LayoutMarker.text)
            try writer.finish()
            return ByteCount(size)
        } catch {
            writer.discard()
            throw error
        }
    }

    private func copy(_ part: ContentDescriptor, to writer: any LayoutWriter, _ progress: ImportProgress)
        throws -> Int64
    {
        guard let blob = try store.lookup(part.digest) else {
            throw Failure.permanent(.fetchFailed, "\(part.digest) is damaged; pull or import it again")
        }
        let file = try Descriptor(blob.path, O_RDONLY | O_NOFOLLOW)
        var hash = ContentHash(declared: part.digest.algorithm)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        defer { buffer.deallocate() }
        let name = "blobs/\(part.digest.algorithm.rawValue)/\(part.digest.hex)"
        try writer.begin(name, size: blob.size.bytes)
        var count: Int64 = 0
        while true {
            try Task.checkCancellation()
            let read = try file.read(into: buffer, from: blob.path)
            if read == 0 { break }
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<read])
            hash.update(bytes)
            try writer.write(bytes)
            count += Int64(read)
            progress.add(Int64(read))
        }
        guard try hash.digests().matching(part.digest.algorithm) == part.digest else {
            throw Failure.permanent(.fetchFailed, "\(part.digest) is damaged; pull or import it again")
        }
        return count
    }
}
