/// An artifact in the content store.
public struct StoredArtifact: Hashable, Sendable, Codable {
    /// Always sha256: the name of the blob in the store.
    public var digest: Digest
    public var size: ByteCount
    /// Absolute path of the blob; it is never written again.
    public var path: String
    /// The last component of the URL's path.
    public var name: String

    public init(digest: Digest, size: ByteCount, path: String, name: String) {
        self.digest = digest
        self.size = size
        self.path = path
        self.name = name
    }
}
