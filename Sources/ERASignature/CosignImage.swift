public import ERACore

/// Signatures of container images, which lie in the registry beside them.
///
/// Two ways: a manifest under the tag of ``signatureTag(for:)`` (or a referrer of the type
/// ``signatureArtifactType``), each of whose layers of the type ``payloadMediaType`` is a payload, its
/// signature
/// in the annotation ``signatureAnnotation``; or a referrer of the type ``bundleArtifactType``, whose
/// one layer
/// is a bundle.
///
/// Source: https://github.com/sigstore/cosign, `specs/SIGNATURE_SPEC.md` and `specs/BUNDLE_SPEC.md`.
public enum CosignImage {
    /// The media type of a layer that is a payload.
    public static let payloadMediaType = "application/vnd.dev.cosign.simplesigning.v1+json"
    /// The annotation of such a layer that holds the signature, in base64.
    public static let signatureAnnotation = "dev.cosignproject.cosign/signature"
    /// The artifact type of a referrer that holds payloads.
    public static let signatureArtifactType = "application/vnd.dev.cosign.artifact.sig.v1+json"
    /// The artifact type of a referrer whose layer is a bundle, and that layer's media type.
    public static let bundleArtifactType = "application/vnd.dev.sigstore.bundle.v0.3+json"
    /// The most bytes of a payload.
    public static let payloadLimit = 64 << 10

    /// The tag of the manifest with an image's signatures, in the image's repository.
    public static func signatureTag(for image: ERACore.Digest) -> String {
        "\(image.algorithm.rawValue)-\(image.hex).sig"
    }

    private static let types: Set<String> = [
        "cosign container image signature", "atomic container signature",
    ]

    /// The verdict on one layer of a signature manifest; of several layers, one that verifies suffices.
    ///
    /// - Parameters:
    ///   - payload: The layer's bytes.
    ///   - signature: Its annotation ``signatureAnnotation``.
    ///   - image: The digest of the manifest (or index) that is to be used.
    /// - Throws: ``SignatureError`` wherever the image must not be used on behalf of this layer.
    public static func verify(
        payload: [UInt8],
        signature: String,
        image: ERACore.Digest,
        with keys: [TrustedKey]
    ) throws(SignatureError) -> SignatureVerdict {
        let subject = "the cosign signature of the image"
        let candidates = keys.filter { $0.key.scheme == .cosign }
        guard !candidates.isEmpty else { throw .noKey(subject: subject) }
        try SignatureText.checkSize(payload, subject, limit: payloadLimit)
        let bytes = try CosignSignature.decode(Array(signature.utf8))
        guard let key = try candidates.firstCosign(bytes, over: ArtifactHashes(message: payload)) else {
            throw .notByCosign(subject, candidates)
        }
        let statement = try SignedJSON(payload, "the payload of the cosign signature")
        let critical = try statement.needed("critical")
        let type = try critical.text("type")
        guard types.contains(type) else {
            throw .unsupported(
                subject: subject,
                problem: "its type \(shown(type)) is not known",
                advice: "sign with cosign sign"
            )
        }
        let digest = try critical.needed("image").text("docker-manifest-digest")
        guard digest.utf8.elementsEqual(image.description.utf8) else {
            throw .otherArtifact(subject: subject, signed: shown(digest), expected: image.description)
        }
        let reference = try critical.member("identity")?.optionalText("docker-reference") ?? ""
        let version = try statement.member("optional")?.optionalText("version")
        return SignatureVerdict(
            key,
            .image(reference: reference),
            version: version.flatMap(TrustedComment.version)
        )
    }

    /// The verdict on a bundle that refers to the image.
    ///
    /// - Parameters:
    ///   - bundle: The bytes of the referrer's layer.
    ///   - image: The digest of the manifest (or index) that is to be used.
    /// - Throws: ``SignatureError`` wherever the image must not be used on behalf of this bundle.
    public static func verify(
        bundle: [UInt8],
        image: ERACore.Digest,
        with keys: [TrustedKey]
    ) throws(SignatureError) -> SignatureVerdict {
        let candidates = keys.filter { $0.key.scheme == .cosign }
        guard !candidates.isEmpty else { throw .noKey(subject: CosignBundle.subject) }
        switch try CosignBundle(bundle).content {
        case .envelope(let envelope): return try envelope.verify(image, with: candidates)
        case .message:
            throw .unsupported(
                subject: CosignBundle.subject,
                problem: "it signs a file and not an image",
                advice: "sign the image with cosign sign --key"
            )
        }
    }
}
