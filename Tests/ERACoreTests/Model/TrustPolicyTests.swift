import Testing

@testable import ERACore

@Suite struct TrustPolicyTests {
    private static func key(_ name: String, _ type: SignatureSpec.Kind = .minisign) -> TrustPolicy.Key {
        TrustPolicy.Key(name: PartName(checked: name), type: type, place: .text("key \(name)"))
    }

    private static func rule(_ source: String, _ mode: TrustPolicy.Mode, _ keys: [String]? = nil) throws
        -> TrustPolicy.Rule
    {
        TrustPolicy.Rule(
            source: try SourcePrefix(source),
            mode: mode,
            keys: keys?.map { PartName(checked: $0) }
        )
    }

    private static func artifact(_ url: String, _ signature: SignatureSpec? = nil) throws -> ArtifactSpec {
        ArtifactSpec(source: try ArtifactLocation(url), signature: signature)
    }

    /// Each claim as `required a b` or `reported a`; keys without a name by their text.
    private static func claims(_ demand: SignatureDemand) -> [String] {
        demand.claims.map { claim in
            let names = claim.candidates.map { candidate in
                if let name = candidate.name { return name }
                return if case .text(let text) = candidate.place { text } else { "?" }
            }
            return ([claim.isRequired ? "required" : "reported"] + names).joined(separator: " ")
        }
    }

    @Test func `without a policy, what the manifest asks for counts, and nothing else`() throws {
        #expect(try TrustPolicy.none.demand(for: Self.artifact("https://e.org/../a")).claims == [])
        let spec = SignatureSpec(type: .ssh, keys: [.text("one"), .file("/two.pub")])
        let demand = try TrustPolicy.none.demand(for: Self.artifact("https://e.org/a", spec))
        #expect(Self.claims(demand) == ["required one /two.pub"])
        for keys in [[], [.named(PartName(checked: "release"))]] as [[SignatureKey]] {
            let spec = SignatureSpec(type: .ssh, keys: keys)
            let failure = #expect(throws: Failure.self) {
                try TrustPolicy.none.demand(for: Self.artifact("https://e.org/a", spec))
            }
            #expect(failure?.code == .signatureInvalid && failure?.persistence == .permanent)
        }
    }

    @Test func `the longest source that fits counts, to the boundary of its parts`() throws {
        let policy = TrustPolicy(
            keys: [Self.key("all"), Self.key("app"), Self.key("image", .cosign)],
            rules: [
                try Self.rule("https://e.org/app", .required, ["app"]),
                try Self.rule("https://e.org/app/free/", .off),
                try Self.rule("oci://r.org/team", .warn, ["image"]),
                try Self.rule("file:///", .off),
            ]
        )
        let rows: [(String, [String])] = [
            ("https://e.org/app", ["required app"]), ("https://e.org/app/x.tar", ["required app"]),
            ("https://e.org/app?x", ["required app"]), ("https://E.ORG:443/app/x", ["required app"]),
            ("https://e.org/app/free/x", []), ("https://e.org/apple", ["required all app image"]),
            ("http://e.org/app", ["required all app image"]),
            ("https://e.org.evil.org/app", ["required all app image"]),
            ("oci://r.org/team:1.0", ["reported image"]), ("oci://r.org/team/x", ["reported image"]),
            ("oci://r.org/team2", ["required all app image"]), ("file:///srv/x", []),
        ]
        for (url, claims) in rows {
            #expect(Self.claims(try policy.demand(for: Self.artifact(url))) == claims, "\(url)")
        }
    }

    @Test(
        arguments: [
            "https://e.org/free/../x", "https://e.org/./x", "https://e.org//x", "https://e.org/%2e%2e/x",
            "https://e.org/%70rod", "https://e.org/a%2Fb", "https://e.org/a%5cb", "https://e.org/a\\b",
            "https://e.org/a%", "https://e.org/a%zz", "file:///srv/../etc/x", "https://e.org/a/..",
        ]
    )
    func `a source that could be another than it seems is refused`(_ url: String) throws {
        let policy = TrustPolicy(mode: .off, rules: [try Self.rule("https://e.org/x", .required)])
        let failure = #expect(throws: Failure.self) { try policy.demand(for: Self.artifact(url)) }
        #expect(failure?.code == .signatureInvalid)
        #expect(throws: InvalidValue.self) { try SourcePrefix(url) }
    }

    @Test func `a manifest adds to the policy and never weakens it`() throws {
        let policy = TrustPolicy(
            keys: [Self.key("release"), Self.key("team")],
            rules: [
                try Self.rule("https://e.org/", .required, ["release"]),
                try Self.rule("https://lab.org/", .warn), try Self.rule("https://free.org/", .off),
            ]
        )
        let own = SignatureSpec(type: .minisign, keys: [.text("mine")])
        let team = SignatureSpec(type: .minisign, keys: [.named(PartName(checked: "team"))])
        let both = SignatureSpec(
            type: .minisign,
            keys: [.text("mine"), .named(PartName(checked: "release"))]
        )
        let none = SignatureSpec(type: .minisign)
        let rows: [(String, SignatureSpec, [String])] = [
            ("https://e.org/a", own, ["required release", "required mine"]),
            ("https://e.org/a", team, ["required release", "required team"]),
            // The manifest accepts what the policy demands.
            ("https://e.org/a", both, ["required release"]), ("https://e.org/a", none, ["required release"]),
            ("https://lab.org/a", own, ["reported release team", "required mine"]),
            ("https://lab.org/a", none, ["required release team"]),
            ("https://free.org/a", own, ["required mine"]),
            ("https://free.org/a", none, ["required release team"]),
        ]
        for (url, spec, claims) in rows {
            #expect(Self.claims(try policy.demand(for: Self.artifact(url, spec))) == claims, "\(url) \(spec)")
        }
    }

    @Test func `where nobody has a key, required is a refusal and warn a warning`() throws {
        let failure = #expect(throws: Failure.self) {
            try TrustPolicy(mode: .required).demand(for: Self.artifact("https://e.org/a"))
        }
        #expect(failure?.code == .signatureMissing)
        let demand = try TrustPolicy(mode: .warn).demand(for: Self.artifact("https://e.org/a"))
        #expect(demand.claims.isEmpty && demand.warning?.contains("https://e.org/a") == true)
        // The manifest's own key is enough where the policy has none.
        let own = SignatureSpec(type: .ssh, keys: [.text("mine")])
        let signed = try TrustPolicy(mode: .required).demand(for: Self.artifact("https://e.org/a", own))
        #expect(Self.claims(signed) == ["required mine"])
    }

    @Test func `a named key of another type is refused`() throws {
        let policy = TrustPolicy(mode: .off, keys: [Self.key("image", .cosign)])
        let spec = SignatureSpec(type: .ssh, keys: [.named(PartName(checked: "image"))])
        #expect(throws: Failure.self) { try policy.demand(for: Self.artifact("https://e.org/a", spec)) }
        #expect(throws: Failure.self) {
            try policy.demand(for: Self.artifact("https://e.org/a", SignatureSpec(type: .ssh)))
        }
    }
}
