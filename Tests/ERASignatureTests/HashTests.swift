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
}
