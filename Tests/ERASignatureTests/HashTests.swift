import ERACore
import Testing

@testable import ERASignature

@Suite struct HashTests {
    // RFC 7693, appendix A; also: printf abc | b2sum
    @Test func `BLAKE2b of abc is what RFC 7693 says`() throws {
        var hash = try BLAKE2b512()
        for piece in ["a", "", "bc"] {
            Array(piece.utf8).withUnsafeBytes { hash.update($0) }
        }
        let expected =
            "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
            + "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"
        #expect(Digest(.sha512, bytes: hash.finalize()).hex == expected)
    }

    // Signature, keys of the same tool, what is needed of the artifact besides sha256.
    @Test(
        arguments: [
            (.minisign, "minisign/prehashed.minisig", ["minisign/first.pub"], .blake2b),
            (.minisign, "minisign/legacy.minisig", ["minisign/first.pub"], .content),
            (.ssh, "ssh/ed25519256.sig", ["ssh/ed25519256.pub"], .sha512),
            (.ssh, "ssh/sha256.sig", ["ssh/ed25519256.pub"], []),
            (.cosign, "cosign/prime256v1.sig", ["cosign/prime256v1.pub", "cosign/rsa.pub"], []),
            (.cosign, "cosign/secp384r1.sig", ["cosign/secp384r1.pub"], .sha384),
            (
                .cosign, "cosign/ed25519.sig", ["cosign/secp521r1.pub", "cosign/ed25519.pub"],
                [.sha512, .content]
            ),
        ] as [(SignatureSpec.Kind, String, [String], ArtifactHasher.Needs)]
    )
    func `an artifact is hashed with what one of the keys may have signed, and no more`(
        _ scheme: SignatureSpec.Kind,
        _ signature: String,
        _ keys: [String],
        _ needs: ArtifactHasher.Needs
    ) throws {
        let trusted = try keys.map { try Vector.key($0, scheme) }
        let parsed = try DetachedSignature(try Vector.bytes(signature), scheme: scheme)
        #expect(parsed.needs(for: trusted) == needs)
    }
}
