public import ERAContracts
public import ERACore

// What is asked and told about the content store. Both directions stand together.

extension ArtifactUse {
    public var apiObject: JSONValue {
        [
            "digest": .string(digest.description), "deployment": key.apiObject,
            "role": .string(role.rawValue),
        ]
    }

    /// - Throws: ``InvalidObject`` unless it says which deployment keeps which digest.
    public init(apiObject: JSONValue) throws(InvalidObject) {
        guard let digest = Self.digest(apiObject), let deployment = apiObject["deployment"],
            let role = apiObject["role"]?.string.flatMap(Role.init(rawValue:))
        else { throw InvalidObject("the use of an artifact", apiObject) }
        self.init(digest: digest, key: try DeploymentKey(apiObject: deployment), role: role)
    }

    /// Nil where there is none, or none that can be read: the caller says what is missing.
    static func digest(_ object: JSONValue) -> Digest? {
        guard let text = object["digest"]?.string else { return nil }
        // Whoever asks says that the whole object is wrong.
        return try? Digest(text)
    }
}

/// What is to be brought into the content store.
public struct ArtifactRequest: Hashable, Sendable {
    public var artifact: ArtifactSpec
    /// Where its secret is looked for.
    public var namespace: NamespaceName

    public init(_ artifact: ArtifactSpec, in namespace: NamespaceName) {
        self.artifact = artifact
        self.namespace = namespace
    }

    public var apiObject: JSONValue {
        [
            "kind": "ArtifactPull", "apiVersion": .string(APIGroup.apiVersion),
            "metadata": ["namespace": .string(namespace.rawValue)],
            "spec": .members([
                "source": .string(artifact.source.url), "digest": .text(artifact.digest?.description),
                "pullSecret": .text(artifact.pullSecret?.rawValue),
            ]),
        ]
    }

    /// - Throws: `InvalidValue` for a part that is wrong; ``InvalidObject`` where there is no source.
    public init(apiObject: JSONValue) throws {
        guard let spec = apiObject["spec"], let source = spec["source"]?.string else {
            throw InvalidObject("an ArtifactPull", apiObject)
        }
        artifact = ArtifactSpec(
            source: try ArtifactLocation(source),
            digest: try spec["digest"]?.string.map { try Digest($0) },
            pullSecret: try spec["pullSecret"]?.string.map { try PartName($0) }
        )
        namespace = try apiObject["metadata"]?["namespace"]?.string.map { try NamespaceName($0) } ?? .default
        guard artifact.digest != nil || artifact.source.scheme == .oci || artifact.source.scheme == .file
        else {
            throw InvalidValue(
                source,
                expected: "an address with a digest, since it is fetched over a network; add its sha256"
            )
        }
    }
}

/// One line of the answer to an ``ArtifactRequest``: how far it has come, and at last what came of it.
public enum ArtifactNews: Hashable, Sendable {
    case progress(StepProgress)
    /// It is in the store, at this path.
    case stored(digest: Digest, size: ByteCount, path: String, name: String, resolved: String?)
    case failed(APIStatus)

    public var json: JSONValue {
        switch self {
        case .progress(let progress):
            [
                "type": "PROGRESS",
                "object": .members([
                    "done": .integer(progress.done.bytes), "total": progress.total.map { .integer($0.bytes) },
                    "queued": .boolean(progress.isQueued),
                ]),
            ]
        case .stored(let digest, let size, let path, let name, let resolved):
            [
                "type": "STORED",
                "object": .members([
                    "digest": .string(digest.description), "size": .integer(size.bytes),
                    "path": .string(path), "name": .string(name), "resolved": .text(resolved),
                ]),
            ]
        case .failed(let status): ["type": "ERROR", "object": status.json]
        }
    }

    /// - Throws: ``InvalidObject``.
    public init(json: JSONValue) throws(InvalidObject) {
        guard let object = json["object"] else { throw InvalidObject("a line about an artifact", json) }
        switch json["type"]?.string {
        case "PROGRESS":
            self = .progress(
                object["queued"]?.boolean == true
                    ? .queued
                    : StepProgress(
                        done: ByteCount(object["done"]?.integer ?? 0),
                        total: object["total"]?.integer.map { ByteCount($0) }
                    )
            )
        case "STORED":
            guard let digest = ArtifactUse.digest(object),
                let size = object["size"]?.integer, let path = object["path"]?.string
            else { throw InvalidObject("a stored artifact", object) }
            self = .stored(
                digest: digest,
                size: ByteCount(size),
                path: path,
                name: object["name"]?.string ?? "artifact",
                resolved: object["resolved"]?.string
            )
        case "ERROR": self = .failed(try APIStatus(json: object))
        default: throw InvalidObject("a line about an artifact", json)
        }
    }
}
