import ERACore
import ERAOCI
import Glibc
import Synchronization

extension ContentStore {
    /// The most blobs that pinned manifests may keep in all; beyond it everything is kept.
    static let closureLimit = 1_000_000

    /// These blobs, and all that those of them that are manifests refer to, directly or through an index.
    ///
    /// - Returns: Nil where a manifest cannot be read: then nothing may be removed, since nobody knows what
    /// it needs. A blob that is not there has nothing to keep.
    func closure(of roots: Set<Digest>) -> Set<Digest>? {
        var kept: Set<Digest> = []
        var pending = roots.map { (digest: $0, depth: 0) }
        while let (digest, depth) = pending.popLast() {
            guard kept.insert(digest).inserted, depth <= OCILimits.nestingLimit else { continue }
            guard kept.count <= Self.closureLimit, let references = references(of: digest) else { return nil }
            for reference in references {
                switch reference.algorithm {
                case .sha256: pending.append((reference, depth + 1))
                case .sha512:
                    // A link that cannot be read: nobody knows which blob it stands for.
                    guard let blob = try? blobDigest(reference) else { continue }
                    pending.append((blob, depth + 1))
                }
            }
        }
        return kept
    }

    /// What a blob refers to, if it is a manifest; nothing for any other. Read once: a blob never changes.
    private func references(of digest: Digest) -> [Digest]? {
        if let known = state.withLock({ $0.references[digest] }) { return known }
        let path = path(of: digest)
        var status = stat()
        guard lstat(path, &status) == 0 else { return errno == ENOENT ? [] : nil }
        guard status.st_size <= OCILimits.manifestSizeLimit else { return [] }
        // What does not open may be a manifest.
        guard let bytes = try? readFile(path, limit: OCILimits.manifestSizeLimit) else { return nil }
        guard looksLikeManifest(bytes) else {
            state.withLock { $0.references[digest] = [] }
            return []
        }
        // A damaged one is not believed, nor one that is not understood.
        guard (try? ContentDigests(of: bytes).sha256) == digest, let document = try? ManifestDocument(bytes)
        else {
            return nil
        }
        let references = document.references.map(\.digest)
        state.withLock { $0.references[digest] = references }
        return references
    }

    /// The blob as a manifest; nil for anything else, and for one that is damaged.
    func document(_ digest: Digest) -> ManifestDocument? {
        let path = path(of: digest)
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            status.st_size <= OCILimits.manifestSizeLimit
        else { return nil }
        // What cannot be read is shown as a file; whoever needs it finds out why.
        guard let bytes = try? readFile(path, limit: OCILimits.manifestSizeLimit), looksLikeManifest(bytes),
            // One that is damaged is shown as a file too.
            (try? ContentDigests(of: bytes).sha256) == digest
        else { return nil }
        // What is not understood is shown as a file too.
        return try? ManifestDocument(bytes)
    }

    private func looksLikeManifest(_ bytes: [UInt8]) -> Bool {
        let space: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
        guard bytes.first(where: { !space.contains($0) }) == UInt8(ascii: "{") else { return false }
        let text = String(decoding: bytes, as: UTF8.self)
        return text.contains("\"schemaVersion\"") && text.contains("\"digest\"")
    }
}
