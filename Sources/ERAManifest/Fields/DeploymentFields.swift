import ERACore

/// The whole manifest. Source of its names and defaults: docs/manifest.md is made from here.
enum DeploymentFields {
    static let metadata: Codec<Metadata> = .object(
        blank: Metadata(name: DeploymentName(checked: "x")),
        [
            .required(
                "name",
                \.name,
                .label("hello"),
                "Name of the deployment, unique within its namespace."
            ),
            .defaulted("namespace", \.namespace, .label("default"), "Namespace of the deployment."),
            .defaulted(
                "labels",
                \.labels,
                .map(
                    keys: .labelKey,
                    values: .labelValue,
                    isKey: TextRules.isLabelKey,
                    isValue: TextRules.isLabelValue
                ),
                "What selectors look for."
            ),
            .defaulted(
                "annotations",
                \.annotations,
                .map(keys: .labelKey, values: .anyText, isKey: TextRules.isLabelKey, isValue: { _ in true }),
                "Anything else that tools and people attach."
            ),
        ] + serverFields.map { .ignored($0, "Set by the server.") },
        check: { metadata, node, reading in
            let size = metadata.annotations.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
            guard size > ManifestLimits.annotationSizeLimit else { return }
            reading.at(.field("annotations")) {
                $0.refuse(
                    node["annotations"]?.position ?? node.position,
                    .invalid,
                    "have \(size) bytes, of at most \(ManifestLimits.annotationSizeLimit) together"
                )
            }
        }
    )

    /// What a server adds to metadata, and kubectl sends back. Source: Kubernetes `meta/v1.ObjectMeta`.
    static let serverFields = [
        "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp",
        "deletionGracePeriodSeconds", "finalizers", "ownerReferences", "managedFields", "selfLink",
    ]

    static let spec: Codec<DeploymentSpec> = .object(
        blank: DeploymentSpec(version: .placeholder, runtime: RuntimeSpec(plugin: .process)),
        whatRuns + howItIsHandled,
        checkParts: SpecChecks.check
    )

    private static let whatRuns: [Field<DeploymentSpec>] = [
        .required(
            "version",
            \.version,
            .text(.version) { text throws(InvalidValue) in
                try SemanticVersion(text)
            } write: {
                $0.description
            },
            "Version of what is deployed, by Semantic Versioning 2.0.0."
        ),
        .defaulted("suspend", \.suspend, .boolean, "Leave the deployment exactly as it is."),
        .defaulted(
            "dependsOn",
            \.dependsOn,
            .list(PartFields.dependency),
            "Deployments that must be Available before this one starts; deletion goes the other way round."
        ),
        .required("runtime", \.runtime, PartFields.runtime, "Which plugin runs the deployment, and how."),
        .optional(
            "artifact",
            \.artifact,
            PartFields.artifact,
            "The deployment's files. May be left out where the plugin runs what the host has."
        ),
        .defaulted("command", \.command, .list(.anyText), "The program, and arguments that belong to it."),
        .defaulted("args", \.args, .list(.anyText), "Arguments after those of `command`."),
        .defaulted(
            "workingDirectory",
            \.workingDirectory,
            .rule(.path, TextRules.isContained),
            "Where the program runs: relative to the unpacked artifact, or absolute."
        ),
        .defaulted(
            "env",
            \.env,
            .list(PartFields.environmentVariable),
            "Variables of the program's environment."
        ),
        .defaulted("ports", \.ports, .list(PartFields.port), "Ports that the workload listens on."),
        .defaulted(
            "volumes",
            \.volumes,
            .list(VolumeFields.volume),
            "Files that the workload finds at a path."
        ),
        .defaulted("resources", \.resources, PartFields.resources, "What the workload may use."),
        .optional(
            "user",
            \.user,
            .user,
            "The user that the workload runs as; ERA's own where there is none."
        ),
    ]

    private static let howItIsHandled: [Field<DeploymentSpec>] = [
        .defaulted(
            "health",
            \.health,
            ProbeFields.health,
            "When the deployment counts as started, alive and ready. Without probes it is healthy while "
                + "it runs."
        ),
        .defaulted("restart", \.restart, PolicyFields.restart, "What happens when the workload exits."),
        .defaulted(
            "retry",
            \.retry,
            PolicyFields.retry,
            "How often and how soon a step is tried again after a transient error."
        ),
        .defaulted("update", \.update, PolicyFields.update, "How one revision replaces another."),
        .defaulted("rollback", \.rollback, PolicyFields.rollback, "What happens when an update fails."),
        .defaulted("stop", \.stop, PolicyFields.stop, "How the workload is asked to stop."),
        .defaulted(
            "revisionHistoryLimit",
            \.revisionHistoryLimit,
            .integer(0...1000),
            "Superseded revisions that are kept for `era rollback --to`."
        ),
    ]

    static let deployment: Codec<Deployment> = .object(
        blank: Deployment(
            metadata: Metadata(name: DeploymentName(checked: "x")),
            spec: DeploymentSpec(version: .placeholder, runtime: RuntimeSpec(plugin: .process))
        ),
        [
            .constant("apiVersion", ManifestSchema.apiVersion, "Version of this format."),
            .constant("kind", ManifestSchema.kind, "Kind of the object."),
            .required(
                "metadata",
                \.metadata,
                metadata,
                "Name of the deployment, and what users attach to it."
            ),
            .required("spec", \.spec, spec, "What is to run, and how ERA handles it."),
            .ignored("status", "What ERA observes; set by the server."),
        ],
        checkParts: checkDependencies
    )

    /// Refuses a deployment that waits for itself.
    private static func checkDependencies(_ node: YAMLNode, _ reading: inout Reading) {
        guard let name = node["metadata"]?["name"]?.string else { return }
        let namespace = node["metadata"]?["namespace"]?.string ?? "default"
        reading.at(.field("spec")) { reading in
            reading.at(.field("dependsOn")) { reading in
                for (index, dependency) in (node["spec"]?["dependsOn"]?.elements ?? []).enumerated()
                where dependency["name"]?.string == name
                    && (dependency["namespace"]?.string ?? namespace) == namespace
                {
                    reading.at(.index(index)) {
                        $0.refuse(dependency.position, .invalid, "names the deployment itself")
                    }
                }
            }
        }
    }
}
