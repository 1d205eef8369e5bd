internal import Crypto
public import ERACore

/// What a signature says something about: the hashes of an artifact, and its bytes where a scheme signs
/// those.
public struct ArtifactHashes: Sendable {
    let sha256: SHA256Digest
    let sha384: SHA384Digest?
    let sha512: SHA512Digest?
    let blake2b: [UInt8]?
    let content: [UInt8]?

    /// The artifact's digest as a registry and the content store name it.
    public var digest: ERACore.Digest { ERACore.Digest(.sha256, bytes: sha256) }

    /// All that is signed of a short message, which is in memory.
    init(message: [UInt8]) {
        sha256 = SHA256.hash(data: message)
        sha384 = SHA384.hash(data: message)
        sha512 = SHA512.hash(data: message)
        blake2b = nil
        content = message
    }

    init(
        sha256: SHA256Digest,
        sha384: SHA384Digest?,
        sha512: SHA512Digest?,
        blake2b: [UInt8]?,
        content: [UInt8]?
    ) {
        self.sha256 = sha256
        self.sha384 = sha384
        self.sha512 = sha512
        self.blake2b = blake2b
        self.content = content
    }
}

/// Hashes an artifact piece by piece, with what its signature needs;
/// ``DetachedSignature/makeHasher(for:)``
/// makes it.
public struct ArtifactHasher: ~Copyable {
    /// The most bytes of an artifact whose signature is over its bytes and not over a hash: they must
    /// be in
    /// memory at once (minisign's legacy form, cosign with an Ed25519 key).
    public static let wholeContentLimit = 64 << 20

    /// What is needed besides sha256.
    struct Needs: OptionSet, Sendable {
        let rawValue: Int
        static let sha384 = Needs(rawValue: 1)
        static let sha512 = Needs(rawValue: 2)
        static let blake2b = Needs(rawValue: 4)
        static let content = Needs(rawValue: 8)
    }

    private let contentLimit: Int
    private var sha256 = SHA256()
    private var sha384: SHA384?
    private var sha512: SHA512?
    private var blake2b: BLAKE2b512?
    private var content: [UInt8]?

    init(_ needs: Needs, contentLimit: Int = Self.wholeContentLimit) throws(SignatureError) {
        self.contentLimit = contentLimit
        sha384 = needs.contains(.sha384) ? SHA384() : nil
        sha512 = needs.contains(.sha512) ? SHA512() : nil
        content = needs.contains(.content) ? [] : nil
        if needs.contains(.blake2b) { blake2b = try BLAKE2b512() } else { blake2b = nil }
    }

    /// - Throws: ``SignatureError`` when the bytes themselves are needed and are more than
    ///   ``wholeContentLimit``.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) throws(SignatureError) {
        sha256.update(bufferPointer: bytes)
        sha384?.update(bufferPointer: bytes)
        sha512?.update(bufferPointer: bytes)
        blake2b?.update(bytes)
        guard let size = content?.count else { return }
        guard bytes.count <= contentLimit - size else {
            throw .unsupported(
                subject: "the artifact",
                problem: "its signature is over its bytes and not over their hash, and it has more than "
                    + "\(contentLimit) of them",
                advice: "sign the hash: minisign -S -H, or cosign with an ECDSA key"
            )
        }
        content?.append(contentsOf: bytes)
    }

    /// - Throws: As ``update(_:)`` of a buffer does.
    public mutating func update(_ bytes: [UInt8]) throws(SignatureError) {
        do {
            try bytes.withUnsafeBytes { try update($0) }
        } catch let error as SignatureError { throw error } catch { throw .hashUnavailable }
    }

    /// What was hashed; the hasher is used up.
    public consuming func finalize() -> ArtifactHashes {
        let sha256 = sha256.finalize()
        let sha384 = sha384?.finalize()
        let sha512 = sha512?.finalize()
        let content = content
        return ArtifactHashes(
            sha256: sha256,
            sha384: sha384,
            sha512: sha512,
            blake2b: blake2b?.finalize(),
            content: content
        )
    }
}
