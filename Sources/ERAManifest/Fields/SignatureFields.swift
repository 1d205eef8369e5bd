import ERACore

/// What manifests and trust policies say about signatures.
enum SignatureFields {
    static let signature: Codec<SignatureSpec> = .object(
        blank: SignatureSpec(type: .minisign),
        [
            .required("type", \.type, .word(), "The tool that made the signature."),
            .optional(
                "source",
                \.source,
                PartFields.location,
                "URL of the detached signature; where there is none, its place follows from the artifact's."
            ),
            .optional(
                "publicKey",
                \.onlyText,
                .nonEmptyText,
                "The public key, in the text form of its tool. Short for `keys` with this one."
            ),
            .defaulted(
                "keys",
                \.listedKeys,
                .list(key),
                "The public keys, of which any one suffices; without `publicKey` and `keys`, those that the "
                    + "trust policy has."
            ),
            .defaulted(
                "allowDowngrade",
                \.allowDowngrade,
                .boolean,
                "Install it also where its signature says an older version than one that was installed."
            ),
        ],
        check: { signature, node, reading in
            if let text = node["publicKey"] { check(text, signature.type, &reading) }
            guard let keys = node["keys"] else { return }
            reading.at(.field("keys")) { reading in
                guard signature.keys.count <= ManifestLimits.keyLimit else {
                    return reading.refuse(
                        keys.position,
                        .invalid,
                        "has \(signature.keys.count) keys, of at most \(ManifestLimits.keyLimit)"
                    )
                }
                for (index, key) in keys.elements.enumerated() {
                    guard let text = key["publicKey"] else { continue }
                    reading.at(.index(index)) { check(text, signature.type, &$0) }
                }
            }
        },
        checkParts: { node, reading in
            guard node["publicKey"] != nil, let keys = node["keys"] else { return }
            reading.at(.field("keys")) {
                $0.refuse(keys.position, .invalid, "stands beside publicKey; put that key into the list")
            }
        }
    )

    /// Whether the text in `publicKey` is a key of the tool.
    private static func check(_ text: YAMLNode, _ type: SignatureSpec.Kind, _ reading: inout Reading) {
        guard let problem = text.string.flatMap({ reading.checks.publicKey($0, type) }) else { return }
        reading.at(.field("publicKey")) { $0.refuse(text.position, .invalid, problem) }
    }

    private static let key: Codec<SignatureKey> = .object(
        blank: .text(""),
        [
            .choice("publicKey", .nonEmptyText, "The key itself, in the text form of its tool.") { key in
                if case .text(let text) = key { text } else { nil }
            } set: {
                $0 = .text($1)
            },
            .choice("file", path, "The file on this machine that holds the key.") { key in
                if case .file(let path) = key { path } else { nil }
            } set: {
                $0 = .file($1)
            },
            .choice("name", .label("release"), "What the trust policy calls the key.") { key -> PartName? in
                if case .named(let name) = key { name } else { nil }
            } set: {
                $0 = .named($1)
            },
        ]
    )

    static let path: Codec<String> = .rule(.absolutePath) {
        $0.hasPrefix("/") && TextRules.isContained($0)
    }
}

extension SignatureSpec {
    /// The key where it is the only one and stands there itself.
    fileprivate var onlyText: String? {
        get { if keys.count == 1, case .text(let text) = keys[0] { text } else { nil } }
        set { if let newValue { keys = [.text(newValue)] } }
    }

    /// All keys, where one text does not say it.
    fileprivate var listedKeys: [SignatureKey] {
        get { onlyText == nil ? keys : [] }
        set { keys = newValue }
    }
}
