public import ERACore

/// What a manifest says of one content that it refers to.
///
/// Its `urls` are not kept: a content comes from the registry of its manifest, and from nowhere else
/// (CVE-2020-15157: credentials went to an address that a manifest named).
/// Source: OCI image specification 1.1, "OCI Content Descriptors".
public struct ContentDescriptor: Hashable, Sendable {
    public var mediaType: MediaType
    public var digest: Digest
    public var size: ByteCount
    /// Only said of the manifests in an index.
    public var platform: Platform?
    public var artifactType: MediaType?
    public var annotations: [String: String]

    /// The annotation that says what a file is called.
    public static let titleAnnotation = "org.opencontainers.image.title"

    public init(
        mediaType: MediaType,
        digest: Digest,
        size: ByteCount,
        platform: Platform? = nil,
        artifactType: MediaType? = nil,
        annotations: [String: String] = [:]
    ) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        self.platform = platform
        self.artifactType = artifactType
        self.annotations = annotations
    }

    init(_ object: ObjectReader) throws(OCIError) {
        mediaType = try object.mediaType("mediaType")
        let text = try object.text("digest")
        do throws(InvalidValue) { digest = try Digest(text) } catch {
            throw .malformed("\(object.place).digest: \(error)")
        }
        let bytes = try object.integer("size")
        guard bytes >= 0 else { throw .malformed("\(object.place).size is negative") }
        size = ByteCount(bytes)
        platform = try object.optionalObject("platform").map { (object) throws(OCIError) in
            try Platform(object)
        }
        artifactType = try object.optionalMediaType("artifactType")
        annotations = try object.annotations()
    }
}
