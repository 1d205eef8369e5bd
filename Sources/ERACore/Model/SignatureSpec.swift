/// The signature that an artifact must carry.
public struct SignatureSpec: Hashable, Sendable, Codable {
    /// The tool that makes it.
    public enum Kind: String, Hashable, Sendable, Codable, CaseIterable {
        case minisign, cosign, ssh
    }

    public var type: Kind
    /// Where the detached signature is; nil where its place follows from the artifact's.
    public var source: ArtifactLocation?
    /// Any one of them suffices; none where the trust policy's keys are meant.
    public var keys: [SignatureKey]
    /// Whether a version may be installed that is older than one that was.
    public var allowDowngrade: Bool

    public init(
        type: Kind,
        source: ArtifactLocation? = nil,
        keys: [SignatureKey] = [],
        allowDowngrade: Bool = false
    ) {
        self.type = type
        self.source = source
        self.keys = keys
        self.allowDowngrade = allowDowngrade
    }
}

/// A public key, or where it is.
public enum SignatureKey: Hashable, Sendable, Codable {
    /// The key itself, in the text form of its tool.
    case text(String)
    /// The absolute path of a file on this machine.
    case file(String)
    /// What the trust policy calls it.
    case named(PartName)
}
