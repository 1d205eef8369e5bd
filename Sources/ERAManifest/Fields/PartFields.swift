import ERACore

/// The parts of a spec that are lists of objects, or objects that stand there once.
enum PartFields {
    private static let anyPart = PartName(checked: "x")

    static let dependency: Codec<Dependency> = .object(
        blank: Dependency(name: DeploymentName(checked: "x")),
        [
            .required("name", \.name, .label("database"), "Name of the deployment to wait for."),
            .optional(
                "namespace",
                \.namespace,
                .label("default"),
                "Its namespace; this one's where there is none."
            ),
        ]
    )

    static let runtime: Codec<RuntimeSpec> = .object(
        blank: RuntimeSpec(plugin: .process),
        [
            .required(
                "plugin",
                \.plugin,
                .label("process"),
                "Name of the runtime plugin: process, wasm, container, or any that is installed (`era "
                    + "plugins`)."
            ),
            .optional(
                "pluginVersion",
                \.pluginVersion,
                .text(.versionRequirement) { text throws(InvalidValue) in
                    try VersionRequirement(text)
                } write: {
                    $0.description
                },
                "Versions of the plugin that will do: comparisons that must all hold."
            ),
            .defaulted(
                "config",
                \.config,
                .anyObject,
                "The plugin's own fields, checked against its JSON Schema (`era plugins describe`)."
            ),
        ]
    )

    static let location: Codec<ArtifactLocation> = .text(.location) { text throws(InvalidValue) in
        try ArtifactLocation(text)
    } write: {
        $0.url
    }

    static let environmentVariable: Codec<EnvironmentVariable> = .object(
        blank: EnvironmentVariable(name: "", source: .value("")),
        [
            .required(
                "name",
                \.name,
                .rule(.environmentName) { !$0.isEmpty && !$0.utf8.contains(UInt8(ascii: "=")) },
                "Name of the variable."
            ),
            .choice("value", .anyText, "Its value, as it is.") { variable in
                if case .value(let value) = variable.source { value } else { nil }
            } set: {
                $0.source = .value($1)
            },
            .choice("valueFrom", valueFrom, "Where its value comes from.") { variable in
                if case .secret(let name, let key) = variable.source {
                    SecretKey(name: name, key: key)
                } else {
                    nil
                }
            } set: {
                $0.source = .secret(name: $1.name, key: $1.key)
            },
        ]
    )

    /// One value of a secret.
    struct SecretKey: Sendable {
        var name: PartName
        var key: String
    }

    private static let valueFrom: Codec<SecretKey> = .object(
        blank: SecretKey(name: anyPart, key: ""),
        [
            .required(
                "secret",
                \.self,
                .object(
                    blank: SecretKey(name: anyPart, key: ""),
                    [
                        .required("name", \.name, .label("api"), "Name of the secret."),
                        .required(
                            "key",
                            \.key,
                            .rule(.secretKey, TextRules.isSecretKey),
                            "Key within the secret."
                        ),
                    ]
                ),
                "One value of a secret."
            )
        ]
    )

    static let port: Codec<PortSpec> = .object(
        blank: PortSpec(name: anyPart, port: 1),
        [
            .required("name", \.name, .label("http"), "Name of the port, which probes can refer to."),
            .required("port", \.port, .integer(1...65535), "Number of the port."),
            .defaulted(
                "host",
                \.host,
                .rule(.address, AddressText.isAddress),
                "Address to listen on; 0.0.0.0 or \"::\" for all."
            ),
            .defaulted("protocol", \.transport, .word(), "Protocol of the port."),
            .defaulted(
                "passSocket",
                \.passSocket,
                .boolean,
                "Hand the listening socket to the workload (LISTEN_FDS), and keep it open across restarts "
                    + "and updates."
            ),
        ],
        check: { port, node, reading in
            guard port.passSocket, port.transport != .tcp else { return }
            reading.at(.field("passSocket")) {
                $0.refuse(
                    node["passSocket"]?.position ?? node.position,
                    .invalid,
                    "is for TCP only; \(port.name) is \(port.transport.rawValue)"
                )
            }
        }
    )

    static let resources: Codec<ResourceLimits> = .object(
        blank: ResourceLimits(),
        [
            .defaulted(
                "limits",
                \.self,
                .object(
                    blank: ResourceLimits(),
                    [
                        .optional("memory", \.memory, .byteCount, "Memory; the workload is killed above it."),
                        .optional(
                            "cpu",
                            \.cpu,
                            .processors,
                            "Share of processors; the workload is slowed down above it."
                        ),
                        .optional(
                            "pids",
                            \.pids,
                            .integer(1...4_194_304),
                            "Processes and threads; the workload can start no more of them."
                        ),
                    ]
                ),
                "Upper bounds; nothing is reserved."
            )
        ]
    )

    static let artifact: Codec<ArtifactSpec> = .object(
        blank: ArtifactSpec(source: ArtifactLocation.placeholder),
        [
            .required(
                "source",
                \.source,
                location,
                "Where the artifact is: an https, http, file or oci URL."
            ),
            .optional(
                "digest",
                \.digest,
                .text(.digest) { text throws(InvalidValue) in
                    try Digest(text)
                } write: {
                    $0.description
                },
                "What the artifact's bytes must hash to. Mandatory for https and http."
            ),
            .defaulted("format", \.format, .word(), "How the artifact is packed; compression is recognised."),
            .optional(
                "signature",
                \.signature,
                SignatureFields.signature,
                "The signature that the artifact must carry."
            ),
            .optional(
                "pullSecret",
                \.pullSecret,
                .label("registry-login"),
                "Name of the secret with the credentials for the source."
            ),
        ],
        check: { artifact, node, reading in
            guard artifact.source.needsDigest, artifact.digest == nil else { return }
            reading.at(.field("digest")) {
                $0.refuse(
                    node["source"]?.position ?? node.position,
                    .required,
                    "is missing; \(artifact.source.scheme.rawValue) sources need one, such as "
                        + "the output of sha256sum after sha256:"
                )
            }
        }
    )
}
