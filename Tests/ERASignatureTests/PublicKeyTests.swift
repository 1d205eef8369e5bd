import Crypto
import ERACore
import Foundation
import Testing

@testable import ERASignature

@Suite struct PublicKeyTests {
    private func refused(_ text: String, _ scheme: SignatureSpec.Kind) -> Refusal? {
        do throws(SignatureError) {
            _ = try PublicKey(text, scheme: scheme)
            return nil
        } catch { return Refusal(error) }
    }

    @Test func `a private key is refused, and not repeated`() throws {
        let pem = P256.Signing.PrivateKey().pemRepresentation
        let rows: [(String, SignatureSpec.Kind)] = [
            (pem, .cosign), ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1r\n", .ssh),
            ("untrusted comment: minisign encrypted secret key\nRWRTY0Iy\n", .minisign),
            ("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nb3BlbnNzaC1r\n", .cosign),
        ]
        for (text, scheme) in rows {
            let error = #expect(throws: SignatureError.self) { try PublicKey(text, scheme: scheme) }
            #expect(error?.description.contains("private key") == true)
            let secret = text.split(separator: "\n").dropFirst().joined()
            #expect(error?.description.contains(secret.prefix(12)) == false)
        }
    }

    @Test func `a key of another tool, or of none, is refused`() throws {
        let keys: [(String, SignatureSpec.Kind)] = [
            (try Vector.text("minisign/first.pub"), .minisign), (try Vector.text("ssh/ed25519256.pub"), .ssh),
            (try Vector.text("cosign/prime256v1.pub"), .cosign),
        ]
        for (text, own) in keys {
            for scheme in SignatureSpec.Kind.allCases {
                #expect((refused(text, scheme) == nil) == (scheme == own), "\(own) as \(scheme)")
            }
            #expect(refused(text + text, own) != nil, "two keys are not one")
            #expect(refused(String(text.prefix(text.utf8.count / 3)), own) != nil)
            #expect(refused("\n" + text + "\n\n", own) == nil, "a block of text in YAML ends in lines")
        }
        for scheme in SignatureSpec.Kind.allCases {
            for text in ["", "\n", "x", "\u{0}", String(repeating: "A", count: PublicKey.textLimit)] {
                #expect(refused(text, scheme) == .malformed, "\(scheme)")
            }
            let long = String(repeating: "A", count: PublicKey.textLimit + 1)
            #expect(refused(long, scheme) == .tooLarge)
        }
    }

    @Test func `a short RSA key, a certificate and a point off its curve are refused`() throws {
        #expect(refused(try Vector.text("cosign/short.pub"), .cosign) == .malformed)
        #expect(
            refused("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", .cosign) == .unsupported
        )
        #expect(refused(try Vector.text("ssh/certificate.pub"), .ssh) == .unsupported)
        var point = [UInt8](P256.Signing.PrivateKey().publicKey.x963Representation)
        point[64] ^= 1
        let name = "ecdsa-sha2-nistp256"
        let blob =
            WireReader.string(name.utf8) + WireReader.string("nistp256".utf8) + WireReader.string(point)
        #expect(refused("\(name) \(Data(blob).base64EncodedString())", .ssh) == .malformed)
        let dsa = WireReader.string("ssh-dss".utf8)
        #expect(refused("ssh-dss \(Data(dsa).base64EncodedString())", .ssh) == .unsupported)
        // The type before the key and the one in it.
        let line = try Vector.text("ssh/ed25519256.pub").replacing("ssh-ed25519 ", with: "ssh-rsa ")
        #expect(refused(line, .ssh) == .malformed)
    }
}
