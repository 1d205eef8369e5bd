import Crypto
import ERACore
import Foundation
import Testing

@testable import ERASignature

@Suite struct CosignTests {
    private func artifact() throws -> [UInt8] { try Vector.bytes("artifact") }

    private func refused(_ signature: [UInt8], by key: String = "prime256v1") throws -> Refusal? {
        let trusted = try Vector.key("cosign/\(key).pub", .cosign)
        return try refusal { try verdict(signature, on: try artifact(), .cosign, trusted) }
    }

    @Test(
        arguments: [
            ("prime256v1", "prime256v1"), ("prime256v1", "prime256v1.long"), ("secp384r1", "secp384r1"),
            ("secp384r1", "secp384r1.long"), ("secp521r1", "secp521r1"), ("secp521r1", "secp521r1.long"),
            ("rsa", "rsa"), ("ed25519", "ed25519"),
        ]
    )
    func `each kind of key is verified, over either hash`(_ key: String, _ name: String) throws {
        let trusted = try Vector.key("cosign/\(key).pub", .cosign)
        let signature = try Vector.bytes("cosign/\(name).sig")
        let verdict = try verdict(signature, on: try artifact(), .cosign, trusted)
        #expect(verdict.fingerprint + "\n" == "sha256:" + (try Vector.text("cosign/\(key).fingerprint")))
        // As bytes, and with an end of line.
        let raw = [UInt8](try #require(Data(base64Encoded: String(decoding: signature, as: UTF8.self))))
        #expect(try refused(raw, by: key) == nil)
        #expect(try refused(signature + [10], by: key) == nil)
        for other in ["prime256v1", "secp384r1", "secp521r1", "rsa", "ed25519"] where other != key {
            #expect(try refused(signature, by: other) == .wrongSignature)
        }
        for bad in [Array(signature.dropLast(4)), signature + Array("AAAA".utf8), [65], [0xFF, 1, 2]] {
            #expect(try refused(bad, by: key) != nil)
        }
    }

    @Test func `a signature is one line, and not long`() throws {
        let signature = try Vector.bytes("cosign/prime256v1.sig")
        #expect(try refused(signature + [10] + signature) == .malformed)
        #expect(try refused([]) == .malformed)
        #expect(try refused([UInt8](repeating: 65, count: CosignSignature.sizeLimit + 1)) == .tooLarge)
        let large = Array("{".utf8) + [UInt8](repeating: 32, count: CosignBundle.sizeLimit)
        #expect(try refused(large) == .tooLarge)
    }

    // MARK: Bundles

    private func bundle(_ name: String, _ change: (String) -> String = { $0 }) throws -> [UInt8] {
        Array(change(try Vector.text("cosign/\(name).sigstore.json")).utf8)
    }

    @Test(arguments: ["message", "envelope", "provenance"])
    func `bundles of a message and of a statement are verified`(_ name: String) throws {
        #expect(try refused(try bundle(name)) == nil)
        #expect(try refused(try bundle(name), by: "secp384r1") == .wrongSignature)
        for version in ["0.1", "0.2", "0.3"] {
            let older = try bundle(name) {
                $0.replacing(".bundle.v0.3+json", with: ".bundle+json;version=\(version)")
            }
            #expect(try refused(older) == nil)
        }
    }

    @Test func `a statement that the artifact is bad, or about another one, is refused`() throws {
        #expect(try refused(try bundle("vulnerable")) == .unsupported)
        #expect(try refused(try bundle("elsewhere")) == .otherArtifact)
    }

    @Test func `what is altered in a bundle is refused`() throws {
        let rows: [(String, String, (String) -> String, Refusal)] = [
            ("another type", "message", { $0.replacing("v0.3+json", with: "v0.9+json") }, .unsupported),
            (
                "a certificate", "message",
                { $0.replacing(#""publicKey":{"hint""#, with: #""certificate":{"rawBytes""#) }, .unsupported
            ),
            (
                "nothing that verifies", "message", { $0.replacing("verificationMaterial", with: "x") },
                .unsupported
            ),
            ("another hash", "message", { $0.replacing("SHA2_256", with: "SHA1") }, .unsupported),
            ("another length", "message", { $0.replacing("SHA2_256", with: "SHA2_512") }, .otherArtifact),
            (
                "another digest", "message", { $0.replacing(#"digest":""#, with: #"digest":"AAAA"#) },
                .otherArtifact
            ),
            ("no content", "message", { $0.replacing("messageSignature", with: "x") }, .malformed),
            ("no signature", "message", { $0.replacing(#""signature":""#, with: #""x":""#) }, .malformed),
            (
                "a signature that is a number", "message",
                { $0.replacing(#"signature":""#, with: #"signature":1,"x":""#) }, .malformed
            ),
            ("trailing data", "message", { $0 + "{}" }, .malformed),
            ("cut off", "message", { String($0.dropLast(3)) }, .malformed),
            (
                "a member twice", "message",
                { $0.replacing(#"{"mediaType""#, with: #"{"mediaType":"x","mediaType""#) }, .malformed
            ),
            (
                "both contents", "message",
                { $0.replacing(#","messageSignature""#, with: #","dsseEnvelope":{},"messageSignature""#) },
                .malformed
            ),
            (
                "another payload type", "envelope", { $0.replacing("vnd.in-toto+json", with: "json") },
                .unsupported
            ),
            (
                "another payload", "envelope", { $0.replacing(#""payload":"ey"#, with: #""payload":"ez"#) },
                .wrongSignature
            ),
            (
                "a payload that is not base64", "envelope",
                { $0.replacing(#""payload":"ey"#, with: #""payload":"*y"#) }, .malformed
            ),
            (
                "no signatures", "envelope", { $0.replacing(#"[{"sig""#, with: #"[],"x":[{"sig""#) },
                .malformed
            ),
        ]
        for (name, vector, change, expected) in rows {
            let altered = try bundle(vector, change)
            #expect(altered != (try bundle(vector)), "\(name) alters nothing")
            #expect(try refused(altered) == expected, "\(name)")
        }
    }

    @Test func `one of several signatures of an envelope suffices, of a bounded number`() throws {
        let strange = #"{"sig":"MEUCIQDfuUkSDjCeMaT3ZZzuArpjjIIy5nJ1d"},"#.replacing("d\"", with: "dQ==\"")
        for (count, expected) in [(1, nil), (15, nil), (16, .malformed)] as [(Int, Refusal?)] {
            let more = String(repeating: strange, count: count)
            let several = try bundle("envelope") { $0.replacing(#"[{"sig""#, with: "[" + more + #"{"sig""#) }
            #expect(try refused(several) == expected, "\(count)")
        }
    }

    @Test func `a bundle of more members than the limit is refused`() throws {
        let members = (0...SignedJSON.nodeLimit).map { "\"\($0)\":0" }.joined(separator: ",")
        let large = try bundle("message") {
            $0.replacing(#"{"mediaType""#, with: "{\(members)," + #""mediaType""#)
        }
        #expect(try refused(large) == .malformed)
    }

    // MARK: Images

    private let image = "sha256:" + String(repeating: "0", count: 63) + "7"

    private func onImage(_ payload: [UInt8], _ signature: String, _ image: String, _ key: String) throws
        -> Refusal?
    {
        let trusted = try Vector.key("cosign/\(key).pub", .cosign)
        let digest = try ERACore.Digest(image)
        return try refusal {
            try CosignImage.verify(payload: payload, signature: signature, image: digest, with: [trusted])
        }
    }

    @Test func `the payload of an image is verified, with its version`() throws {
        let payload = try Vector.bytes("cosign/payload.json")
        let signature = try Vector.text("cosign/payload.sig")
        let trusted = try Vector.key("cosign/prime256v1.pub", .cosign)
        let verdict = try CosignImage.verify(
            payload: payload,
            signature: signature,
            image: try ERACore.Digest(image),
            with: [try Vector.key("ssh/ed25519256.pub", .ssh), trusted]
        )
        #expect(verdict.signedVersion?.description == "2.1.0")
        #expect(verdict.statement == .image(reference: "registry.example.org/team/app"))
        #expect(
            CosignImage.signatureTag(for: try ERACore.Digest(image))
                == "sha256-" + String(repeating: "0", count: 63) + "7.sig"
        )
    }

    @Test func `the payload of another image, by another key or altered is refused`() throws {
        let payload = try Vector.bytes("cosign/payload.json")
        let signature = try Vector.text("cosign/payload.sig")
        let other = image.dropLast() + "8"
        #expect(try onImage(payload, signature, String(other), "prime256v1") == .otherArtifact)
        #expect(try onImage(payload, signature, image, "secp384r1") == .wrongSignature)
        #expect(try onImage(payload + [32], signature, image, "prime256v1") == .wrongSignature)
        #expect(try onImage(payload, "", image, "prime256v1") == .malformed)
        #expect(try onImage(payload, "AAAA", image, "prime256v1") == .wrongSignature)
        #expect(try onImage([], signature, image, "prime256v1") == .malformed)
        let large = [UInt8](repeating: 32, count: CosignImage.payloadLimit + 1)
        #expect(try onImage(large, signature, image, "prime256v1") == .tooLarge)
        #expect(throws: SignatureError.noKey(subject: "the cosign signature of the image")) {
            try CosignImage.verify(
                payload: payload,
                signature: signature,
                image: try ERACore.Digest(image),
                with: [try Vector.key("ssh/ed25519256.pub", .ssh)]
            )
        }
    }

    @Test func `a bundle about the image is verified, and one that signs a file is none`() throws {
        let trusted = [try Vector.key("cosign/prime256v1.pub", .cosign)]
        let digest = ERACore.Digest(.sha256, bytes: SHA256.hash(data: try artifact()))
        _ = try CosignImage.verify(bundle: try bundle("envelope"), image: digest, with: trusted)
        for name in ["message", "elsewhere", "vulnerable"] {
            #expect(throws: SignatureError.self) {
                try CosignImage.verify(bundle: try bundle(name), image: digest, with: trusted)
            }
        }
    }
}
