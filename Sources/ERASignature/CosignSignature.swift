internal import Crypto
internal import ERACore

/// What `cosign sign-blob --key` writes: a signature in base64 (or its bytes), or a bundle.
public struct CosignSignature: Sendable {
    /// The most bytes of a signature that is not in a bundle.
    public static let sizeLimit = 16 << 10

    /// Its two shapes.
    enum Form: Sendable {
        case plain([UInt8])
        case bundle(CosignBundle)
    }

    let form: Form

    static let subject = "the cosign signature"

    /// - Throws: ``SignatureError`` for anything else.
    public init(_ bytes: [UInt8]) throws(SignatureError) {
        if bytes.first == UInt8(ascii: "{") {
            form = .bundle(try CosignBundle(bytes))
            return
        }
        try SignatureText.checkSize(bytes, Self.subject, limit: Self.sizeLimit)
        let isText = bytes.allSatisfy { (0x20..<0x7F).contains($0) || $0 == 0x0A || $0 == 0x0D }
        form = .plain(isText ? try Self.decode(bytes) : bytes)
    }

    /// What any one of the keys may have signed, and the hash that a bundle names.
    func needs(for keys: [TrustedKey]) -> ArtifactHasher.Needs {
        var needs: ArtifactHasher.Needs = []
        if case .bundle(let bundle) = form {
            switch bundle.content {
            // Of an envelope the digest of the artifact is a part.
            case .envelope: return []
            case .message("SHA2_384", _, _): needs = .sha384
            case .message("SHA2_512", _, _): needs = .sha512
            case .message: break
            }
        }
        for trusted in keys where trusted.key.scheme == .cosign {
            switch trusted.key.material {
            case .ed25519: needs.insert(.content)
            case .ecdsa(.p384, _): needs.insert(.sha384)
            case .ecdsa(.p521, _): needs.insert(.sha512)
            case .ecdsa(.p256, _), .rsa: break
            }
        }
        return needs
    }

    func verify(
        _ artifact: ArtifactHashes,
        with keys: [TrustedKey]
    ) throws(SignatureError) -> SignatureVerdict {
        switch form {
        case .bundle(let bundle): return try bundle.verify(artifact, with: keys)
        case .plain(let signature):
            guard let key = try keys.firstCosign(signature, over: artifact) else {
                throw .notByCosign(Self.subject, keys)
            }
            return SignatureVerdict(key)
        }
    }

    /// One line of base64, with or without an end of line.
    static func decode(_ bytes: [UInt8]) throws(SignatureError) -> [UInt8] {
        let lines = try SignatureText.lines(bytes, subject, limit: sizeLimit)
        guard lines.count == 1, let signature = Base64.decode(lines[0]), !signature.isEmpty else {
            throw .malformed(
                subject: subject,
                problem: "it is not one line of base64",
                advice: "give the file as cosign sign-blob wrote it"
            )
        }
        return signature
    }
}

extension [TrustedKey] {
    /// The first of the keys that signed this as cosign signs.
    ///
    /// - Throws: ``SignatureError`` where an Ed25519 key needs bytes that nobody kept.
    func firstCosign(
        _ signature: [UInt8],
        over signed: ArtifactHashes
    ) throws(SignatureError) -> TrustedKey? {
        for trusted in self where try trusted.key.material.verifiesCosign(signature, over: signed) {
            return trusted
        }
        return nil
    }
}

extension KeyMaterial {
    /// ECDSA over SHA-256, or over the hash that is as long as the curve (newer versions); RSA over
    /// SHA-256;
    /// Ed25519 over the bytes.
    ///
    /// Source: sigstore's `signature.LoadVerifier` and `LoadDefaultVerifier`.
    fileprivate func verifiesCosign(
        _ signature: [UInt8],
        over signed: ArtifactHashes
    ) throws(SignatureError) -> Bool {
        switch self {
        case .ed25519:
            guard let content = signed.content else { throw .hashUnavailable }
            return verifiesEd25519(signature, over: content)
        case .rsa: return verifiesRSA(signature, over: signed.sha256)
        case .ecdsa(let curve, _):
            if verifiesECDSA(signature, .der, over: signed.sha256) { return true }
            switch curve {
            case .p256: return false
            case .p384: return signed.sha384.map { verifiesECDSA(signature, .der, over: $0) } ?? false
            case .p521: return signed.sha512.map { verifiesECDSA(signature, .der, over: $0) } ?? false
            }
        }
    }
}

extension SignatureError {
    /// Cosign's signatures do not say whose they are.
    static func notByCosign(_ subject: String, _ keys: [TrustedKey]) -> SignatureError {
        .wrongSignature(
            subject: subject,
            key: keys.map(\.description).joined(separator: " or "),
            advice: "another key made it, or the artifact is another one or was altered; do not use it"
        )
    }
}
