internal import Crypto
internal import FoundationEssentials
internal import _CryptoExtras

/// The key itself, whichever tool wrote it, and what verifies with it. The mathematics is swift-crypto's.
enum KeyMaterial: Hashable, Sendable {
    /// The curves of NIST that all of the tools know.
    enum Curve: String, Hashable, Sendable, CaseIterable {
        case p256 = "nistp256"
        case p384 = "nistp384"
        case p521 = "nistp521"

        /// How many bytes a coordinate has.
        var width: Int {
            switch self {
            case .p256: 32
            case .p384: 48
            case .p521: 66
            }
        }
    }

    /// How the two numbers of an ECDSA signature are written.
    enum ECDSAForm {
        /// ASN.1, as X9.62 has it.
        case der
        /// Both with leading zeros, one after the other.
        case raw
    }

    /// 32 bytes.
    case ed25519([UInt8])
    /// The point, uncompressed (X9.63).
    case ecdsa(Curve, [UInt8])
    /// The modulus and the public exponent, without leading zeros.
    case rsa(modulus: [UInt8], exponent: [UInt8])

    /// The bounds of an RSA modulus in bits. Source: NIST SP 800-131A (the lower), OpenSSH (the upper).
    static let rsaBitLimits = 2048...16384

    /// Whether the key can be used at all: on the curve, of a size that is safe.
    var isUsable: Bool {
        do {
            switch self {
            case .ed25519(let bytes): _ = try Curve25519.Signing.PublicKey(rawRepresentation: bytes)
            case .ecdsa(.p256, let point): _ = try P256.Signing.PublicKey(x963Representation: point)
            case .ecdsa(.p384, let point): _ = try P384.Signing.PublicKey(x963Representation: point)
            case .ecdsa(.p521, let point): _ = try P521.Signing.PublicKey(x963Representation: point)
            case .rsa(let modulus, let exponent):
                let bits = modulus.count * 8 - (modulus.first?.leadingZeroBitCount ?? 0)
                guard Self.rsaBitLimits.contains(bits) else { return false }
                _ = try _RSA.Signing.PublicKey(n: modulus, e: exponent)
            }
            return true
        } catch { return false }
    }

    /// Whether an Ed25519 key signed these bytes; false for any other key.
    func verifiesEd25519(_ signature: [UInt8], over message: [UInt8]) -> Bool {
        guard case .ed25519(let bytes) = self, signature.count == 64 else { return false }
        do {
            let key = try Curve25519.Signing.PublicKey(rawRepresentation: bytes)
            return key.isValidSignature(signature, for: message)
        } catch { return false }
    }

    /// Whether an ECDSA key signed this hash; false for any other key.
    func verifiesECDSA(
        _ signature: [UInt8],
        _ form: ECDSAForm,
        over digest: some Crypto.Digest
    ) -> Bool {
        guard case .ecdsa(let curve, let point) = self else { return false }
        do {
            switch curve {
            case .p256:
                let pair: P256.Signing.ECDSASignature = try Self.pair(signature, form)
                return try P256.Signing.PublicKey(x963Representation: point).isValidSignature(
                    pair,
                    for: digest
                )
            case .p384:
                let pair: P384.Signing.ECDSASignature = try Self.pair(signature, form)
                return try P384.Signing.PublicKey(x963Representation: point).isValidSignature(
                    pair,
                    for: digest
                )
            case .p521:
                let pair: P521.Signing.ECDSASignature = try Self.pair(signature, form)
                return try P521.Signing.PublicKey(x963Representation: point).isValidSignature(
                    pair,
                    for: digest
                )
            }
        } catch { return false }
    }

    private static func pair<Pair: ECDSAPair>(_ bytes: [UInt8], _ form: ECDSAForm) throws -> Pair {
        switch form {
        case .der: try Pair(derRepresentation: bytes)
        case .raw: try Pair(rawRepresentation: bytes)
        }
    }

    /// Whether an RSA key signed this hash, with the padding of PKCS #1 version 1.5; false for any
    /// other key.
    func verifiesRSA(_ signature: [UInt8], over digest: some Crypto.Digest) -> Bool {
        guard case .rsa(let modulus, let exponent) = self else { return false }
        do {
            let key = try _RSA.Signing.PublicKey(n: modulus, e: exponent)
            let number = _RSA.Signing.RSASignature(rawRepresentation: signature)
            return key.isValidSignature(number, for: digest, padding: .insecurePKCS1v1_5)
        } catch { return false }
    }
}

/// What the signatures of the three curves have in common.
private protocol ECDSAPair {
    init<Bytes: DataProtocol>(derRepresentation bytes: Bytes) throws
    init<Bytes: DataProtocol>(rawRepresentation bytes: Bytes) throws
}

extension P256.Signing.ECDSASignature: ECDSAPair {}
extension P384.Signing.ECDSASignature: ECDSAPair {}
extension P521.Signing.ECDSASignature: ECDSAPair {}
