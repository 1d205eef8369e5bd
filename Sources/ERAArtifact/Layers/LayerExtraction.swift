import CLibArchive
import ERACore
import Glibc

/// The way of the layers' entries onto a root file system, under the limits.
struct LayerExtraction {
    let tree: RootTree
    let limits: ArchiveLimits
    private let owners: OwnerLimits
    /// Of all layers so far.
    private var entryCount = 0
    private var written: Int64 = 0
    private var times: [(EntryPath, FileTime)] = []

    init(_ tree: RootTree, _ limits: ArchiveLimits, _ owners: OwnerLimits) {
        self.tree = tree
        self.limits = limits
        self.owners = owners
    }

    /// Puts one layer onto what is there.
    ///
    /// - Throws: ``UnsafeArchive``, ``SystemError``, `CancellationError`; the tree then holds a part.
    mutating func run(_ reader: ArchiveReader, note: (Int64) -> Void) throws {
        tree.beginLayer()
        times = []
        while let entry = try reader.next() {
            try Task.checkCancellation()
            entryCount += 1
            guard entryCount <= limits.entryLimit else {
                throw UnsafeArchive("the image holds more than \(limits.entryLimit) entries")
            }
            try add(entry, reader, note)
            note(reader.consumed)
        }
        for (path, time) in times { try tree.setTime(path, time) }
    }

    private mutating func add(_ entry: ArchiveEntry, _ reader: ArchiveReader, _ note: (Int64) -> Void) throws
    {
        guard let text = entry.path else {
            throw UnsafeArchive("an entry has no name, or one that is not UTF-8")
        }
        switch try LayerEntry(text, limits) {
        case .root:
            guard entry.kind == .directory else { throw UnsafeArchive("its root is no directory") }
            try tree.useRoot(FileAttributes(entry, owners))
        case .content(let path): try add(path, entry, reader, note)
        case .whiteout(let path): try tree.removeLower(path)
        case .opaque(let path): try tree.makeOpaque(path)
        case .ignored: return
        }
    }

    private mutating func add(
        _ path: EntryPath,
        _ entry: ArchiveEntry,
        _ reader: ArchiveReader,
        _ note: (Int64) -> Void
    ) throws {
        var attributes = try FileAttributes(entry, owners)
        switch entry.kind {
        case .directory:
            if let time = attributes.time { times.append((path, time)) }
            attributes.time = nil
            try tree.addDirectory(path, attributes)
        case .file:
            var size: Int64 = 0
            try tree.addFile(path, attributes) { file in
                size = try fill(file, path, entry, reader, note)
            }
            written += size
        case .symbolicLink(let target):
            guard !target.isEmpty, target.utf8.count <= limits.pathLengthLimit else {
                throw UnsafeArchive("the link \"\(path.text)\" leads to an empty or overlong path")
            }
            try tree.addSymbolicLink(path, to: target, attributes)
        case .hardLink(let target):
            guard let first = try EntryPath(String(target.drop { $0 == "/" }), limits) else {
                throw UnsafeArchive("\"\(path.text)\" is a hard link to the root")
            }
            try tree.addHardLink(path, to: first)
        case .fifo: try tree.addFIFO(path, attributes)
        // A container gets its devices from the runtime; an image's would be a way to the host's disks.
        case .device: return
        case .special(let what): throw UnsafeArchive("\"\(path.text)\" is \(what)")
        }
    }

    /// - Returns: The size of the file.
    private func fill(
        _ file: borrowing Descriptor,
        _ path: EntryPath,
        _ entry: ArchiveEntry,
        _ reader: ArchiveReader,
        _ note: (Int64) -> Void
    ) throws -> Int64 {
        if let size = entry.size { try refuseSize(size, path) }
        let end = try reader.copyData(to: file, path) { end in
            try refuseSize(end, path)
        } written: {
            note(reader.consumed)
        }
        let size = max(end, entry.size ?? 0)
        // A hole at the end of a sparse file.
        if size > end, ftruncate(file.number, Int(size)) != 0 { throw SystemError("write", path.text) }
        return size
    }

    private func refuseSize(_ size: Int64, _ path: EntryPath) throws {
        guard size >= 0 else { throw UnsafeArchive("\"\(path.text)\" has a negative size") }
        guard size <= limits.sizeLimit.bytes - written else {
            throw UnsafeArchive("the image becomes more than \(limits.sizeLimit.bytes) bytes")
        }
    }
}
