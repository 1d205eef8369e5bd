/// A signature file of minisign.
///
/// Source: https://jedisct1.github.io/minisign/, "Signature format".
public struct MinisignSignature: Sendable {
    /// The most bytes of the file; minisign's own comments have up to 1 KiB and 8 KiB.
    public static let sizeLimit = 16 << 10

    /// What the signature is over.
    public enum Form: Sendable {
        /// `ED`: the BLAKE2b-512 of the artifact.
        case prehashed
        /// `Ed`: the artifact itself.
        case legacy
    }

    public let form: Form
    let keyID: [UInt8]
    let signature: [UInt8]
    let globalSignature: [UInt8]
    let comment: String

    static let subject = "the minisign signature"

    /// - Throws: ``SignatureError`` for anything but the four lines of minisign.
    public init(_ bytes: [UInt8]) throws(SignatureError) {
        let lines = try SignatureText.lines(bytes, Self.subject, limit: Self.sizeLimit)
        guard lines.count == 4, SignatureText.rest(of: lines[0], after: "untrusted comment: ") != nil,
            let comment = SignatureText.rest(of: lines[2], after: "trusted comment: ")
        else {
            throw Self.malformed(
                "it is not four lines: untrusted comment, signature, trusted comment, signature"
            )
        }
        guard let packed = Base64.decode(lines[1]), packed.count == 74 else {
            throw Self.malformed("its second line is not base64 of 74 bytes")
        }
        guard let global = Base64.decode(lines[3]), global.count == 64 else {
            throw Self.malformed("its fourth line is not base64 of 64 bytes")
        }
        switch Array(packed[..<2]) {
        case Array("ED".utf8): form = .prehashed
        case Array("Ed".utf8): form = .legacy
        default: throw Self.malformed("its algorithm is neither Ed nor ED")
        }
        guard comment.unicodeScalars.allSatisfy({ $0 == "\t" || $0.properties.generalCategory != .control })
        else { throw Self.malformed("its trusted comment has control characters") }
        keyID = Array(packed[2..<10])
        signature = Array(packed[10...])
        globalSignature = global
        self.comment = comment
    }

    /// Any one of the keys will do, if it has the signature's key ID.
    func verify(
        _ artifact: ArtifactHashes,
        with keys: [TrustedKey]
    ) throws(SignatureError) -> SignatureVerdict {
        let matching = keys.filter { $0.key.identity == keyID }
        guard !matching.isEmpty else {
            throw .unknownKey(
                subject: Self.subject,
                signer: "minisign key " + PublicKey.minisignID(keyID),
                trusted: keys.map(\.description)
            )
        }
        let message: [UInt8]?
        switch form {
        case .prehashed: message = artifact.blake2b
        case .legacy: message = artifact.content
        }
        // A hash is 64 bytes. Both forms are signed alike, so a signature over a hash would also be a
        // legacy
        // one over a file that is that hash.
        guard let message, form == .prehashed || message.count != BLAKE2b512.byteCount else {
            throw .unsupported(
                subject: Self.subject,
                problem: "in the legacy form it may be the signature of another file's hash",
                advice: "sign the hash: minisign -S -H"
            )
        }
        let vouched = signature + comment.utf8
        for trusted in matching {
            guard trusted.key.material.verifiesEd25519(signature, over: message) else { continue }
            guard trusted.key.material.verifiesEd25519(globalSignature, over: vouched) else {
                throw .wrongSignature(
                    subject: "the trusted comment of the minisign signature",
                    key: trusted.description,
                    advice: "the comment was altered; do not use the file, and get the signature anew"
                )
            }
            let statement = TrustedComment(comment)
            return SignatureVerdict(trusted, .trustedComment(statement), version: statement.version)
        }
        throw .wrongSignature(
            subject: Self.subject,
            key: matching[0].description,
            advice: "the artifact is another one or was altered; do not use it"
        )
    }

    private static func malformed(_ problem: String) -> SignatureError {
        .malformed(
            subject: subject,
            problem: problem,
            advice: "give the .minisig file as minisign wrote it"
        )
    }
}
