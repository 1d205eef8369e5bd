/// What a content is, as registries say it: `type/subtype`, lower case, without parameters.
///
/// Source: OCI image specification 1.1, "OCI Image Media Types", with the older names of Docker's schema 2.
public struct MediaType: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: String

    /// Nil for what is no media type; parameters behind a semicolon are dropped.
    public init?(rawValue: String) {
        let text = rawValue.prefix { $0 != ";" && $0 != " " }.lowercased()
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, text.utf8.count <= OCILimits.mediaTypeLengthLimit,
            parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(Self.isAllowed) })
        else { return nil }
        self.rawValue = text
    }

    private init(known: String) { rawValue = known }

    /// Source: RFC 6838 section 4.2, restricted-name-chars.
    private static func isAllowed(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || "!#$&-^_.+".utf8.contains(byte)
    }

    public static let imageManifest = Self(known: "application/vnd.oci.image.manifest.v1+json")
    public static let imageIndex = Self(known: "application/vnd.oci.image.index.v1+json")
    public static let imageConfig = Self(known: "application/vnd.oci.image.config.v1+json")
    public static let emptyJSON = Self(known: "application/vnd.oci.empty.v1+json")
    public static let dockerManifest = Self(known: "application/vnd.docker.distribution.manifest.v2+json")
    public static let dockerList = Self(known: "application/vnd.docker.distribution.manifest.list.v2+json")
    public static let dockerConfig = Self(known: "application/vnd.docker.container.image.v1+json")
    public static let wasm = Self(known: "application/wasm")

    /// What a client asks manifests as: the value of `Accept`.
    public static let acceptedManifests = [imageManifest, imageIndex, dockerManifest, dockerList]
        .map(\.rawValue).joined(separator: ", ")

    public var isManifest: Bool { self == .imageManifest || self == .dockerManifest }
    public var isIndex: Bool { self == .imageIndex || self == .dockerList }
    public var isImageConfig: Bool { self == .imageConfig || self == .dockerConfig }

    /// Docker's first format, which is signed over its text and has no digests of the layers.
    public var isDockerSchema1: Bool {
        rawValue.hasPrefix("application/vnd.docker.distribution.manifest.v1+")
    }

    /// A layer that registries may not distribute, so that manifests say other addresses for it.
    public var isForeignLayer: Bool {
        rawValue.hasPrefix("application/vnd.oci.image.layer.nondistributable.")
            || rawValue.hasPrefix("application/vnd.docker.image.rootfs.foreign.")
    }

    /// How a layer of a file system is packed; nil for anything else than such a layer.
    public var layerCompression: LayerCompression? {
        switch rawValue {
        case "application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff.tar":
            .uncompressed
        case "application/vnd.oci.image.layer.v1.tar+gzip",
            "application/vnd.docker.image.rootfs.diff.tar.gzip":
            .gzip
        case "application/vnd.oci.image.layer.v1.tar+zstd",
            "application/vnd.docker.image.rootfs.diff.tar.zstd":
            .zstd
        default: nil
        }
    }

    public var description: String { rawValue }
}

/// How the tar archive of a layer is compressed.
public enum LayerCompression: String, Hashable, Sendable, CaseIterable {
    case uncompressed, gzip, zstd
}
