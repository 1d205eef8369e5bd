import ERACore
import Foundation
import Testing

@testable import ERASignature

@Suite struct MinisignTests {
    private static let artifact = "artifact"

    private func lines(_ name: String) throws -> [String] {
        try Vector.text("minisign/\(name).minisig").split(separator: "\n").map(String.init)
    }

    private func bytes(_ lines: [String]) -> [UInt8] { Array((lines.joined(separator: "\n") + "\n").utf8) }

    private func refused(_ signature: [UInt8], on content: [UInt8]? = nil) throws -> Refusal? {
        let content = try content ?? Vector.bytes(Self.artifact)
        let first = try Vector.key("minisign/first.pub", .minisign)
        return try refusal { try verdict(signature, on: content, .minisign, first) }
    }

    /// The packed line of a signature, changed: algorithm in 2 bytes, key ID in 8, signature in 64.
    private func repacked(_ name: String, _ change: (inout [UInt8]) -> Void) throws -> [UInt8] {
        var lines = try lines(name)
        var packed = [UInt8](try #require(Data(base64Encoded: lines[1])))
        change(&packed)
        lines[1] = Data(packed).base64EncodedString()
        return bytes(lines)
    }

    @Test(arguments: ["prehashed", "legacy"])
    func `both forms are verified, with the version that was signed`(_ name: String) throws {
        let (first, second) = (
            try Vector.key("minisign/first.pub", .minisign), try Vector.key("minisign/second.pub", .minisign)
        )
        let signature = try Vector.bytes("minisign/\(name).minisig")
        let verdict = try verdict(signature, on: try Vector.bytes(Self.artifact), .minisign, second, first)
        #expect(verdict.keyName == "minisign/first.pub")
        #expect(verdict.signedVersion?.description == "1.2.0")
        // minisign writes the key ID into the comment of the key.
        #expect(try Vector.text("minisign/first.pub").contains(verdict.fingerprint))
        // The key without its comment is the same key.
        let line = try Vector.text("minisign/first.pub").split(separator: "\n")[1]
        #expect(try PublicKey(String(line), scheme: .minisign) == first.key)
    }

    /// One of sixteen begins with a zero, which minisign leaves out.
    @Test func `the ID of a key is what minisign writes into its comment, whatever it begins with`() throws {
        let text = """
            untrusted comment: minisign public key 8C446E0253945CD
            RWTNRTkl4EbECELB8/AXlxogdsgei3g1lrbzS2s32Is6YCu/D0Kygof6
            """
        #expect(try PublicKey(text, scheme: .minisign).fingerprint == "8C446E0253945CD")
    }

    @Test func `a comment without a version says none`() throws {
        let first = try Vector.key("minisign/first.pub", .minisign)
        let signature = try Vector.bytes("minisign/silent.minisig")
        let verdict = try verdict(signature, on: try Vector.bytes(Self.artifact), .minisign, first)
        #expect(verdict.signedVersion == nil)
    }

    @Test func `the signature of another file is refused`() throws {
        #expect(try refused(try Vector.bytes("minisign/other.minisig")) == .wrongSignature)
    }

    @Test func `an unknown key is named, and one that borrows its ID is refused`() throws {
        #expect(try refused(try Vector.bytes("minisign/stranger.minisig")) == .unknownKey)
        let id = try [UInt8](#require(Data(base64Encoded: lines("prehashed")[1])))[2..<10]
        let borrowed = try repacked("stranger") { $0.replaceSubrange(2..<10, with: id) }
        #expect(try refused(borrowed) == .wrongSignature)
        #expect(try refused(repacked("prehashed") { $0[2] ^= 1 }) == .unknownKey)
    }

    @Test func `the trusted comment of another signature by the same key is refused`() throws {
        var lines = try lines("prehashed")
        let other = try self.lines("other")
        lines[2] = other[2]
        #expect(try refused(bytes(lines)) == .wrongSignature)
        // With its own signature, too: that one is over the other artifact's signature.
        lines[3] = other[3]
        #expect(try refused(bytes(lines)) == .wrongSignature)
        // And the same comment under another one's global signature.
        lines[2] = try self.lines("prehashed")[2]
        #expect(try refused(bytes(lines)) == .wrongSignature)
    }

    @Test func `neither form passes for the other`() throws {
        #expect(try refused(repacked("prehashed") { $0[1] = UInt8(ascii: "d") }) == .wrongSignature)
        #expect(try refused(repacked("legacy") { $0[1] = UInt8(ascii: "D") }) == .wrongSignature)
        #expect(try refused(repacked("legacy") { $0[1] = UInt8(ascii: "x") }) == .malformed)
    }

    @Test func `a file of 64 bytes has no legacy signature, because it could be the hash of another`() throws
    {
        let sixtyFour = [UInt8](repeating: UInt8(ascii: "0"), count: 64)
        #expect(try refused(try Vector.bytes("minisign/sixtyfour.minisig"), on: sixtyFour) == .unsupported)
        // The attack: what was signed as a hash, given as the artifact itself.
        var hash = try BLAKE2b512()
        try Vector.bytes(Self.artifact).withUnsafeBytes { hash.update($0) }
        let relabelled = try repacked("prehashed") { $0[1] = UInt8(ascii: "d") }
        #expect(try refused(relabelled, on: hash.finalize()) == .unsupported)
    }

    @Test func `only the four lines of minisign are read`() throws {
        let good = try lines("prehashed")
        let rows: [[String]] = [
            [], [good[0]], Array(good[..<3]), good + ["more"], good + [""],
            [good[1], good[1], good[2], good[3]],
            [good[0], good[1], good[1], good[3]], [good[0], good[1] + "AAAA", good[2], good[3]],
            [good[0], String(good[1].dropLast(4)), good[2], good[3]],
            [good[0], good[1], good[2], String(good[3].dropLast(4))],
            [good[0], " " + good[1], good[2], good[3]], [good[0], good[1], good[2] + "\u{1}", good[3]],
        ]
        for row in rows {
            #expect(try refused(bytes(row)) == .malformed, "\(row)")
        }
        #expect(try refused([]) == .malformed)
        #expect(try refused(bytes(good).dropLast()) == nil, "an end of line more or less says nothing")
        let windows = Array(good.joined(separator: "\r\n").utf8)
        #expect(try refused(windows) == nil)
        #expect(try refused([0xFF, 0xFE, 10, 10, 10, 10]) == .malformed)
        #expect(try refused([UInt8](repeating: 65, count: MinisignSignature.sizeLimit + 1)) == .tooLarge)
    }

    @Test func `the untrusted comment is nobody's word, and says nothing`() throws {
        var lines = try lines("prehashed")
        lines[0] = "untrusted comment: version:9.9.9"
        let first = try Vector.key("minisign/first.pub", .minisign)
        let verdict = try verdict(bytes(lines), on: try Vector.bytes(Self.artifact), .minisign, first)
        #expect(verdict.signedVersion?.description == "1.2.0")
    }

    @Test func `a legacy signature is over bytes in memory, of which there is a limit`() throws {
        #expect(ArtifactHasher.wholeContentLimit == 64 << 20)
        var hasher = try ArtifactHasher(.content, contentLimit: 10)
        try hasher.update([UInt8](repeating: 0, count: 6))
        try hasher.update([UInt8](repeating: 0, count: 4))
        var isRefused = false
        do throws(SignatureError) { try hasher.update([0]) } catch {
            isRefused = Refusal(error) == .unsupported
        }
        #expect(isRefused)
        _ = hasher.finalize()
    }
}
