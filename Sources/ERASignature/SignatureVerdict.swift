public import ERACore

/// What a verified signature vouches for. There is one only where a trusted key signed this very
/// artifact.
public struct SignatureVerdict: Equatable, Sendable {
    public var scheme: SignatureSpec.Kind
    /// What the trust policy calls the key that verified; nil where it has no name.
    public var keyName: String?
    /// The key that verified, as its tool prints it.
    public var fingerprint: String
    public var statement: SignedStatement
    /// The version that the signer wrote into the signed statement; nil where there is none.
    public var signedVersion: SemanticVersion?

    init(
        _ key: TrustedKey,
        _ statement: SignedStatement = .none,
        version: SemanticVersion? = nil
    ) {
        scheme = key.key.scheme
        keyName = key.name
        fingerprint = key.key.fingerprint
        self.statement = statement
        signedVersion = version
    }
}

/// What was signed besides the artifact's bytes.
public enum SignedStatement: Equatable, Sendable {
    case none
    case trustedComment(TrustedComment)
    /// The image's name as the signer gave it, without a promise that it was pulled by that name.
    case image(reference: String)
    /// An in-toto statement of this type, about the artifact.
    case statement(predicateType: String)
}

/// The comment that minisign signs, and what is commonly written into it.
public struct TrustedComment: Equatable, Sendable {
    public let text: String
    /// After `file:`.
    public let file: String?
    /// After `timestamp:`, in seconds since 1970.
    public let timestampSeconds: Int64?
    /// After `version:`, with or without a v before it.
    public let version: SemanticVersion?

    /// Reads the items between tabs and spaces; the first of each name counts, what is no value is none.
    init(_ text: String) {
        self.text = text
        let items = text.split { $0 == "\t" || $0 == " " }
        let value = { (name: String) -> String? in
            items.lazy.compactMap { SignatureText.rest(of: String($0), after: name + ":") }.first
        }
        file = value("file")
        timestampSeconds = value("timestamp").flatMap { Int64($0) }
        version = value("version").flatMap(Self.version)
    }

    /// A version with or without a v before it.
    static func version(_ text: String) -> SemanticVersion? {
        do throws(InvalidValue) {
            return try SemanticVersion(SignatureText.rest(of: text, after: "v") ?? text)
        } catch { return nil }
    }
}
