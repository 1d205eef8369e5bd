import ERACore
import ERAOCI
import Glibc

/// A layout that came as a tar: its blobs are in the store already, each verified by its name.
struct ArchiveLayout: LayoutSource {
    let index: LayoutIndex
    fileprivate let store: ContentStore

    func size(of digest: Digest) throws -> Int64? { try store.lookup(digest)?.size.bytes }
    func take(_ digest: Digest) async throws -> ContentStore.Blob? { try store.lookup(digest) }
}

/// Reads a file that may be the tar of a layout, entry by entry, its blobs straight into the store.
///
/// Nothing is unpacked: of a path counts only which blob it names, so there is nothing to escape from.
struct ArchiveImport {
    enum Outcome {
        case layout(ArchiveLayout)
        /// Something else, which may be an artifact by itself.
        case noLayout
    }

    let path: String
    let store: ContentStore
    let limits: ImportLimits
    let progress: ImportProgress

    private var index: [UInt8]?
    private var marker: [UInt8]?
    private var isDockers = false
    /// The first entry that is neither a file nor a directory.
    private var oddity: String?
    private var entries = 0

    init(path: String, store: ContentStore, limits: ImportLimits, progress: ImportProgress) {
        self.path = path
        self.store = store
        self.limits = limits
        self.progress = progress
    }

    /// - Throws: ``ImportRefusal``, ``UnsafeArchive``, ``Failure``, `CancellationError`.
    mutating func run() async throws -> Outcome {
        let size = try Descriptor(path, O_RDONLY).status().st_size
        let reader: ArchiveReader
        do {
            reader = try ArchiveReader(
                tar: path,
                outputLimit: limits.archive.outputLimit(archiveSize: Int64(size))
            )
            // An ordinary archive shows at its first entry that it is no layout.
            guard let first = try reader.next(), Self.mayBegin(first.path) else { return .noLayout }
            try await take(first, reader)
        } catch is UnsafeArchive where entries == 0 {
            return .noLayout
        }
        while let entry = try reader.next() { try await take(entry, reader) }
        guard let marker else {
            guard isDockers else { return .noLayout }
            throw ImportRefusal(
                "it is a docker-archive, whose contents have no digests of their own; convert it: "
                    + "skopeo copy docker-archive:\(path) oci-archive:NEW.tar"
            )
        }
        if let oddity {
            throw ImportRefusal("\(oddity) is no regular file, and a layout has nothing else; pack it anew")
        }
        try LayoutMarker.check(marker)
        guard let index else { throw ImportRefusal("it has no index.json; write it again") }
        do throws(OCIError) {
            return .layout(ArchiveLayout(index: try LayoutIndex(index), store: store))
        } catch {
            throw ImportRefusal("its index.json cannot be used: \(error)")
        }
    }

    /// Whether an archive whose first entry is called so may be a layout, or docker's older form.
    private static func mayBegin(_ name: String?) -> Bool {
        guard let first = name?.split(separator: "/").first(where: { $0 != "." }) else {
            // `./`, as tar writes it for a whole directory.
            return name != nil
        }
        let known = ["blobs", "index.json", LayoutMarker.name, "manifest.json", "repositories"]
        return known.contains(String(first))
            || first.utf8.count >= 64
                && first.prefix(64).utf8.allSatisfy { byte in
                    (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
                }
    }

    private mutating func take(_ entry: ArchiveEntry, _ reader: ArchiveReader) async throws {
        entries += 1
        guard entries <= limits.entryLimit else {
            throw ImportRefusal("it has more than \(limits.entryLimit) entries")
        }
        guard let name = entry.path, let path = try EntryPath(name, limits.archive) else { return }
        if entry.kind == .directory { return }
        guard entry.kind == .file else {
            // Docker's form has links; of a layout it is said at the end, when it is one.
            oddity = oddity ?? path.text
            return
        }
        switch path.components {
        case ["index.json"]:
            guard index == nil else { throw ImportRefusal("it has two files index.json") }
            index = try text(of: path.text, reader, limit: LayoutIndex.sizeLimit)
        case [LayoutMarker.name]: marker = try self.text(of: path.text, reader, limit: limits.markerSizeLimit)
        case ["manifest.json"]: isDockers = true
        case let parts where parts.count == 3 && parts[0] == "blobs":
            // Files that are called otherwise are nobody's.
            guard let digest = try? Digest("\(parts[1]):\(parts[2])") else { return }
            try await take(digest, path.text, entry, reader)
        default: return
        }
    }

    private func take(_ digest: Digest, _ name: String, _ entry: ArchiveEntry, _ reader: ArchiveReader)
        async throws
    {
        guard try store.lookup(digest) == nil else { return }
        try store.require(max(0, entry.size ?? 0), limits)
        _ = try await store.ingest("import-" + digest.hex, declared: digest.algorithm, resume: false) {
            ingest in
            while let block = try reader.nextBlock() {
                guard block.offset == ingest.count else {
                    throw ImportRefusal("\(name) has holes; pack it without (tar without --sparse)")
                }
                try ingest.write(block.bytes)
                progress.add(Int64(block.bytes.count))
            }
            return try store.commit(ingest, name, expecting: digest)
        }
    }

    private func text(of name: String, _ reader: ArchiveReader, limit: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let block = try reader.nextBlock() {
            guard bytes.count + block.bytes.count <= limit else {
                throw ImportRefusal("its \(name) has more than \(limit) bytes")
            }
            bytes += block.bytes
        }
        return bytes
    }
}
