internal import Crypto

/// A signature of `ssh-keygen -Y sign -n era`.
///
/// Source: OpenSSH's PROTOCOL.sshsig.
public struct SSHSignature: Sendable {
    /// The most bytes of the file; the longest honest one, of an RSA key with 16384 bits, has about 6
    /// KiB.
    public static let sizeLimit = 16 << 10
    /// What the signature must have been made for.
    public static let namespace = "era"

    static let subject = "the ssh signature"
    private static let magic = Array("SSHSIG".utf8)

    let keyBlob: [UInt8]
    let namespace: String
    let reserved: [UInt8]
    let hashName: String
    /// Of the type `signatureType`.
    let signature: [UInt8]
    let signatureType: String
    /// What follows the signature of a security key: flags and a counter.
    let tail: [UInt8]

    /// - Throws: ``SignatureError`` for anything but an armored signature of version 1.
    public init(_ bytes: [UInt8]) throws(SignatureError) {
        let lines = try SignatureText.lines(bytes, Self.subject, limit: Self.sizeLimit)
        var reader = WireReader(try SignatureText.armored(lines, "SSH SIGNATURE", Self.subject))
        guard reader.bytes(6) == Self.magic, let version = reader.uint32() else {
            throw Self.malformed("it does not begin with SSHSIG")
        }
        guard version == 1 else {
            throw .unsupported(
                subject: Self.subject,
                problem: "it has version \(version), known is 1",
                advice: "sign with ssh-keygen -Y sign -n era"
            )
        }
        guard let keyBlob = reader.string(), let namespace = reader.name(), let reserved = reader.string(),
            let hashName = reader.name(), let packed = reader.string(), reader.isAtEnd
        else { throw Self.malformed("it is cut off, or something follows it") }
        guard hashName == "sha256" || hashName == "sha512" else {
            throw .unsupported(
                subject: Self.subject,
                problem: "its hash is \(shown(hashName)), accepted are sha256 and sha512",
                advice: "sign with ssh-keygen -Y sign -n era"
            )
        }
        var inner = WireReader(packed)
        guard let signatureType = inner.name(), let signature = inner.string() else {
            throw Self.malformed("the signature in it is cut off")
        }
        var tail: [UInt8] = []
        if signatureType.hasPrefix("sk-") {
            guard let five = inner.bytes(5) else { throw Self.malformed("the signature in it is cut off") }
            tail = five
        }
        guard inner.isAtEnd else { throw Self.malformed("something follows the signature in it") }
        self.keyBlob = keyBlob
        self.namespace = namespace
        self.reserved = reserved
        self.hashName = hashName
        self.signature = signature
        self.signatureType = signatureType
        self.tail = tail
    }

    /// The key that the signature names must be one of these.
    func verify(
        _ artifact: ArtifactHashes,
        with keys: [TrustedKey]
    ) throws(SignatureError) -> SignatureVerdict {
        guard namespace.utf8.elementsEqual(Self.namespace.utf8) else {
            throw .wrongNamespace(found: namespace)
        }
        // Refuses certificates and unknown types with a text of their own.
        let signer = try PublicKey.ssh(blob: keyBlob, type: nil, "the key in the ssh signature")
        guard let trusted = keys.first(where: { $0.key.identity == keyBlob }) else {
            throw .unknownKey(
                subject: Self.subject,
                signer: signer.description,
                trusted: keys.map(\.description)
            )
        }
        let hash: [UInt8]? = hashName == "sha256" ? Array(artifact.sha256) : artifact.sha512.map { Array($0) }
        guard let hash else { throw .hashUnavailable }
        let message =
            Self.magic + WireReader.string(Self.namespace.utf8) + WireReader.string(reserved)
            + WireReader.string(hashName.utf8) + WireReader.string(hash)
        guard try isSigned(message, by: trusted.key) else {
            throw .wrongSignature(
                subject: Self.subject,
                key: trusted.description,
                advice: "the artifact is another one or was altered; do not use it"
            )
        }
        return SignatureVerdict(trusted)
    }

    private func isSigned(_ message: [UInt8], by key: PublicKey) throws(SignatureError) -> Bool {
        var reader = WireReader(key.identity)
        let keyType = reader.name().flatMap(SSHKeyType.init(rawValue:))
        switch (keyType, signatureType) {
        case (.rsa, "rsa-sha2-256"):
            return key.material.verifiesRSA(signature, over: SHA256.hash(data: message))
        case (.rsa, "rsa-sha2-512"):
            return key.material.verifiesRSA(signature, over: SHA512.hash(data: message))
        case (.rsa, "ssh-rsa"):
            throw .unsupported(
                subject: Self.subject,
                problem: "it is an RSA signature over SHA-1",
                advice: "sign with a newer ssh-keygen, or with an ssh-ed25519 key"
            )
        case (let type?, _) where type.rawValue == signatureType:
            guard type.isSecurityKey else { return isSigned(plain: message, by: key) }
            return try isSigned(withSecurityKey: message, by: key)
        default:
            throw Self.malformed("the key in it and the signature in it are of different types")
        }
    }

    private func isSigned(plain message: [UInt8], by key: PublicKey) -> Bool {
        switch key.material {
        case .ed25519: return key.material.verifiesEd25519(signature, over: message)
        case .rsa: return false
        case .ecdsa(let curve, _):
            guard let pair = Self.pair(signature, width: curve.width) else { return false }
            switch curve {
            case .p256: return key.material.verifiesECDSA(pair, .raw, over: SHA256.hash(data: message))
            case .p384: return key.material.verifiesECDSA(pair, .raw, over: SHA384.hash(data: message))
            case .p521: return key.material.verifiesECDSA(pair, .raw, over: SHA512.hash(data: message))
            }
        }
    }

    /// A security key signs the hash of what it is for, its flags and counter, and the hash of the
    /// message.
    ///
    /// Source: OpenSSH's PROTOCOL.u2f, "SSH U2F Signatures".
    private func isSigned(
        withSecurityKey message: [UInt8],
        by key: PublicKey
    ) throws(SignatureError) -> Bool {
        guard let application = key.application, let flags = tail.first else { return false }
        guard flags & 1 == 1 else {
            throw .unsupported(
                subject: Self.subject,
                problem: "nobody touched the security key",
                advice: "sign with a key that asks for a touch"
            )
        }
        let whole = Array(SHA256.hash(data: application)) + tail + Array(SHA256.hash(data: message))
        switch key.material {
        case .ed25519: return key.material.verifiesEd25519(signature, over: whole)
        case .ecdsa(let curve, _):
            guard let pair = Self.pair(signature, width: curve.width) else { return false }
            return key.material.verifiesECDSA(pair, .raw, over: SHA256.hash(data: whole))
        case .rsa: return false
        }
    }

    /// Two numbers, each with leading zeros. Source: RFC 5656, section 3.1.2.
    private static func pair(_ bytes: [UInt8], width: Int) -> [UInt8]? {
        var reader = WireReader(bytes)
        guard let r = reader.magnitude(), let s = reader.magnitude(), reader.isAtEnd, r.count <= width,
            s.count <= width
        else { return nil }
        let padded = { (number: [UInt8]) in [UInt8](repeating: 0, count: width - number.count) + number }
        return padded(r) + padded(s)
    }

    private static func malformed(_ problem: String) -> SignatureError {
        .malformed(
            subject: subject,
            problem: problem,
            advice: "give the .sig file as ssh-keygen -Y sign wrote it"
        )
    }
}
