internal import ERACore

/// A DSSE envelope around an in-toto statement.
///
/// Source: https://github.com/secure-systems-lab/dsse, "Protocol"; in-toto attestation framework,
/// "Statement".
struct SignedEnvelope: Sendable {
    let payload: [UInt8]
    let signatures: [[UInt8]]

    private static let payloadType = "application/vnd.in-toto+json"

    /// What a statement may be about: that this was signed, or that this was built. A key may also have
    /// signed
    /// statements that an artifact is bad.
    private static let predicateTypes: Set<String> = [
        "https://sigstore.dev/cosign/sign/v1",
        "https://slsa.dev/provenance/v0.2",
        "https://slsa.dev/provenance/v1",
    ]
    private static let statementTypes: Set<String> = [
        "https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1",
    ]

    init(_ envelope: SignedJSON) throws(SignatureError) {
        let type = try envelope.text("payloadType")
        guard type == Self.payloadType else {
            throw .unsupported(
                subject: CosignBundle.subject,
                problem: "its payload is \(shown(type)), not an in-toto statement",
                advice: "sign with cosign sign or cosign sign-blob"
            )
        }
        let wire = try envelope.list("signatures")
        guard (1...CosignBundle.signatureLimit).contains(wire.count) else {
            throw CosignBundle.malformed("it has not 1 to \(CosignBundle.signatureLimit) signatures")
        }
        guard let payload = Base64.decode(try envelope.text("payload")) else {
            throw CosignBundle.malformed("its payload is not base64")
        }
        var signatures: [[UInt8]] = []
        for signature in wire {
            guard let bytes = Base64.decode(try signature.text("sig")) else {
                throw CosignBundle.malformed("a signature in it is not base64")
            }
            signatures.append(bytes)
        }
        self.payload = payload
        self.signatures = signatures
    }

    /// The signature first, then what it says: nothing of the payload is read before that.
    func verify(
        _ artifact: ERACore.Digest,
        with keys: [TrustedKey]
    ) throws(SignatureError) -> SignatureVerdict {
        let message = ArtifactHashes(message: Self.preAuthenticated(payload))
        for signature in signatures {
            guard let key = try keys.firstCosign(signature, over: message) else { continue }
            return SignatureVerdict(key, .statement(predicateType: try checkedStatement(artifact)))
        }
        throw .notByCosign(CosignBundle.subject, keys)
    }

    /// The type of a statement that is about this artifact.
    private func checkedStatement(_ artifact: ERACore.Digest) throws(SignatureError) -> String {
        let statement = try SignedJSON(payload, "the statement in the cosign bundle")
        let predicateType = try statement.text("predicateType")
        guard Self.statementTypes.contains(try statement.text("_type")),
            Self.predicateTypes.contains(predicateType)
        else {
            throw .unsupported(
                subject: CosignBundle.subject,
                problem: "its statement \(shown(predicateType)) does not say that the artifact is good",
                advice: "sign with cosign sign, or give the provenance (SLSA)"
            )
        }
        var digests: [String] = []
        for subject in try statement.list("subject") {
            guard let digest = try subject.needed("digest").optionalText(artifact.algorithm.rawValue) else {
                continue
            }
            digests.append(digest)
        }
        guard digests.contains(where: { $0.utf8.elementsEqual(artifact.hex.utf8) }) else {
            throw .otherArtifact(
                subject: CosignBundle.subject,
                signed: digests.first.map(shown) ?? "nothing with a \(artifact.algorithm.rawValue)",
                expected: artifact.description
            )
        }
        return predicateType
    }

    /// What is signed of a payload. Source: DSSE, "PAE".
    static func preAuthenticated(_ payload: [UInt8]) -> [UInt8] {
        Array("DSSEv1 \(payloadType.utf8.count) \(payloadType) \(payload.count) ".utf8) + payload
    }
}
