internal import ERACore

/// A DSSE envelope around an in-toto statement.
///
/// Source: https://github.com/secure-systems-lab/dsse, "Protocol"; in-toto attestation framework,
/// "Statement".
struct SignedEnvelope: Sendable {
    /// As it stands in JSON.
    struct Wire: Decodable {
        struct Signature: Decodable { var sig: String }
        var payload: String
        var payloadType: String
        var signatures: [Signature]
    }

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

    init(_ wire: Wire) throws(SignatureError) {
        guard wire.payloadType == Self.payloadType else {
            throw .unsupported(
                subject: CosignBundle.subject,
                problem: "its payload is \(shown(wire.payloadType)), not an in-toto statement",
                advice: "sign with cosign sign or cosign sign-blob"
            )
        }
        guard (1...CosignBundle.signatureLimit).contains(wire.signatures.count) else {
            throw CosignBundle.malformed("it has not 1 to \(CosignBundle.signatureLimit) signatures")
        }
        guard let payload = Base64.decode(wire.payload) else {
            throw CosignBundle.malformed("its payload is not base64")
        }
        var signatures: [[UInt8]] = []
        for signature in wire.signatures {
            guard let bytes = Base64.decode(signature.sig) else {
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
        struct Statement: Decodable {
            enum CodingKeys: String, CodingKey {
                case type = "_type"
                case subject, predicateType
            }
            struct Subject: Decodable { var digest: [String: String] }
            var type: String
            var subject: [Subject]
            var predicateType: String
        }
        let statement = try decodeJSON(Statement.self, payload, "the statement in the cosign bundle")
        guard Self.statementTypes.contains(statement.type),
            Self.predicateTypes.contains(statement.predicateType)
        else {
            throw .unsupported(
                subject: CosignBundle.subject,
                problem:
                    "its statement \(shown(statement.predicateType)) does not say that the artifact is good",
                advice: "sign with cosign sign, or give the provenance (SLSA)"
            )
        }
        let digests = statement.subject.compactMap { $0.digest[artifact.algorithm.rawValue] }
        guard digests.contains(artifact.hex) else {
            throw .otherArtifact(
                subject: CosignBundle.subject,
                signed: digests.first.map(shown) ?? "nothing with a \(artifact.algorithm.rawValue)",
                expected: artifact.description
            )
        }
        return statement.predicateType
    }

    /// What is signed of a payload. Source: DSSE, "PAE".
    static func preAuthenticated(_ payload: [UInt8]) -> [UInt8] {
        Array("DSSEv1 \(payloadType.utf8.count) \(payloadType) \(payload.count) ".utf8) + payload
    }
}
