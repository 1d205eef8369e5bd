import ERACore
import Foundation
import Testing

@testable import ERASignature

/// What the real tools sign now; cosign itself is not packaged for Debian, so openssl makes its signatures
/// (`cosign sign-blob` writes the base64 of the same DER).
@Suite struct ToolTests {
    private static let content = Array("hello, artifact\n".utf8)

    /// A public key, a signature of `content`, the tool that made both.
    private struct Made {
        var scheme: SignatureSpec.Kind
        var key: String
        var signature: [UInt8]
    }

    private static let scripts: [(SignatureSpec.Kind, String)] = [
        (
            .minisign,
            "minisign -G -W -p pub -s key && minisign -S -s key -m f -x sig -t 'version:1.2.0 file:f'"
        ),
        (.minisign, "minisign -G -W -p pub -s key && minisign -S -l -s key -m f -x sig -t 'version:1.2.0'"),
        (
            .ssh,
            "ssh-keygen -q -t ed25519 -N '' -f k && ssh-keygen -Y sign -n era -f k f && mv k.pub pub && mv f.sig sig"
        ),
        (
            .ssh,
            "ssh-keygen -q -t ecdsa -b 521 -N '' -f k && ssh-keygen -Y sign -n era -f k f && mv k.pub pub && mv f.sig sig"
        ),
        (
            .ssh,
            "ssh-keygen -q -t rsa -b 2048 -N '' -f k && ssh-keygen -Y sign -n era -f k f && mv k.pub pub && mv f.sig sig"
        ),
        (
            .cosign,
            "openssl ecparam -genkey -noout -name prime256v1 -out k && openssl pkey -in k -pubout -out pub && openssl dgst -sha256 -sign k f | base64 -w0 > sig"
        ),
        (
            .cosign,
            "openssl ecparam -genkey -noout -name secp384r1 -out k && openssl pkey -in k -pubout -out pub && openssl dgst -sha384 -sign k f > sig"
        ),
        (
            .cosign,
            "openssl genrsa -out k 2048 && openssl pkey -in k -pubout -out pub && openssl dgst -sha256 -sign k f | base64 -w0 > sig"
        ),
        (
            .cosign,
            "openssl genpkey -algorithm ed25519 -out k && openssl pkey -in k -pubout -out pub && openssl pkeyutl -sign -rawin -inkey k -in f | base64 -w0 > sig"
        ),
    ]

    private static func run(_ script: String) throws -> (key: String, signature: [UInt8]) {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data(content).write(to: folder.appending(path: "f"))
        let shell = Process()
        shell.executableURL = URL(filePath: "/bin/sh")
        shell.arguments = ["-c", "(\(script)) >/dev/null 2>&1"]
        shell.currentDirectoryURL = folder
        try shell.run()
        shell.waitUntilExit()
        try #require(shell.terminationStatus == 0, "run .ci/setup; failed: \(script)")
        let key = try String(contentsOf: folder.appending(path: "pub"), encoding: .utf8)
        return (key, [UInt8](try Data(contentsOf: folder.appending(path: "sig"))))
    }

    private static func verify(
        _ signature: [UInt8],
        _ content: [UInt8],
        _ scheme: SignatureSpec.Kind,
        _ keys: [TrustedKey]
    ) throws -> SignatureVerdict {
        let parsed = try DetachedSignature(signature, scheme: scheme)
        var hasher = try parsed.makeHasher(for: keys)
        try hasher.update(content)
        return try parsed.verify(hasher.finalize(), with: keys)
    }

    @Test(arguments: scripts)
    func `what the tool signs is verified, and nothing else`(
        _ scheme: SignatureSpec.Kind,
        _ script: String
    ) throws {
        let made = try Self.run(script)
        let other = TrustedKey(name: "old", key: try PublicKey(try Self.run(script).key, scheme: scheme))
        let trusted = TrustedKey(name: "new", key: try PublicKey(made.key, scheme: scheme))
        // Rotation: one of several keys suffices, and the verdict names it.
        let verdict = try Self.verify(made.signature, Self.content, scheme, [other, trusted])
        #expect(verdict.keyName == "new")
        #expect(verdict.fingerprint == trusted.key.fingerprint)
        #expect(verdict.signedVersion?.description == (scheme == .minisign ? "1.2.0" : nil))
        // Another file, an empty one, an unknown key, no key.
        for content in [Self.content + [0], [], Self.content.dropLast()] {
            #expect(throws: SignatureError.self) {
                try Self.verify(made.signature, content, scheme, [trusted])
            }
        }
        #expect(throws: SignatureError.self) {
            try Self.verify(made.signature, Self.content, scheme, [other])
        }
        #expect(throws: SignatureError.self) { try Self.verify(made.signature, Self.content, scheme, []) }
        // Empty, cut off, appended, too long.
        for bad in [[], made.signature.dropLast(5), made.signature + Array("AAAA\n".utf8)] {
            #expect(throws: SignatureError.self) { try Self.verify(bad, Self.content, scheme, [trusted]) }
        }
        let long = [UInt8](repeating: 65, count: 17 << 10)
        #expect(throws: SignatureError.self) { try Self.verify(long, Self.content, scheme, [trusted]) }
    }

    @Test(arguments: scripts)
    func `no signature with a flipped bit is verified`(
        _ scheme: SignatureSpec.Kind,
        _ script: String
    ) throws {
        let made = try Self.run(script)
        let trusted = TrustedKey(key: try PublicKey(made.key, scheme: scheme))
        // Nobody signs minisign's first line.
        let start = scheme == .minisign ? (made.signature.firstIndex(of: 10) ?? 0) : 0
        for index in start..<made.signature.count {
            var bad = made.signature
            bad[index] ^= 1 << UInt8(index % 8)
            #expect(throws: SignatureError.self, "byte \(index)") {
                try Self.verify(bad, Self.content, scheme, [trusted])
            }
        }
    }

    @Test func `an ssh signature for another purpose is refused`() throws {
        let script = Self.scripts[2].1.replacing("-n era", with: "-n file")
        let made = try Self.run(script)
        let trusted = TrustedKey(key: try PublicKey(made.key, scheme: .ssh))
        #expect(throws: SignatureError.wrongNamespace(found: "file")) {
            try Self.verify(made.signature, Self.content, .ssh, [trusted])
        }
    }

    @Test func `an altered trusted comment is refused`() throws {
        let made = try Self.run(Self.scripts[0].1)
        let trusted = TrustedKey(key: try PublicKey(made.key, scheme: .minisign))
        let text = String(decoding: made.signature, as: UTF8.self).replacing("1.2.0", with: "9.2.0")
        let error = #expect(throws: SignatureError.self) {
            try Self.verify(Array(text.utf8), Self.content, .minisign, [trusted])
        }
        #expect(error?.description.contains("trusted comment") == true)
    }
}
