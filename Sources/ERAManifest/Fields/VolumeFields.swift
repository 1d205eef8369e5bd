import ERACore

/// Volumes: a name, where it is mounted, and one of four kinds of source.
enum VolumeFields {
    private struct Persistent: Equatable {
        var retain = false
    }

    private struct HostPath {
        var path: String
        var readOnly = false
    }

    private struct Tmpfs {
        var sizeLimit: ByteCount?
    }

    private struct Secret {
        var name: PartName
    }

    private static let persistent: Codec<Persistent> = .object(
        blank: Persistent(),
        [.defaulted("retain", \.retain, .boolean, "Keep the files when the deployment is deleted.")]
    )

    private static let hostPath: Codec<HostPath> = .object(
        blank: HostPath(path: ""),
        [
            .required(
                "path",
                \.path,
                .rule(.absolutePath) { $0.hasPrefix("/") && TextRules.isContained($0) },
                "The file or directory of the host."
            ),
            .defaulted("readOnly", \.readOnly, .boolean, "The workload cannot write to it."),
        ]
    )

    private static let tmpfs: Codec<Tmpfs> = .object(
        blank: Tmpfs(),
        [.optional("sizeLimit", \.sizeLimit, .byteCount, "The most that it holds.")]
    )

    private static let secret: Codec<Secret> = .object(
        blank: Secret(name: PartName(checked: "x")),
        [.required("name", \.name, .label("api"), "Name of the secret.")]
    )

    static let volume: Codec<VolumeSpec> = .object(
        blank: VolumeSpec(name: PartName(checked: "x"), mountPath: "", source: .persistent(retain: false)),
        [
            .required("name", \.name, .label("state"), "Name of the volume."),
            .required(
                "mountPath",
                \.mountPath,
                .rule(.path, TextRules.isContained),
                "Where the workload finds it: relative to the working directory, or absolute."
            ),
            .choice("persistent", persistent, "A directory that outlives revisions.") { volume in
                if case .persistent(let retain) = volume.source { Persistent(retain: retain) } else { nil }
            } set: {
                $0.source = .persistent(retain: $1.retain)
            },
            .choice("hostPath", hostPath, "A file or directory of the host.") { volume in
                if case .hostPath(let path, let readOnly) = volume.source {
                    HostPath(path: path, readOnly: readOnly)
                } else {
                    nil
                }
            } set: {
                $0.source = .hostPath(path: $1.path, readOnly: $1.readOnly)
            },
            .choice("tmpfs", tmpfs, "A directory in memory, empty at each start.") { volume in
                if case .tmpfs(let sizeLimit) = volume.source { Tmpfs(sizeLimit: sizeLimit) } else { nil }
            } set: {
                $0.source = .tmpfs(sizeLimit: $1.sizeLimit)
            },
            .choice("secret", secret, "One file per key of a secret, which only the workload can read.") {
                volume in
                if case .secret(let name) = volume.source { Secret(name: name) } else { nil }
            } set: {
                $0.source = .secret(name: $1.name)
            },
        ],
        checkParts: { node, reading in
            guard let path = node["mountPath"], let text = path.string, isWhole(text) else { return }
            reading.at(.field("mountPath")) {
                $0.refuse(
                    path.position,
                    .invalid,
                    "\(quoted(text)) would hide everything else; name a directory in it"
                )
            }
        }
    )

    /// Whether the path is the working directory or the root itself.
    private static func isWhole(_ path: String) -> Bool {
        !path.isEmpty && path.split(separator: "/").allSatisfy { $0 == "." }
    }
}
