internal import Crypto
internal import ERACore

extension PublicKey {
    /// One line as in `id_ed25519.pub`: type, base64, comment.
    ///
    /// Source: RFC 4253, section 6.6; RFC 5656; RFC 8709; OpenSSH's PROTOCOL.u2f.
    static func ssh(_ lines: [String], _ subject: String) throws(SignatureError) -> PublicKey {
        let words = lines.first?.split(separator: " ", maxSplits: 2) ?? []
        guard lines.count == 1, words.count >= 2, let blob = Base64.decode(words[1]) else {
            throw .malformed(
                subject: subject,
                problem: "it is not one line with a type, base64 and a comment",
                advice: "give the line of the .pub file, such as: ssh-ed25519 AAAA… name"
            )
        }
        return try ssh(blob: blob, type: String(words[0]), subject)
    }

    /// - Parameter type: What the line says before the key; nil where there is no line.
    static func ssh(
        blob: [UInt8],
        type expected: String?,
        _ subject: String
    ) throws(SignatureError) -> PublicKey {
        var reader = WireReader(blob)
        guard let type = reader.name(), expected == nil || expected == type else {
            throw .malformed(
                subject: subject,
                problem: "its type and its base64 do not agree",
                advice: "give the line of the .pub file"
            )
        }
        guard !type.contains("-cert-") else {
            throw .unsupported(
                subject: subject,
                problem: "certificates are not accepted",
                advice: "sign with the plain key, and trust that"
            )
        }
        guard let kind = SSHKeyType(rawValue: type) else {
            throw .unsupported(
                subject: subject,
                problem: "the type \(shown(type)) is not accepted",
                advice: "take one of "
                    + SSHKeyType.allCases.map(\.rawValue).joined(separator: ", ")
            )
        }
        guard let material = kind.material(&reader) else { throw .unusable(subject) }
        let application = kind.isSecurityKey ? reader.string() : nil
        guard reader.isAtEnd, (application != nil) == kind.isSecurityKey, material.isUsable else {
            throw .unusable(subject)
        }
        return PublicKey(.ssh, sshFingerprint(blob), blob, material, application: application)
    }

    /// As `ssh-keygen -l` prints it.
    static func sshFingerprint(_ blob: [UInt8]) -> String {
        let base64 = Base64.encode(SHA256.hash(data: blob))
        return "SHA256:" + base64.prefix { $0 != "=" }
    }
}

/// The types of key that are accepted in signatures.
enum SSHKeyType: String, CaseIterable {
    case ed25519 = "ssh-ed25519"
    case p256 = "ecdsa-sha2-nistp256"
    case p384 = "ecdsa-sha2-nistp384"
    case p521 = "ecdsa-sha2-nistp521"
    case rsa = "ssh-rsa"
    case securityEd25519 = "sk-ssh-ed25519@openssh.com"
    case securityP256 = "sk-ecdsa-sha2-nistp256@openssh.com"

    var isSecurityKey: Bool { self == .securityEd25519 || self == .securityP256 }

    private var curve: KeyMaterial.Curve? {
        switch self {
        case .p256, .securityP256: .p256
        case .p384: .p384
        case .p521: .p521
        case .ed25519, .rsa, .securityEd25519: nil
        }
    }

    /// The numbers of the key, read after its type.
    func material(_ reader: inout WireReader) -> KeyMaterial? {
        if let curve {
            guard reader.name() == curve.rawValue, let point = reader.string(), point.first == 4 else {
                return nil
            }
            return .ecdsa(curve, point)
        }
        if self == .rsa {
            guard let exponent = reader.magnitude(), let modulus = reader.magnitude() else { return nil }
            return .rsa(modulus: modulus, exponent: exponent)
        }
        guard let key = reader.string(), key.count == 32 else { return nil }
        return .ed25519(key)
    }
}
