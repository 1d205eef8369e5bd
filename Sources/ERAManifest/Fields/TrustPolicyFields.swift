import ERACore

/// The trust policy as it stands in its file.
enum TrustPolicyFields {
    static let kind = "TrustPolicy"

    static let policy: Codec<TrustPolicy> = .object(
        blank: TrustPolicy(),
        [
            .constant("apiVersion", ManifestSchema.apiVersion, "The version of the format."),
            .constant("kind", kind, "What this is."),
            .defaulted("mode", \.mode, .word(), "What counts for sources that no rule is about."),
            .defaulted("keys", \.keys, .list(key), "The keys that may sign."),
            .defaulted(
                "rules",
                \.rules,
                .list(rule),
                "What counts for the sources below one; the longest that fits counts."
            ),
        ],
        check: check
    )

    private static let key: Codec<TrustPolicy.Key> = .object(
        blank: TrustPolicy.Key(name: PartName(checked: "x"), type: .minisign, place: .text("")),
        [
            .required("name", \.name, .label("release"), "What rules and manifests call the key."),
            .required("type", \.type, .word(), "The tool that it signs with."),
            .choice("publicKey", .nonEmptyText, "The key itself, in the text form of its tool.") { key in
                if case .text(let text) = key.place { text } else { nil }
            } set: {
                $0.place = .text($1)
            },
            .choice("file", SignatureFields.path, "The file that holds the key.") { key in
                if case .file(let path) = key.place { path } else { nil }
            } set: {
                $0.place = .file($1)
            },
        ]
    )

    private static let everything: SourcePrefix = {
        do throws(InvalidValue) { return try SourcePrefix("file:///") } catch {
            preconditionFailure("file:/// is the beginning of a source")
        }
    }()

    private static let rule: Codec<TrustPolicy.Rule> = .object(
        blank: TrustPolicy.Rule(source: everything),
        [
            .required(
                "source",
                \.source,
                .text(.sourcePrefix) { text throws(InvalidValue) in
                    try SourcePrefix(text)
                } write: {
                    $0.text
                },
                "What the sources of artifacts begin with."
            ),
            .defaulted("mode", \.mode, .word(), "What counts for them."),
            .optional(
                "keys",
                \.keys,
                .list(.label("release")),
                "The names of the keys that may sign them; all of the policy where there is no such list."
            ),
        ]
    )

    /// Names have one meaning, and mean something.
    private static func check(_ policy: TrustPolicy, _ node: YAMLNode, _ reading: inout Reading) {
        var names: Set<PartName> = []
        for (index, key) in policy.keys.enumerated() where !names.insert(key.name).inserted {
            let element = node["keys"]?.elements[index]
            refuse("keys", index, "name", element?["name"], .duplicate, "two keys have this name", &reading)
        }
        var sources: Set<SourcePrefix> = []
        for (index, rule) in policy.rules.enumerated() {
            let element = node["rules"]?.elements[index]
            if !sources.insert(rule.source).inserted {
                let message = "two rules are about this source"
                refuse("rules", index, "source", element?["source"], .duplicate, message, &reading)
            }
            for name in rule.keys ?? [] where !names.contains(name) {
                let near = suggestion(for: name.rawValue, among: names.map(\.rawValue).sorted())
                let hint = near.map { "; did you mean \($0)?" } ?? ""
                let message = "there is no key \(name) in this policy" + hint
                refuse("rules", index, "keys", element?["keys"], .invalid, message, &reading)
            }
        }
    }

    private static func refuse(
        _ list: String,
        _ index: Int,
        _ field: String,
        _ node: YAMLNode?,
        _ kind: FieldProblem.Kind,
        _ message: String,
        _ reading: inout Reading
    ) {
        reading.at(.field(list)) { reading in
            reading.at(.index(index)) { reading in
                reading.at(.field(field)) { reading in
                    guard let node else { return }
                    reading.refuse(node.position, kind, message)
                }
            }
        }
    }
}
