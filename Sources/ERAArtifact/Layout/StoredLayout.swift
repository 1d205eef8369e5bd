public import ERACore
import ERAManifest
public import ERAOCI
import Glibc

/// What the store itself has of an image or artifact.
struct StoredLayout {
    let store: ContentStore

    /// How a manifest in the store is referred to.
    ///
    /// - Throws: ``Failure`` where it is not there, or is none.
    func descriptor(of digest: Digest) throws -> ContentDescriptor {
        guard let blob = try store.lookup(digest) else {
            throw Failure.permanent(
                .fetchFailed,
                "\(digest) is not in the store, or was damaged and is moved away; pull or import it again"
            )
        }
        let bytes = try speakingFailure { try readFile(blob.path, limit: OCILimits.manifestSizeLimit + 1) }
        // What is no JSON is no manifest, which is said below.
        let named = (try? JSONValue(jsonText: bytes, nodeLimit: OCILimits.nodeLimit))?["mediaType"]?.string
        let type: MediaType
        do throws(OCIError) {
            switch try ManifestDocument(bytes) {
            case .manifest: type = named.flatMap(MediaType.init(rawValue:)) ?? .imageManifest
            case .index: type = named.flatMap(MediaType.init(rawValue:)) ?? .imageIndex
            }
        } catch { throw Failure.permanent(.unsupported, "\(digest): \(error)") }
        return ContentDescriptor(mediaType: type, digest: blob.digest, size: blob.size)
    }

    /// All that belongs to it.
    ///
    /// - Throws: ``Failure`` where something is missing that this machine needs.
    func parts(of top: ContentDescriptor) async throws -> LayoutWalk.Found {
        let walk = LayoutWalk(
            text: { descriptor in
                guard let blob = try store.lookup(descriptor.digest) else { return nil }
                return try speakingFailure {
                    try readFile(blob.path, limit: OCILimits.manifestSizeLimit + 1)
                }
            },
            size: { try store.lookup($0)?.size.bytes }
        )
        let found: LayoutWalk.Found
        do { found = try await walk.find(top) } catch let error as OCIError {
            throw Failure.permanent(.fetchRefused, "\(top.digest): \(error)")
        }
        guard found.missing.isEmpty else {
            throw Failure.permanent(
                .fetchFailed,
                "the store lacks " + found.missing.map(\.digest.description).joined(separator: ", ")
                    + " of \(top.digest); pull or import it again"
            )
        }
        return found
    }
}

extension ContentStore {
    /// Gives a name to an image or artifact that is in the store.
    ///
    /// - Parameters:
    ///   - digest: Of its manifest or index.
    ///   - name: Nil for an entry without a name.
    /// - Throws: ``Failure`` where it is not there as a whole.
    public func add(_ digest: Digest, name: ImageReference?) async throws -> ArtifactImport.Imported {
        try await keepingAll {
            let layout = StoredLayout(store: self)
            let top = try layout.descriptor(of: digest)
            let found = try await layout.parts(of: top)
            try enter(top, name: name?.description)
            return ArtifactImport.Imported(
                name: name?.description,
                digest: StoredItem.shownDigest(top.digest, found.content),
                kind: StoredItem.Kind(found.content),
                size: ByteCount(found.parts.reduce(0) { $0 + $1.size.bytes }),
                notes: found.absent.isEmpty ? [] : ["without \(found.absent.joined(separator: ", "))"]
            )
        }
    }

    /// Enters a file that is in the store as an artifact of its own.
    ///
    /// - Parameter title: What the file is called.
    /// - Throws: ``Failure`` where it is not there.
    public func add(file digest: Digest, title: String, name: ImageReference?) async throws
        -> ArtifactImport.Imported
    {
        try await keepingAll {
            guard let blob = try lookup(digest) else {
                throw Failure.transient(.fetchFailed, "\(digest) is not in the store any more; try again")
            }
            return try await add(file: blob, title: title, name: name)
        }
    }

    /// As ``add(file:title:name:)`` for a blob that nobody collects meanwhile.
    func add(file blob: Blob, title: String, name: ImageReference?) async throws -> ArtifactImport.Imported {
        try enter(try await fileArtifact(blob, title: title), name: name?.description)
        return ArtifactImport.Imported(
            name: name?.description,
            digest: blob.digest,
            kind: .file,
            size: blob.size,
            notes: []
        )
    }

    private func enter(_ descriptor: ContentDescriptor, name: String?) throws {
        try changeNames { index in
            do throws(OCIError) { try index.add(descriptor, name: name) } catch {
                throw Failure.permanent(.fetchRefused, "the names of the store cannot take it: \(error)")
            }
        }
    }
}
