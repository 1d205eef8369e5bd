/// Why something that a registry sent, or an address of one, is refused.
///
/// All of it stays wrong until somebody changes it. Whoever knows the place (address, deployment) adds it.
public enum OCIError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Not JSON, or a field is missing or of another form.
    case malformed(String)
    /// More of something than its limit.
    case tooLarge(String)
    /// A media type that this version does not know, or that is refused on purpose.
    case unsupported(String)
    /// Two places say different things of one content.
    case contradiction(String)
    /// No manifest for this kind of machine.
    case platformMissing(String)

    public var description: String {
        switch self {
        case .malformed(let text), .tooLarge(let text), .unsupported(let text), .contradiction(let text),
            .platformMissing(let text):
            text
        }
    }
}

/// What a manifest, an index or a configuration may be at most.
public enum OCILimits {
    /// Bytes of a manifest or an index. Source: distribution specification 1.1, "Pushing Manifests", which
    /// asks registries to take at least so much; larger ones are common nowhere.
    public static let manifestSizeLimit = 4 << 20
    /// Bytes of an image's configuration.
    public static let configSizeLimit = 4 << 20
    /// Keys and values of one of these texts: each costs memory, the shortest in two bytes of text.
    public static let nodeLimit = 200_000
    /// Layers of a manifest; overlay file systems take 500 at most.
    public static let layerLimit = 500
    /// Manifests of an index.
    public static let entryLimit = 1000
    /// Indexes inside each other, the outermost included.
    public static let nestingLimit = 2
    /// Bytes of the annotations of one object, keys and values.
    public static let annotationSizeLimit = 256 << 10
    /// Bytes of one media type. Source: RFC 6838 section 4.2, 127 on each side of the slash.
    public static let mediaTypeLengthLimit = 255
    /// Bytes of host and repository together. Source: distribution specification 1.1, "Pulling manifests".
    public static let nameLengthLimit = 255
}
