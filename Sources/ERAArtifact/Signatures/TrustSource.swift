public import ERACore
import ERASignature

/// What decides about signatures; asked anew for each fetch.
public struct TrustSource: Sendable {
    /// - Throws: ``Failure`` where it cannot be read or trusted: then nothing is fetched.
    public var policy: @Sendable () throws -> TrustPolicy
    /// The text of the file of a key, by its absolute path.
    ///
    /// - Throws: ``Failure``.
    public var keyText: @Sendable (_ path: String) throws -> String

    public init(
        policy: @escaping @Sendable () throws -> TrustPolicy,
        keyText: @escaping @Sendable (_ path: String) throws -> String
    ) {
        self.policy = policy
        self.keyText = keyText
    }

    /// No policy, and no files of keys.
    public static let none = TrustSource {
        .none
    } keyText: { path in
        throw Failure.permanent(
            .unsupported,
            "the key \(path) cannot be read: files of keys are not allowed here"
        )
    }

    /// The keys of the policy, each with its name and fingerprint, for people.
    ///
    /// - Throws: ``Failure`` where the policy or one of its keys cannot be read.
    public func keys() throws -> [String] {
        try policy().keys.map { key in
            let candidate = SignatureDemand.Candidate(
                name: key.name.rawValue,
                type: key.type,
                place: key.place
            )
            return try self.key(candidate, origin: "the trust policy").description
        }
    }

    /// What has to be verified of an artifact, with its keys read; nil where that is nothing.
    ///
    /// - Throws: ``Failure`` where nothing could satisfy it: before anything is downloaded.
    func order(
        for artifact: ArtifactSpec,
        in namespace: NamespaceName,
        known: SignatureOutcome?
    ) throws -> SignatureOrder? {
        let demand = try policy().demand(for: artifact)
        guard !demand.claims.isEmpty || demand.warning != nil else { return nil }
        var claims: [SignatureOrder.Claim] = []
        for claim in demand.claims {
            let keys = try claim.candidates.map { try key($0, origin: claim.origin) }
            claims.append(SignatureOrder.Claim(keys: keys, isRequired: claim.isRequired))
        }
        return SignatureOrder(
            artifact: artifact,
            namespace: namespace,
            claims: claims,
            warning: demand.warning,
            kept: known?.evidence ?? []
        )
    }

    private func key(
        _ candidate: SignatureDemand.Candidate,
        origin: String
    ) throws -> TrustedKey {
        let text: String
        var called = candidate.name.map { "the key \($0)" } ?? "a key"
        var isOfManifest = candidate.name == nil
        switch candidate.place {
        case .text(let inline): text = inline
        case .file(let path):
            text = try keyText(path)
            if candidate.name != path { called += " (\(path))" }
            isOfManifest = false
        }
        do throws(SignatureError) {
            return TrustedKey(name: candidate.name, key: try PublicKey(text, scheme: candidate.type))
        } catch {
            let message = "\(called) of \(origin): \(error)"
            // A file may be mended, and so may the policy, without a change of the manifest.
            throw isOfManifest
                ? Failure.permanent(.signatureInvalid, message)
                : Failure.transient(.trustPolicyInvalid, message)
        }
    }
}

/// What has to be verified of one artifact.
struct SignatureOrder: Sendable {
    /// That one of these keys signed.
    struct Claim: Sendable {
        let keys: [TrustedKey]
        /// Else what is wrong is only reported.
        let isRequired: Bool

        /// Of the keys, each once, in their order.
        var schemes: [SignatureSpec.Kind] {
            keys.map(\.key.scheme).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
        }
    }

    /// A claim that holds, and the blob of the store that shows it.
    struct Proof: Sendable {
        let verdict: SignatureVerdict
        let evidence: Digest
    }

    let artifact: ArtifactSpec
    let namespace: NamespaceName
    let claims: [Claim]
    let warning: String?
    /// What the signatures were verified with before, for the same revision.
    let kept: [Digest]

    /// Verifies claim by claim.
    ///
    /// - Parameter proof: Throws ``Failure`` where a claim does not hold.
    /// - Throws: What `proof` throws for a claim that is required, and `CancellationError`.
    func outcome(_ proof: (Claim) async throws -> Proof) async throws -> SignatureOutcome {
        var outcome = SignatureOutcome(warnings: warning.map { [$0] } ?? [])
        for claim in claims {
            do {
                let proof = try await proof(claim)
                outcome.add(proof)
            } catch let failure as Failure where !claim.isRequired {
                outcome.warnings.append(failure.message)
            }
        }
        return outcome
    }

    /// The artifact's address for people.
    var subject: String { String(artifact.source.url.prefix { $0 != "?" }) }

    func refused(_ error: SignatureError) -> Failure {
        .permanent(.signatureInvalid, "\(subject): \(error)")
    }

    /// - Parameter places: Where it was looked for.
    func missing(_ places: [String]) -> Failure {
        let looked = places.isEmpty ? "" : "; looked at \(places.joined(separator: ", "))"
        return .permanent(
            .signatureMissing,
            "\(subject) has no signature\(looked); sign it, or name the place in artifact.signature.source"
        )
    }
}

extension SignatureOutcome {
    mutating func add(_ proof: SignatureOrder.Proof) {
        let verdict = proof.verdict
        let key = "\(verdict.scheme.rawValue) key \(verdict.fingerprint)"
        let signer = verdict.keyName.map { "\($0) (\(key))" } ?? key
        if !signedBy.contains(signer) { signedBy.append(signer) }
        if !evidence.contains(proof.evidence) { evidence.append(proof.evidence) }
        guard let said = verdict.signedVersion else { return }
        if let version, !version.precedes(said) { return }
        version = said
    }
}
