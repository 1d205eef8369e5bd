internal import ERACore

extension PublicKey {
    /// A comment and a line of base64, or that line alone: `Ed`, the key ID in 8 bytes, the key in 32.
    ///
    /// Source: https://jedisct1.github.io/minisign/, "Public key format".
    static func minisign(_ lines: [String], _ subject: String) throws(SignatureError) -> PublicKey {
        var lines = lines[...]
        if let first = lines.first, SignatureText.rest(of: first, after: "untrusted comment:") != nil {
            lines = lines.dropFirst()
        }
        guard lines.count == 1, let line = lines.first, let bytes = Base64.decode(line), bytes.count == 42,
            bytes.starts(with: Array("Ed".utf8))
        else {
            throw .malformed(
                subject: subject,
                problem: "it is not 56 characters of base64 that begin with RW",
                advice: "give the second line of minisign.pub"
            )
        }
        let identity = Array(bytes[2..<10])
        let material = KeyMaterial.ed25519(Array(bytes[10...]))
        guard material.isUsable else { throw .unusable(subject) }
        return PublicKey(.minisign, minisignID(identity), identity, material)
    }

    /// The key ID as minisign prints it: a number whose lowest byte comes first, without leading zeros.
    static func minisignID(_ bytes: [UInt8]) -> String {
        let digits = hex(bytes.reversed()).uppercased().drop { $0 == "0" }
        return digits.isEmpty ? "0" : String(digits)
    }
}

extension SignatureError {
    static func unusable(_ subject: String) -> SignatureError {
        .malformed(
            subject: subject,
            problem: "the numbers in it are no key (RSA needs 2048 to 16384 bits)",
            advice: "export it again, or make a new pair"
        )
    }
}
