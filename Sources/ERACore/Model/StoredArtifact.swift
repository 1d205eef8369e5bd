/// An artifact in the content store, verified.
public struct StoredArtifact: Hashable, Sendable, Codable {
    /// What lies at the artifact's path.
    public enum Content: String, Hashable, Sendable, Codable {
        /// The artifact itself: one file, an archive perhaps.
        case file
        /// The manifest of a container image; its configuration and layers are blobs beside it.
        case image
        /// The manifest of an artifact of several files, each named by its title; they are blobs beside it.
        /// Source: OCI image specification 1.1, "Guidelines for Artifact Usage".
        case files
    }

    /// Always sha256: the name of the blob in the store.
    public var digest: Digest
    /// Of everything that belongs to it.
    public var size: ByteCount
    /// Absolute path of the blob; it is never written again.
    public var path: String
    /// What a single file is called: the last component of the URL's path, or the title that it came with.
    public var name: String
    public var content: Content
    /// What a tag stood for when it was asked, as `host/repository:tag@sha256:…`; nil where
    /// nothing was resolved.
    public var resolved: String?
    /// What was fetched, for people: what the tag was resolved to, or the digest.
    public var shown: String { resolved ?? digest.description }
    /// Which key vouches for it, and what it says; nil where no signature was asked for.
    public var signedBy: String?

    public init(
        digest: Digest,
        size: ByteCount,
        path: String,
        name: String,
        content: Content = .file,
        resolved: String? = nil,
        signedBy: String? = nil
    ) {
        self.digest = digest
        self.size = size
        self.path = path
        self.name = name
        self.content = content
        self.resolved = resolved
        self.signedBy = signedBy
    }

    /// Journals of versions that knew only files say nothing of the content.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        digest = try values.decode(Digest.self, forKey: .digest)
        size = try values.decode(ByteCount.self, forKey: .size)
        path = try values.decode(String.self, forKey: .path)
        name = try values.decode(String.self, forKey: .name)
        content = try values.decodeIfPresent(Content.self, forKey: .content) ?? .file
        resolved = try values.decodeIfPresent(String.self, forKey: .resolved)
        signedBy = try values.decodeIfPresent(String.self, forKey: .signedBy)
    }
}
