public import ERACore

/// A public key of one of the tools, parsed from the text in which that tool writes it.
public struct PublicKey: Hashable, Sendable, CustomStringConvertible {
    /// The most bytes of a key's text.
    public static let textLimit = 16 << 10

    /// The tool.
    public let scheme: SignatureSpec.Kind
    /// What the tool itself prints for the key: minisign its key ID in hexadecimal digits, ssh
    /// `SHA256:…`,
    /// cosign the sha256 of the key in DER, as `sha256:…`.
    public let fingerprint: String
    /// What a signature names the key by: minisign's key ID, ssh's whole key, cosign's DER.
    let identity: [UInt8]
    let material: KeyMaterial
    /// What a security key was made for (`ssh:`); nil for a key that is none.
    let application: [UInt8]?

    /// - Throws: ``SignatureError`` that says what is wrong with the text; it never repeats the text,
    ///   which may
    ///   be a private key.
    public init(_ text: String, scheme: SignatureSpec.Kind) throws(SignatureError) {
        let subject = "the \(scheme.rawValue) public key"
        var lines = try SignatureText.lines(Array(text.utf8), subject, limit: Self.textLimit)
        // A block of text in YAML may leave empty lines at the ends.
        lines = lines.map { $0.trimmingSpaces() }
        while lines.last == "" { lines.removeLast() }
        while lines.first == "" { lines.removeFirst() }
        guard !lines.contains(where: { $0.contains("PRIVATE KEY") || $0.contains("encrypted secret key") })
        else {
            throw .malformed(
                subject: subject,
                problem: "it is a private key",
                advice: "keep that one secret, make a new pair, and give the public key"
            )
        }
        switch scheme {
        case .minisign: self = try Self.minisign(lines, subject)
        case .ssh: self = try Self.ssh(lines, subject)
        case .cosign: self = try Self.cosign(lines, subject)
        }
    }

    init(
        _ scheme: SignatureSpec.Kind,
        _ fingerprint: String,
        _ identity: [UInt8],
        _ material: KeyMaterial,
        application: [UInt8]? = nil
    ) {
        self.scheme = scheme
        self.fingerprint = fingerprint
        self.identity = identity
        self.material = material
        self.application = application
    }

    public var description: String { "\(scheme.rawValue) key \(fingerprint)" }
}

/// A key that an artifact may be signed by.
public struct TrustedKey: Hashable, Sendable, CustomStringConvertible {
    /// What the trust policy calls it, or the path of its file; nil for a key that stands in the
    /// manifest.
    public var name: String?
    public var key: PublicKey

    public init(name: String? = nil, key: PublicKey) {
        self.name = name
        self.key = key
    }

    public var description: String { name.map { "\($0) (\(key))" } ?? key.description }
}

extension String {
    fileprivate func trimmingSpaces() -> String {
        let isSpace = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        let end = utf8.reversed().drop(while: isSpace).reversed()
        return String(decoding: end.drop(while: isSpace), as: UTF8.self)
    }
}
