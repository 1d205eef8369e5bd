internal import ERACore

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
        let bundle = try SignedJSON(bytes, Self.subject)
        let mediaType = try bundle.text("mediaType")
        guard Self.mediaTypes.contains(mediaType) else {
            throw .unsupported(
                subject: Self.subject,
                problem: "its media type \(shown(mediaType)) is not known",
                advice: "take a bundle of version 0.1, 0.2 or 0.3"
            )
        }
        guard try bundle.member("verificationMaterial")?.member("publicKey") != nil else {
            throw .unsupported(
                subject: Self.subject,
                problem: "it was made with a certificate and not with a key",
                advice: "sign with cosign --key"
            )
        }
        switch (try bundle.member("messageSignature"), try bundle.member("dsseEnvelope")) {
        case (let message?, nil):
            let hash = try message.needed("messageDigest")
            guard let digest = Base64.decode(try hash.text("digest")),
                let signature = Base64.decode(try message.text("signature"))
            else { throw Self.malformed("its digest or its signature is not base64") }
            content = .message(
                algorithm: try hash.text("algorithm"),
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
