public import ERACore
public import ERAOCI
import Glibc

/// Brings what lies on this machine into the store, and gives it names there.
///
/// A layout, as a directory or a tar, or any other file. The store gets only what was verified by its digest;
/// names are given when everything is there, all of them or none.
public struct ArtifactImport: Sendable {
    /// What came in.
    public struct Imported: Hashable, Sendable {
        /// Nil where it has none.
        public var name: String?
        /// What it is found by: of a single file, the file's own.
        public var digest: Digest
        public var kind: StoredItem.Kind
        public var size: ByteCount
        /// What people should know, one line each.
        public var notes: [String]
    }

    private let store: ContentStore
    private let limits: ImportLimits

    public init(_ store: ContentStore, limits: ImportLimits = ImportLimits()) {
        self.store = store
        self.limits = limits
    }

    /// - Parameters:
    ///   - path: Of a layout or a file.
    ///   - name: What it is called; nil for the name that it brings along.
    ///   - progress: Told how many bytes have come in.
    /// - Returns: What has an entry now, in the order of the layout.
    /// - Throws: ``Failure`` that says what to do; `CancellationError`.
    public func run(
        _ path: String,
        as name: ImageReference? = nil,
        progress: (ByteCount) -> Void = { _ in }
    ) async throws -> [Imported] {
        try await withoutActuallyEscaping(progress) { progress in
            try await store.keepingAll {
                try await speakingImport(path) { try await take(path, name, ImportProgress(progress)) }
            }
        }
    }

    private func take(_ path: String, _ name: ImageReference?, _ progress: ImportProgress) async throws
        -> [Imported]
    {
        // What this path leads to is the user's word; inside, no link is followed.
        let file = try Descriptor(path, O_RDONLY | O_NONBLOCK)
        switch try file.status().st_mode & S_IFMT {
        case S_IFDIR:
            try refuseItself(path, file)
            return try await add(DirectoryLayout(path, store, limits, progress), name)
        case S_IFREG:
            var archive = ArchiveImport(path: path, store: store, limits: limits, progress: progress)
            switch try await archive.run() {
            case .layout(let layout): return try await add(layout, name)
            case .noLayout: return try await addFile(file, path, name, progress)
            }
        default: throw ImportRefusal("it is neither a file nor a directory")
        }
    }

    private func refuseItself(_ path: String, _ directory: borrowing Descriptor) throws {
        let own = try Descriptor(store.directory, O_RDONLY | O_DIRECTORY).status()
        let its = try directory.status()
        guard own.st_ino != its.st_ino || own.st_dev != its.st_dev else {
            throw ImportRefusal("it is the store itself; what is in it is listed by: era artifact list")
        }
    }

    private func addFile(
        _ file: borrowing Descriptor,
        _ path: String,
        _ name: ImageReference?,
        _ progress: ImportProgress
    ) async throws -> [Imported] {
        let blob = try await store.ingestFile(
            file,
            path,
            name: "import-" + hexadecimalSHA256(of: path),
            expecting: nil,
            limits,
            progress
        )
        let title = path.split(separator: "/").last.map(String.init) ?? "artifact"
        return [try await store.add(file: blob, title: title, name: name)]
    }

    private func add(_ layout: some LayoutSource, _ name: ImageReference?) async throws -> [Imported] {
        let entries = layout.index.entries
        guard !entries.isEmpty else { throw ImportRefusal("its index.json names nothing") }
        if name != nil, entries.count > 1 {
            throw ImportRefusal("it holds \(entries.count) images, which one name is not for; leave out --as")
        }
        var found: [(descriptor: ContentDescriptor, imported: Imported)] = []
        var skipped: [String] = []
        for entry in entries {
            let platform = entry.descriptor.platform
            let isForOthers = platform.map { Platform.host.preference(for: $0) == nil } ?? false
            do {
                let parts = try await parts(of: entry.descriptor, layout)
                var imported = parts.imported
                imported.name = (name ?? entry.reference)?.description
                if imported.name == nil, let half = entry.name {
                    imported.notes.append(
                        "\"\(half)\" is no whole name (host/repository:tag); give it one with --as"
                    )
                }
                found.append((parts.descriptor, imported))
            } catch let refusal as ImportRefusal where isForOthers && entries.count > 1 {
                skipped.append("left out \(entry.descriptor.digest): \(refusal.reason)")
            }
        }
        guard !found.isEmpty else { throw ImportRefusal(skipped.joined(separator: "; ")) }
        found[0].imported.notes += skipped
        try store.changeNames { [found] index in
            for (descriptor, imported) in found {
                do throws(OCIError) { try index.add(descriptor, name: imported.name) } catch {
                    throw ImportRefusal("the names of the store cannot take it: \(error)")
                }
            }
        }
        return found.map(\.imported)
    }

    /// Brings in all that belongs to one entry.
    private func parts(of top: ContentDescriptor, _ layout: some LayoutSource) async throws
        -> (descriptor: ContentDescriptor, imported: Imported)
    {
        let walk = LayoutWalk(
            text: { descriptor in
                guard let blob = try await layout.take(descriptor.digest) else { return nil }
                return try readFile(blob.path, limit: OCILimits.manifestSizeLimit + 1)
            },
            size: { try layout.size(of: $0) }
        )
        let found: LayoutWalk.Found
        do { found = try await walk.find(top) } catch let error as OCIError {
            throw ImportRefusal("\(top.digest): \(error)")
        }
        guard found.missing.isEmpty else {
            throw ImportRefusal(
                "\(top.digest) lacks " + found.missing.map(\.digest.description).joined(separator: ", ")
                    + "; write it again as a whole"
            )
        }
        var size: Int64 = 0
        for part in found.parts {
            size += part.size.bytes
            guard size <= limits.sizeLimit.bytes else {
                throw ImportRefusal("\(top.digest) is larger than \(limits.sizeLimit)")
            }
            guard try await layout.take(part.digest) != nil else {
                throw ImportRefusal("\(part.digest) went while it was read; try again")
            }
        }
        var descriptor = top
        // What others say of it is not passed on.
        descriptor.annotations = [:]
        let imported = Imported(
            digest: StoredItem.shownDigest(top.digest, found.content),
            kind: StoredItem.Kind(found.content),
            size: ByteCount(size),
            notes: found.absent.isEmpty ? [] : ["without \(found.absent.joined(separator: ", "))"]
        )
        return (descriptor, imported)
    }

    private func speakingImport<Value>(_ path: String, _ body: () async throws -> Value) async throws -> Value
    {
        do { return try await body() } catch let refusal as ImportRefusal {
            throw Failure.permanent(.fetchRefused, "cannot import \(path): \(refusal.reason)")
        } catch let refusal as UnsafeArchive {
            throw Failure.permanent(.unsafeArchive, "cannot import \(path): \(refusal.reason); pack it anew")
        } catch let error as SystemError {
            throw error.failure
        }
    }
}
