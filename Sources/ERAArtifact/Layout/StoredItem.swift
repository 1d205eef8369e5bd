public import ERACore
import ERAOCI

/// Something in the store that people have a word for: an image, an artifact, a file.
public struct StoredItem: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable {
        /// The file system of a container, and how it is started.
        case image
        /// Several files.
        case artifact
        /// One file.
        case file
        /// Manifests for other machines, or one that is not understood.
        case other

        init(_ content: ImageManifest.Content?) {
            switch content {
            case .image: self = .image
            case .files: self = .artifact
            case .file: self = .file
            case nil: self = .other
            }
        }
    }

    /// What it is found by: of a single file, the file's own digest.
    public var digest: Digest
    /// Of its manifest or index; the same as `digest` where it has none.
    public var manifest: Digest
    public var kind: Kind
    /// Of all that belongs to it and is there.
    public var size: ByteCount
    /// Sorted.
    public var names: [String]
    /// What a single file is called.
    public var title: String?
    public var lastUsed: WallTime
    /// Its manifests, and the file: what a deployment of it keeps one of.
    public var identities: Set<Digest>

    /// A single file goes by its own digest, since that is what a manifest asks for.
    static func shownDigest(_ manifest: Digest, _ content: ImageManifest.Content?) -> Digest {
        if case .file(let file) = content { file.digest } else { manifest }
    }
}
