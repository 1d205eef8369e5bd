internal import Crypto
internal import ERACore
internal import FoundationEssentials
internal import _CryptoExtras

extension PublicKey {
    /// The PEM of `cosign.pub`: a SubjectPublicKeyInfo with an ECDSA, Ed25519 or RSA key.
    ///
    /// Source: RFC 7468, section 13; RFC 5480; RFC 8410.
    static func cosign(_ lines: [String], _ subject: String) throws(SignatureError) -> PublicKey {
        if lines.first == "-----BEGIN CERTIFICATE-----" {
            throw .unsupported(
                subject: subject,
                problem: "certificates are not accepted",
                advice: "give the public key: openssl x509 -pubkey -noout"
            )
        }
        let der = try SignatureText.armored(lines, "PUBLIC KEY", subject)
        guard let material = cosignMaterial(der) else { throw .unusable(subject) }
        return PublicKey(.cosign, "sha256:" + hex(SHA256.hash(data: der)), der, material)
    }

    /// What stands before the 32 bytes of an Ed25519 key. Source: RFC 8410, section 4.
    private static let ed25519Prefix: [UInt8] = [
        0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00,
    ]

    private static func cosignMaterial(_ der: [UInt8]) -> KeyMaterial? {
        if der.starts(with: ed25519Prefix), der.count == ed25519Prefix.count + 32 {
            let material = KeyMaterial.ed25519(Array(der.dropFirst(ed25519Prefix.count)))
            return material.isUsable ? material : nil
        }
        // Each type refuses the keys of the others.
        if let key = try? P256.Signing.PublicKey(derRepresentation: der) {
            return .ecdsa(.p256, [UInt8](key.x963Representation))
        }
        // As above: a key of another curve.
        if let key = try? P384.Signing.PublicKey(derRepresentation: der) {
            return .ecdsa(.p384, [UInt8](key.x963Representation))
        }
        // As above: a key of another curve.
        if let key = try? P521.Signing.PublicKey(derRepresentation: der) {
            return .ecdsa(.p521, [UInt8](key.x963Representation))
        }
        do {
            let numbers = try _RSA.Signing.PublicKey(derRepresentation: der).getKeyPrimitives()
            let material = KeyMaterial.rsa(
                modulus: Array(numbers.modulus.drop { $0 == 0 }),
                exponent: Array(numbers.publicExponent.drop { $0 == 0 })
            )
            return material.isUsable ? material : nil
        } catch { return nil }
    }
}

/// Lower-case hexadecimal digits.
func hex(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
}
