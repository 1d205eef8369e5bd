import CLibArchive
import ERACore
import Glibc

/// The way of one archive's entries into a staged tree, under the limits.
struct Extraction {
    let tree: StagedTree
    let limits: ArchiveLimits
    /// The most bytes of all files.
    let outputLimit: Int64

    private var entryCount = 0
    private var written: Int64 = 0
    private var links = LinkTable()
    private var meter: UnpackMeter

    init(tree: StagedTree, limits: ArchiveLimits, outputLimit: Int64, meter: UnpackMeter) {
        self.tree = tree
        self.limits = limits
        self.outputLimit = outputLimit
        self.meter = meter
    }

    /// - Throws: ``UnsafeArchive``, ``SystemError``, `CancellationError`; the tree then holds a part.
    mutating func run(_ reader: ArchiveReader) throws {
        while let entry = try reader.next() {
            try Task.checkCancellation()
            entryCount += 1
            guard entryCount <= limits.entryLimit else {
                throw UnsafeArchive("it holds more than \(limits.entryLimit) entries")
            }
            try add(entry, reader)
            meter.note(reader.consumed)
        }
        try links.refuseEscapes()
        for (path, target) in links.targets { try tree.addSymbolicLink(path, to: target) }
    }

    private mutating func add(_ entry: ArchiveEntry, _ reader: ArchiveReader) throws {
        guard let text = entry.path else {
            throw UnsafeArchive("an entry has no name, or one that is not UTF-8")
        }
        guard !entry.isEncrypted else {
            throw UnsafeArchive("\"\(text)\" is encrypted, and there is no password to give")
        }
        guard let path = try EntryPath(text, limits) else {
            guard entry.kind == .directory else { throw UnsafeArchive("its root is no directory") }
            return
        }
        try links.refuse(path, limits)
        switch entry.kind {
        case .directory: try tree.addDirectory(path, mode: entry.mode)
        case .file: try addFile(path, entry, reader)
        case .symbolicLink(let target): try links.add(path, target: target, limits)
        case .hardLink(let target):
            guard let first = try EntryPath(target, limits) else {
                throw UnsafeArchive("\"\(text)\" is a hard link to the root")
            }
            try tree.addHardLink(path, to: first)
        case .fifo: throw UnsafeArchive("\"\(text)\" is a FIFO")
        case .device: throw UnsafeArchive("\"\(text)\" is a device")
        case .special(let what): throw UnsafeArchive("\"\(text)\" is \(what)")
        }
    }

    private mutating func addFile(_ path: EntryPath, _ entry: ArchiveEntry, _ reader: ArchiveReader) throws {
        if let size = entry.size { try refuseSize(size, path) }
        let file = try tree.addFile(path, mode: entry.mode)
        let end = try reader.copyData(to: file, path) { end in
            try refuseSize(end, path)
        } written: {
            meter.note(reader.consumed)
        }
        let size = max(end, entry.size ?? 0)
        guard entry.size.map({ end <= $0 }) ?? true else {
            throw UnsafeArchive("\"\(path.text)\" is longer than it says")
        }
        // A hole at the end of a sparse file.
        if size > end, ftruncate(file.number, Int(size)) != 0 { throw SystemError("write", path.text) }
        written += size
    }

    private func refuseSize(_ size: Int64, _ path: EntryPath) throws {
        guard size >= 0 else { throw UnsafeArchive("\"\(path.text)\" has a negative size") }
        guard size <= outputLimit - written else {
            throw UnsafeArchive("it becomes more than \(outputLimit) bytes, the limit for its size")
        }
    }
}
