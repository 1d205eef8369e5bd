/// What must be signed, and by whom, whatever manifests say.
public struct TrustPolicy: Hashable, Sendable {
    public enum Mode: String, Hashable, Sendable, Codable, CaseIterable {
        /// Refused unless one of the keys signed.
        case required
        /// Verified and reported, and used all the same.
        case warn
        /// Nothing is asked for.
        case off
    }

    /// A key with a name.
    public struct Key: Hashable, Sendable {
        public var name: PartName
        public var type: SignatureSpec.Kind
        public var place: Place

        /// Where a key of a policy is.
        public enum Place: Hashable, Sendable {
            /// In the policy, in the text form of its tool.
            case text(String)
            /// In a file on this machine: its absolute path.
            case file(String)
        }

        public init(name: PartName, type: SignatureSpec.Kind, place: Place) {
            self.name = name
            self.type = type
            self.place = place
        }
    }

    /// What counts for the sources below one.
    public struct Rule: Hashable, Sendable {
        public var source: SourcePrefix
        public var mode: Mode
        /// Nil for all keys of the policy.
        public var keys: [PartName]?

        public init(source: SourcePrefix, mode: Mode = .required, keys: [PartName]? = nil) {
            self.source = source
            self.mode = mode
            self.keys = keys
        }
    }

    /// For sources that no rule is about.
    public var mode: Mode
    public var keys: [Key]
    public var rules: [Rule]

    public init(mode: Mode = .required, keys: [Key] = [], rules: [Rule] = []) {
        self.mode = mode
        self.keys = keys
        self.rules = rules
    }

    /// No policy at all: only what manifests ask for counts.
    public static let none = TrustPolicy(mode: .off)
}

extension TrustPolicy {
    /// What a source's signatures have to be.
    ///
    /// - Throws: ``Failure`` where nothing could satisfy policy and manifest: the artifact must not be used.
    public func demand(for artifact: ArtifactSpec) throws(Failure) -> SignatureDemand {
        guard self != .none else {
            return SignatureDemand(claims: try claims(of: artifact.signature, mode: .off, own: []))
        }
        guard let address = SourcePrefix.plain(artifact.source.url) else {
            throw .permanent(
                .signatureInvalid,
                "\(artifact.source) is written in a way that could hide what it is from the trust policy; write it "
                    + "without . and .., empty segments, and escapes of plain characters"
            )
        }
        let rule =
            rules.filter { $0.source.covers(address) }.max {
                $0.source.text.utf8.count < $1.source.text.utf8.count
            }
        let mode = rule?.mode ?? self.mode
        let own = rule?.keys.map { names in keys.filter { names.contains($0.name) } } ?? keys
        let claims = try claims(of: artifact.signature, mode: mode, own: own)
        guard mode == .off || !claims.isEmpty else {
            let problem =
                "the trust policy wants \(artifact.source) signed, and neither it nor the manifest has a key"
            guard mode == .warn else {
                throw .permanent(.signatureMissing, problem + "; name one in artifact.signature")
            }
            return SignatureDemand(claims: [], warning: problem)
        }
        return SignatureDemand(claims: claims)
    }

    /// The policy's claim, then the manifest's, which adds to it.
    private func claims(
        of spec: SignatureSpec?,
        mode: Mode,
        own: [Key]
    ) throws(Failure) -> [SignatureDemand.Claim] {
        var claims: [SignatureDemand.Claim] = []
        let isAsked = spec?.keys.isEmpty == true
        if !own.isEmpty, mode != .off || isAsked {
            let candidates = own.map {
                SignatureDemand.Candidate(name: $0.name.rawValue, type: $0.type, place: $0.place)
            }
            claims.append(
                SignatureDemand.Claim(
                    origin: "the trust policy",
                    candidates: candidates,
                    isRequired: mode == .required || isAsked
                )
            )
        }
        guard let spec else { return claims }
        guard !spec.keys.isEmpty else {
            // The type that a manifest asks for is one of its conditions.
            guard own.contains(where: { $0.type == spec.type }) else {
                throw .permanent(
                    .signatureInvalid,
                    "artifact.signature names no key, and the trust policy has no \(spec.type.rawValue) key for this "
                        + "source; add publicKey or keys"
                )
            }
            return claims
        }
        var candidates: [SignatureDemand.Candidate] = []
        for key in spec.keys { candidates.append(try candidate(key, spec.type)) }
        // What the policy asks for may be enough for the manifest, too.
        if let first = claims.first, first.isRequired, Set(first.candidates).isSubset(of: candidates) {
            return claims
        }
        claims.append(
            SignatureDemand.Claim(origin: "artifact.signature", candidates: candidates, isRequired: true)
        )
        return claims
    }

    private func candidate(
        _ key: SignatureKey,
        _ type: SignatureSpec.Kind
    ) throws(Failure) -> SignatureDemand.Candidate {
        switch key {
        case .text(let text): return .init(name: nil, type: type, place: .text(text))
        case .file(let path): return .init(name: path, type: type, place: .file(path))
        case .named(let name):
            guard let known = keys.first(where: { $0.name == name }) else {
                throw .permanent(
                    .signatureInvalid,
                    "artifact.signature names the key \(name), and the trust policy has none of that name; "
                        + "correct it, or start era with --trust-policy and a file that has it"
                )
            }
            guard known.type == type else {
                throw .permanent(
                    .signatureInvalid,
                    "artifact.signature is of type \(type.rawValue), and its key \(name) is for "
                        + "\(known.type.rawValue); correct one of them"
                )
            }
            return .init(name: name.rawValue, type: type, place: known.place)
        }
    }
}

/// What must be shown of an artifact before it is used.
public struct SignatureDemand: Hashable, Sendable {
    /// A key that may have signed.
    public struct Candidate: Hashable, Sendable {
        /// What people call it; nil for a key that stands in the manifest.
        public var name: String?
        public var type: SignatureSpec.Kind
        public var place: TrustPolicy.Key.Place

        public init(name: String?, type: SignatureSpec.Kind, place: TrustPolicy.Key.Place) {
            self.name = name
            self.type = type
            self.place = place
        }
    }

    /// One condition: that one of the keys signed.
    public struct Claim: Hashable, Sendable {
        /// Who makes it, for people.
        public var origin: String
        public var candidates: [Candidate]
        /// Whether the artifact is refused where it does not hold; else that is only reported.
        public var isRequired: Bool

        public init(origin: String, candidates: [Candidate], isRequired: Bool) {
            self.origin = origin
            self.candidates = candidates
            self.isRequired = isRequired
        }
    }

    /// All of them.
    public var claims: [Claim]
    /// What is to be reported whatever the claims come to.
    public var warning: String?

    public init(claims: [Claim], warning: String? = nil) {
        self.claims = claims
        self.warning = warning
    }
}
