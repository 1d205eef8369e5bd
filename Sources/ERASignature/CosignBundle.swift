internal import ERACore
internal import FoundationEssentials

/// A Sigstore bundle that was made with a key.
///
/// Source: https://github.com/sigstore/protobuf-specs, `sigstore_bundle.proto`.
public struct CosignBundle: Sendable {
    /// The most bytes of a bundle; a statement of provenance in it can be long.
    public static let sizeLimit = 1 << 20
    /// The most signatures of an envelope.
    public static let signatureLimit = 16

    static let subject = "the cosign bundle"

    /// What the bundle signs.
    enum Content: Sendable {
        case message(algorithm: String, digest: [UInt8], signature: [UInt8])
        case envelope(SignedEnvelope)
    }

    let content: Content

    /// - Throws: ``SignatureError`` for anything but a bundle of a known media type with one content.
    public init(_ bytes: [UInt8]) throws(SignatureError) {
        try SignatureText.checkSize(bytes, Self.subject, limit: Self.sizeLimit)
        let wire = try decodeJSON(WireBundle.self, bytes, Self.subject)
        guard Self.mediaTypes.contains(wire.mediaType) else {
            throw .unsupported(
                subject: Self.subject,
                problem: "its media type \(shown(wire.mediaType)) is not known",
                advice: "take a bundle of version 0.1, 0.2 or 0.3"
            )
        }
        guard wire.verificationMaterial?.publicKey != nil else {
            throw .unsupported(
                subject: Self.subject,
                problem: "it was made with a certificate and not with a key",
                advice: "sign with cosign --key"
            )
        }
        switch (wire.messageSignature, wire.dsseEnvelope) {
        case (let message?, nil):
            guard let digest = Base64.decode(message.messageDigest.digest),
                let signature = Base64.decode(message.signature)
            else { throw Self.malformed("its digest or its signature is not base64") }
            content = .message(
                algorithm: message.messageDigest.algorithm,
                digest: digest,
                signature: signature
            )
        case (nil, let envelope?): content = .envelope(try SignedEnvelope(envelope))
        case (nil, nil), (_?, _?):
            throw Self.malformed("it has not exactly one of messageSignature and dsseEnvelope")
        }
    }

    private static let mediaTypes: Set<String> = [
        CosignImage.bundleArtifactType,
        "application/vnd.dev.sigstore.bundle+json;version=0.1",
        "application/vnd.dev.sigstore.bundle+json;version=0.2",
        "application/vnd.dev.sigstore.bundle+json;version=0.3",
    ]

    var signsContent: Bool {
        switch content {
        case .message: true
        case .envelope: false
        }
    }

    func verify(
        _ artifact: ArtifactHashes,
        with keys: [TrustedKey]
    ) throws(SignatureError) -> SignatureVerdict {
        switch content {
        case .envelope(let envelope): return try envelope.verify(artifact.digest, with: keys)
        case .message(let algorithm, let digest, let signature):
            let actual: [UInt8]? =
                switch algorithm {
                case "SHA2_256": Array(artifact.sha256)
                case "SHA2_384": artifact.sha384.map { Array($0) }
                case "SHA2_512": artifact.sha512.map { Array($0) }
                default: nil
                }
            guard let actual else {
                throw .unsupported(
                    subject: Self.subject,
                    problem: "its hash \(shown(algorithm)) is not known",
                    advice: "sign with SHA2_256, SHA2_384 or SHA2_512"
                )
            }
            guard actual == digest else {
                throw .otherArtifact(
                    subject: Self.subject,
                    signed: "\(shown(algorithm)) \(hex(digest.prefix(64)))",
                    expected: hex(actual)
                )
            }
            guard let key = try keys.firstCosign(signature, over: artifact) else {
                throw .notByCosign(Self.subject, keys)
            }
            return SignatureVerdict(key)
        }
    }

    static func malformed(_ problem: String) -> SignatureError {
        .malformed(subject: subject, problem: problem, advice: "give the file as cosign wrote it")
    }
}

/// The parts of a bundle that count; the rest (transparency log, time stamps) is not needed with a key.
private struct WireBundle: Decodable {
    struct Material: Decodable {
        struct Key: Decodable {}
        var publicKey: Key?
    }

    struct Message: Decodable {
        struct MessageDigest: Decodable {
            var algorithm: String
            var digest: String
        }
        var messageDigest: MessageDigest
        var signature: String
    }

    var mediaType: String
    var verificationMaterial: Material?
    var messageSignature: Message?
    var dsseEnvelope: SignedEnvelope.Wire?
}

/// - Throws: ``SignatureError`` for what is not JSON, or not of this shape.
func decodeJSON<Value: Decodable>(
    _ type: Value.Type,
    _ bytes: [UInt8],
    _ subject: String
) throws(SignatureError) -> Value {
    do {
        return try JSONDecoder().decode(type, from: Data(bytes))
    } catch {
        throw .malformed(
            subject: subject,
            problem: "it is not JSON with the fields that it must have",
            advice: "give the file as cosign wrote it"
        )
    }
}
