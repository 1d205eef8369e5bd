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
    /// What its signatures came to; nil where none was asked for.
    public var signature: SignatureOutcome?

    public init(
        digest: Digest,
        size: ByteCount,
        path: String,
        name: String,
        content: Content = .file,
        resolved: String? = nil,
        signature: SignatureOutcome? = nil
    ) {
        self.digest = digest
        self.size = size
        self.path = path
        self.name = name
        self.content = content
        self.resolved = resolved
        self.signature = signature
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
        signature = try values.decodeIfPresent(SignatureOutcome.self, forKey: .signature)
    }
}

/// What was found out about the signatures of an artifact.
public struct SignatureOutcome: Hashable, Sendable, Codable {
    /// The keys that vouch for it, for people: name and fingerprint.
    public var signedBy: [String]
    /// The version that a signature says; the highest, should they say several.
    public var version: SemanticVersion?
    /// What the signatures are verified with again: blobs of the content store, kept as long as the artifact.
    public var evidence: [Digest]
    /// What is missing or wrong, and is only reported.
    public var warnings: [String]

    public init(
        signedBy: [String] = [],
        version: SemanticVersion? = nil,
        evidence: [Digest] = [],
        warnings: [String] = []
    ) {
        self.signedBy = signedBy
        self.version = version
        self.evidence = evidence
        self.warnings = warnings
    }

    /// In one line: who vouches, and what is wrong.
    public var summary: String {
        let signers = signedBy.isEmpty ? "nobody" : signedBy.joined(separator: ", ")
        let version = version.map { ", as version \($0)" } ?? ""
        return signers + version + warnings.map { "; \($0)" }.joined()
    }
}
