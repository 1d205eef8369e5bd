import Crypto
import ERACore
import Foundation
import Testing

@testable import ERASignature

@Suite struct SSHTests {
    static let types = ["ed25519256", "ecdsa256", "ecdsa384", "ecdsa521", "rsa2048"]

    private func artifact() throws -> [UInt8] { try Vector.bytes("artifact") }

    private func refused(_ signature: [UInt8], by key: String = "ed25519256") throws -> Refusal? {
        let trusted = try Vector.key("ssh/\(key).pub", .ssh)
        return try refusal { try verdict(signature, on: try artifact(), .ssh, trusted) }
    }

    @Test(arguments: types)
    func `each type of key is verified, and shown as ssh-keygen shows it`(_ type: String) throws {
        let keys = try Self.types.map { try Vector.key("ssh/\($0).pub", .ssh) }
        let signature = try Vector.bytes("ssh/\(type).sig")
        let verdict = try verdict(
            signature,
            on: try artifact(),
            .ssh,
            keys[4],
            keys[3],
            keys[2],
            keys[1],
            keys[0]
        )
        #expect(verdict.keyName == "ssh/\(type).pub")
        #expect(verdict.fingerprint + "\n" == (try Vector.text("ssh/\(type).fingerprint")))
        let others = Self.types.filter { $0 != type }
        for other in others { #expect(try refused(signature, by: other) == .unknownKey) }
    }

    @Test func `the message may be hashed with sha256`() throws {
        #expect(try refused(try Vector.bytes("ssh/sha256.sig")) == nil)
    }

    @Test func `another file, another namespace and a certificate are refused`() throws {
        #expect(try refused(try Vector.bytes("ssh/other.sig")) == .wrongSignature)
        #expect(try refused(try Vector.bytes("ssh/namespace.sig")) == .wrongNamespace)
        #expect(try refused(try Vector.bytes("ssh/certificate.sig")) == .unsupported)
        #expect(throws: SignatureError.self) { try Vector.key("ssh/certificate.pub", .ssh) }
    }

    // MARK: What no tool makes

    /// The parts of a signature, which this puts together as PROTOCOL.sshsig says.
    private struct Parts {
        var magic = Array("SSHSIG".utf8)
        var version: [UInt8] = [0, 0, 0, 1]
        var key: [UInt8]
        var namespace = "era"
        var reserved: [UInt8] = []
        var hash = "sha512"
        var type: String
        var signature: [UInt8]
        var tail: [UInt8] = []
        var end: [UInt8] = []

        /// Of a plain key, signed anew over what is in the parts.
        init(
            signing content: [UInt8],
            with key: Curve25519.Signing.PrivateKey,
            _ change: (inout Parts) -> Void
        ) throws {
            self.key =
                WireReader.string("ssh-ed25519".utf8) + WireReader.string(key.publicKey.rawRepresentation)
            type = "ssh-ed25519"
            signature = []
            change(&self)
            signature = [UInt8](try key.signature(for: message(content)))
        }

        init(key: [UInt8], type: String) {
            self.key = key
            self.type = type
            signature = []
        }

        func message(_ content: [UInt8]) -> [UInt8] {
            let digest =
                hash == "sha256" ? Array(SHA256.hash(data: content)) : Array(SHA512.hash(data: content))
            return magic + WireReader.string(namespace.utf8) + WireReader.string(reserved)
                + WireReader.string(hash.utf8) + WireReader.string(digest)
        }

        var armored: [UInt8] {
            let inner = WireReader.string(type.utf8) + WireReader.string(signature) + tail
            let blob =
                magic + version + WireReader.string(key) + WireReader.string(namespace.utf8)
                + WireReader.string(reserved) + WireReader.string(hash.utf8) + WireReader.string(inner) + end
            let text = Data(blob).base64EncodedString(options: [
                .lineLength76Characters, .endLineWithLineFeed,
            ])
            return Array("-----BEGIN SSH SIGNATURE-----\n\(text)\n-----END SSH SIGNATURE-----\n".utf8)
        }

        var trusted: TrustedKey {
            get throws { TrustedKey(key: try PublicKey.ssh(blob: key, type: nil, "the key")) }
        }
    }

    @Test func `each part of a signature is held to what it must be`() throws {
        let key = Curve25519.Signing.PrivateKey()
        let content = try artifact()
        let rows: [(String, (inout Parts) -> Void, Refusal?)] = [
            ("the control", { _ in }, nil), ("what is reserved is signed", { $0.reserved = [1, 2] }, nil),
            ("another magic", { $0.magic = Array("SSHSIH".utf8) }, .malformed),
            ("version 2", { $0.version[3] = 2 }, .unsupported),
            ("no namespace", { $0.namespace = "" }, .wrongNamespace),
            ("a longer namespace", { $0.namespace = "era2" }, .wrongNamespace),
            ("a namespace in capitals", { $0.namespace = "ERA" }, .wrongNamespace),
            ("a namespace with a NUL", { $0.namespace = "era\0" }, .wrongNamespace),
            ("sha1", { $0.hash = "sha1" }, .unsupported), ("trailing data", { $0.end = [0] }, .malformed),
            ("trailing data inside", { $0.tail = [0] }, .malformed),
            ("another type of signature", { $0.type = "ecdsa-sha2-nistp256" }, .malformed),
            ("an unknown type of signature", { $0.type = "ssh-dss" }, .malformed),
        ]
        for (name, change, expected) in rows {
            let parts = try Parts(signing: content, with: key, change)
            let trusted = TrustedKey(key: try PublicKey.ssh(blob: parts.key, type: nil, "the key"))
            #expect(
                try refusal { try verdict(parts.armored, on: content, .ssh, trusted) } == expected,
                "\(name)"
            )
        }
    }

    @Test func `a signature that was made in SHA-1 is refused`() throws {
        let reader = try PublicKey(try Vector.text("ssh/rsa2048.pub"), scheme: .ssh)
        var parts = Parts(key: reader.identity, type: "ssh-rsa")
        parts.signature = [UInt8](repeating: 1, count: 256)
        let trusted = TrustedKey(key: reader)
        #expect(try refusal { try verdict(parts.armored, on: try artifact(), .ssh, trusted) } == .unsupported)
    }

    @Test(arguments: [true, false])
    func `a security key that somebody touched is verified`(_ isEd25519: Bool) throws {
        let content = try artifact()
        let (signer, point) = (Curve25519.Signing.PrivateKey(), P256.Signing.PrivateKey())
        let type = isEd25519 ? "sk-ssh-ed25519@openssh.com" : "sk-ecdsa-sha2-nistp256@openssh.com"
        let application = Array("ssh:".utf8)
        let numbers =
            isEd25519
            ? WireReader.string(signer.publicKey.rawRepresentation)
            : WireReader.string("nistp256".utf8) + WireReader.string(point.publicKey.x963Representation)
        let blob = WireReader.string(type.utf8) + numbers + WireReader.string(application)
        for (flags, expected) in [(UInt8(1), nil), (5, nil), (0, .unsupported), (4, .unsupported)]
            as [(UInt8, Refusal?)]
        {
            var parts = Parts(key: blob, type: type)
            parts.tail = [flags, 0, 0, 0, 7]
            // Source: OpenSSH's PROTOCOL.u2f, "SSH U2F Signatures".
            let signed =
                Array(SHA256.hash(data: application)) + parts.tail
                + Array(SHA256.hash(data: parts.message(content)))
            parts.signature = try isEd25519 ? [UInt8](signer.signature(for: signed)) : pair(point, signed)
            let trusted = try parts.trusted
            #expect(
                try refusal { try verdict(parts.armored, on: content, .ssh, trusted) } == expected,
                "\(flags)"
            )
            // The counter and the flags are signed.
            parts.tail[4] = 8
            #expect(try refusal { try verdict(parts.armored, on: content, .ssh, trusted) } != nil)
            parts.tail = [1, 0, 0, 0]
            #expect(try refusal { try verdict(parts.armored, on: content, .ssh, trusted) } == .malformed)
        }
    }

    /// Two `mpint`s, as PROTOCOL.u2f has it for ECDSA.
    private func pair(_ key: P256.Signing.PrivateKey, _ message: [UInt8]) throws -> [UInt8] {
        let raw = [UInt8](try key.signature(for: message).rawRepresentation)
        return [raw[..<32], raw[32...]].reduce(into: []) { result, number in
            let digits = Array(number.drop { $0 == 0 })
            result += WireReader.string((digits.first ?? 0) >= 0x80 ? [0] + digits : digits)
        }
    }

    @Test func `only one armored block is read`() throws {
        let good = try Vector.text("ssh/ed25519256.sig")
        let rows = [
            "", "-----BEGIN SSH SIGNATURE-----", good + "more\n", "more\n" + good, good + good,
            good.replacing("SSH SIGNATURE", with: "PGP SIGNATURE"), String(good.dropLast(30)),
            good.replacing("U1NIU0lH", with: "U1NIU0lI"), good.replacing("=", with: ""),
        ]
        for row in rows { #expect(try refused(Array(row.utf8)) == .malformed, "\(row)") }
        #expect(try refused([UInt8](repeating: 65, count: SSHSignature.sizeLimit + 1)) == .tooLarge)
    }
}
