public import ERACore
import ERAOCI
import Glibc

/// All that is in the store.
public struct Inventory: Hashable, Sendable {
    /// Those with names first, by name; then the others, the last used first.
    public var items: [StoredItem]
    /// Of everything, what several items share counted once.
    public var size: ByteCount
}

extension ContentStore {
    /// Looks at everything in the store, and changes nothing.
    ///
    /// - Parameter used: What deployments keep: each is shown, unless it is part of something that is.
    /// - Throws: ``Failure`` of the file system, and where the names cannot be read.
    public func inventory(used: Set<Digest> = []) throws -> Inventory {
        try speakingFailure {
            let listing = try Listing(self, names: try names())
            var shown: [Digest: Set<Digest>] = [:]
            var covered: Set<Digest> = []
            func show(_ top: Digest) {
                guard shown[top] == nil, listing.blobs[top] != nil else { return }
                let parts = listing.parts(of: top)
                shown[top] = parts
                covered.formUnion(parts)
            }
            for top in listing.names.keys { show(top) }
            for digest in listing.blobs.keys where !listing.referenced.contains(digest) {
                if !covered.contains(digest) { show(digest) }
            }
            for digest in used {
                if let blob = try blobDigest(digest), !covered.contains(blob) { show(blob) }
            }
            let items = shown.map { listing.item($0.key, parts: $0.value) }
            return Inventory(
                items: items.sorted(by: Self.isBefore),
                size: ByteCount(listing.blobs.values.reduce(0) { $0 + $1.size })
            )
        }
    }

    /// What a name or a digest on the command line stands for.
    ///
    /// - Parameter text: `host/repository:tag`, any other name that is in the index, a digest, or the
    ///   beginning of one with twelve digits or more.
    /// - Throws: ``Failure`` where there is no such thing, or more than one.
    public func find(_ text: String) throws -> StoredItem {
        let items = try inventory().items
        // What is no reference may still be a name, or a digest.
        let name = (try? ImageReference(text))?.description
        if let item = items.first(where: { $0.names.contains(text) || name.map($0.names.contains) ?? false })
        {
            return item
        }
        let digits = text.hasPrefix("sha256:") ? text.dropFirst(7) : text[...]
        if digits.utf8.count >= StoredItem.digitsLimit {
            let found = items.filter { item in
                ([item.digest, item.manifest] + item.identities).contains { $0.hex.hasPrefix(digits) }
            }
            if let item = found.first, found.count == 1 { return item }
            if found.count > 1 {
                throw Failure.permanent(
                    .fetchRefused,
                    "\(text) stands for \(found.count) things in the store; write more of the digest"
                )
            }
        }
        throw Failure.permanent(
            .fetchRefused,
            "nothing in the store is called \(text); see: era artifact list"
        )
    }

    /// Takes away the names of an item, or one of them; what nothing else keeps is collected in time.
    ///
    /// - Parameter text: As ``find(_:)`` takes it: a name takes only itself away, a digest all names.
    /// - Returns: The names that are gone; empty where it had an entry without one.
    /// - Throws: ``Failure`` where there is no such thing, and where it has no entry to take away.
    public func remove(_ text: String) throws -> [String] {
        let item = try find(text)
        // What is no reference may still be a name, or a digest.
        let name = (try? ImageReference(text))?.description
        let chosen = item.names.filter { $0 == text || $0 == name }
        let removed = try changeNames { index in
            index.remove { entry in
                entry.descriptor.digest == item.manifest
                    && (chosen.isEmpty || entry.name.map(chosen.contains) ?? false)
            }
        }
        guard !removed.isEmpty else {
            throw Failure.permanent(
                .fetchRefused,
                "\(text) has no name to remove; it goes by itself when nothing uses it (era artifact gc)"
            )
        }
        return removed.compactMap(\.name)
    }

    private static func isBefore(_ left: StoredItem, _ right: StoredItem) -> Bool {
        switch (left.names.first, right.names.first) {
        case (let one?, let other?): (one, left.digest) < (other, right.digest)
        case (_?, nil): true
        case (nil, _?): false
        case (nil, nil):
            (right.lastUsed.sinceEpoch, right.digest) < (left.lastUsed.sinceEpoch, left.digest)
        }
    }
}

/// The blobs of a store, and what each refers to.
private struct Listing {
    /// Size and last use of each.
    let blobs: [Digest: (size: Int64, used: WallTime)]
    /// The names of each that has an entry; empty for one without.
    let names: [Digest: [String]]
    /// What a blob refers to and is there.
    let references: [Digest: [Digest]]
    let referenced: Set<Digest>
    private let documents: [Digest: ManifestDocument]

    init(_ store: ContentStore, names index: LayoutIndex) throws {
        var blobs: [Digest: (size: Int64, used: WallTime)] = [:]
        for hex in try namesInDirectory(store.directory + "/blobs/sha256") {
            var status = stat()
            // Names that are no digest are not ours.
            guard let digest = try? Digest("sha256:" + hex), lstat(store.path(of: digest), &status) == 0
            else { continue }
            blobs[digest] = (
                Int64(status.st_size), WallTime(sinceEpoch: .seconds(status.st_mtim.tv_sec))
            )
        }
        var names: [Digest: [String]] = [:]
        for entry in index.entries {
            guard let blob = try store.blobDigest(entry.descriptor.digest) else { continue }
            names[blob, default: []] += [entry.name].compactMap(\.self)
        }
        var references: [Digest: [Digest]] = [:]
        var documents: [Digest: ManifestDocument] = [:]
        for digest in blobs.keys {
            guard let document = store.document(digest) else { continue }
            documents[digest] = document
            references[digest] = try document.references.compactMap { try store.blobDigest($0.digest) }
                .filter { blobs[$0] != nil }
        }
        self.blobs = blobs
        self.names = names
        self.references = references
        self.documents = documents
        referenced = Set(references.values.joined())
    }

    /// The blob and all that it refers to, directly or not.
    func parts(of top: Digest) -> Set<Digest> {
        var parts: Set<Digest> = []
        var pending = [top]
        while let digest = pending.popLast() {
            if parts.insert(digest).inserted { pending += references[digest] ?? [] }
        }
        return parts
    }

    func item(_ top: Digest, parts: Set<Digest>) -> StoredItem {
        let content = content(of: top, depth: 0)
        let isBlob = documents[top] == nil
        var item = StoredItem(
            digest: StoredItem.shownDigest(top, content),
            manifest: top,
            kind: isBlob ? .file : StoredItem.Kind(content),
            size: ByteCount(parts.reduce(0) { $0 + (blobs[$1]?.size ?? 0) }),
            names: (names[top] ?? []).sorted(),
            lastUsed: WallTime(sinceEpoch: parts.compactMap { blobs[$0]?.used.sinceEpoch }.max() ?? .zero),
            identities: parts.filter { $0 == top || documents[$0] != nil }
        )
        if case .file(let file) = content {
            item.title = file.annotations[ContentDescriptor.titleAnnotation]
            item.identities.insert(file.digest)
        }
        return item
    }

    /// What it is on this machine; nil where that is not understood.
    private func content(of top: Digest, depth: Int) -> ImageManifest.Content? {
        switch documents[top] {
        case .manifest(let manifest):
            // What has no files, or names that cannot be used, is shown as something else.
            return try? manifest.content()
        case .index(let index):
            // What is only for other machines is shown as something else.
            guard depth < OCILimits.nestingLimit, let own = try? index.choose(for: .host) else { return nil }
            return content(of: own.digest, depth: depth + 1)
        case nil: return nil
        }
    }
}

extension StoredItem {
    /// With fewer digits the beginning of a digest is not looked for.
    static let digitsLimit = 12
}
