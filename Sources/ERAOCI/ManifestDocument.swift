/// What a registry answers to the question for a manifest.
public enum ManifestDocument: Hashable, Sendable {
    case manifest(ImageManifest)
    case index(ImageIndex)

    /// Reads a manifest or an index.
    ///
    /// - Parameters:
    ///   - text: The bytes whose digest was verified.
    ///   - contentType: What the registry called it; nil for one on disk.
    ///   - descriptor: What the index that named it says it is.
    /// - Throws: ``OCIError``. Who says different things of one content is refused, because another reader
    /// may believe the other half. Source: OCI image specification 1.1 and CVE-2021-41190.
    public init(
        _ text: [UInt8],
        contentType: MediaType? = nil,
        descriptor: ContentDescriptor? = nil
    ) throws(OCIError) {
        let object = try ObjectReader(text: text, limit: OCILimits.manifestSizeLimit, at: "manifest")
        let mediaType = try object.optionalMediaType("mediaType")
        // What is no kind of manifest (application/json, text/plain) says nothing.
        let sent = contentType.flatMap { $0.isManifest || $0.isIndex || $0.isDockerSchema1 ? $0 : nil }
        let named = [descriptor?.mediaType, sent, mediaType].compactMap(\.self)
        if let first = named.first, let other = named.first(where: { $0 != first }) {
            throw .contradiction(
                "the manifest is called both \(first) and \(other); push it again with one media type"
            )
        }
        guard named.first?.isDockerSchema1 != true, object["fsLayers"] == nil else {
            throw .unsupported(
                "the manifest is of Docker's schema 1, which has no digests of its layers; push the image again "
                    + "with a tool of this decade"
            )
        }
        let version = try object.integer("schemaVersion")
        guard version == 2 else {
            throw .unsupported("the manifest's schemaVersion is \(version), not 2")
        }
        let hasLayers = object["layers"] != nil || object["config"] != nil
        let hasManifests = object["manifests"] != nil
        guard !(hasLayers && hasManifests) else {
            throw .contradiction("the manifest has both manifests and layers; push it again as one of them")
        }
        guard let type = named.first else {
            self = hasManifests ? .index(try ImageIndex(object)) : .manifest(try ImageManifest(object))
            return
        }
        if type.isIndex, !hasLayers {
            self = .index(try ImageIndex(object))
        } else if type.isManifest, !hasManifests {
            self = .manifest(try ImageManifest(object))
        } else if type.isIndex || type.isManifest {
            throw .contradiction("the manifest is called \(type), and is of another form")
        } else {
            throw .unsupported("\(type) is no kind of manifest that is known here")
        }
    }

    /// Everything that it refers to directly: what has to stay as long as it stays.
    public var references: [ContentDescriptor] {
        switch self {
        case .manifest(let manifest): manifest.blobs
        case .index(let index): index.manifests
        }
    }
}

/// Walks from an index to the manifest for a machine; refuses circles and depths.
public struct ManifestPath: Hashable, Sendable {
    private var seen: Set<ContentDescriptor> = []
    private var depth = 0

    public init() {}

    /// One index further in.
    ///
    /// - Throws: ``OCIError`` for the third index, for one that was met before, and where the platform is
    /// missing.
    public mutating func enter(_ index: ImageIndex, for platform: Platform) throws(OCIError)
        -> ContentDescriptor
    {
        depth += 1
        guard depth <= OCILimits.nestingLimit else {
            throw .tooLarge(
                "more than \(OCILimits.nestingLimit) indexes inside each other; push the image flatter"
            )
        }
        let next = try index.choose(for: platform)
        guard seen.insert(next).inserted else { throw .contradiction("the index leads back to itself") }
        return next
    }
}
