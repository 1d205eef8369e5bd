public import ERACore

/// A signature in a file of its own, parsed and not yet verified: first this, then the artifact is
/// hashed with
/// ``makeHasher(for:)``, then ``verify(_:with:)`` gives the verdict.
public enum DetachedSignature: Sendable {
    case minisign(MinisignSignature)
    case ssh(SSHSignature)
    case cosign(CosignSignature)

    /// The most bytes that any scheme's file may have; what fetches it needs to read no more.
    public static let sizeLimit = CosignBundle.sizeLimit

    /// - Parameter bytes: The whole file.
    /// - Throws: ``SignatureError`` for what is not a signature of this tool.
    public init(_ bytes: [UInt8], scheme: SignatureSpec.Kind) throws(SignatureError) {
        switch scheme {
        case .minisign: self = .minisign(try MinisignSignature(bytes))
        case .ssh: self = .ssh(try SSHSignature(bytes))
        case .cosign: self = .cosign(try CosignSignature(bytes))
        }
    }

    public var scheme: SignatureSpec.Kind {
        switch self {
        case .minisign: .minisign
        case .ssh: .ssh
        case .cosign: .cosign
        }
    }

    /// What hashes the artifact with all that this signature needs, and with nothing else.
    ///
    /// - Throws: ``SignatureError/hashUnavailable``.
    public func makeHasher(for keys: [TrustedKey]) throws(SignatureError) -> ArtifactHasher {
        try ArtifactHasher(needs(for: keys))
    }

    /// Whether the hasher for these keys keeps the whole artifact in memory.
    public func keepsContent(for keys: [TrustedKey]) -> Bool { needs(for: keys).contains(.content) }

    /// What is needed of the artifact besides its sha256: each hash more is time for each byte.
    func needs(for keys: [TrustedKey]) -> ArtifactHasher.Needs {
        switch self {
        case .minisign(let signature):
            switch signature.form {
            case .prehashed: .blake2b
            case .legacy: .content
            }
        case .ssh(let signature): signature.hashName == "sha512" ? .sha512 : []
        case .cosign(let signature): signature.needs(for: keys)
        }
    }

    /// The verdict; any one of the keys suffices.
    ///
    /// - Parameters:
    ///   - artifact: From the hasher that ``makeHasher(for:)`` gave for the same keys.
    ///   - keys: Keys of other tools are passed over.
    /// - Throws: ``SignatureError`` wherever the artifact must not be used.
    public func verify(
        _ artifact: ArtifactHashes,
        with keys: [TrustedKey]
    ) throws(SignatureError) -> SignatureVerdict {
        let candidates = keys.filter { $0.key.scheme == scheme }
        guard !candidates.isEmpty else { throw .noKey(subject: "the \(scheme.rawValue) signature") }
        switch self {
        case .minisign(let signature): return try signature.verify(artifact, with: candidates)
        case .ssh(let signature): return try signature.verify(artifact, with: candidates)
        case .cosign(let signature): return try signature.verify(artifact, with: candidates)
        }
    }
}

extension SignatureSpec.Kind {
    /// What is added to an artifact's name to find its signature where the manifest names none; tried
    /// in turn.
    public var signatureSuffixes: [String] {
        switch self {
        case .minisign: [".minisig"]
        case .ssh: [".sig"]
        case .cosign: [".sigstore.json", ".sig"]
        }
    }
}
