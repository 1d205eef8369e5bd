public import ERACore

extension WatchEvent {
    /// One line of a watch.
    public var json: JSONValue {
        switch self {
        case .added(let object): ["type": "ADDED", "object": object.json]
        case .modified(let object): ["type": "MODIFIED", "object": object.json]
        case .deleted(let object): ["type": "DELETED", "object": object.json]
        case .bookmark(let version, let endsInitialEvents):
            Self.bookmark(
                kind: APIGroup.kind,
                apiVersion: APIGroup.apiVersion,
                resourceVersion: version,
                endsInitialEvents: endsInitialEvents
            )
        }
    }

    /// A bookmark of a watch of any kind.
    public static func bookmark(
        kind: String,
        apiVersion: String,
        resourceVersion: String,
        endsInitialEvents: Bool
    ) -> JSONValue {
        var metadata: [String: JSONValue] = ["resourceVersion": .string(resourceVersion)]
        if endsInitialEvents { metadata["annotations"] = [APIGroup.initialEventsEnd: "true"] }
        return [
            "type": "BOOKMARK",
            "object": [
                "kind": .string(kind), "apiVersion": .string(apiVersion), "metadata": .object(metadata),
            ],
        ]
    }

    /// - Throws: The ``APIStatus`` that an ERROR line carries; ``InvalidObject`` for
    ///   anything that is no line of a watch.
    public init(json: JSONValue) throws {
        guard let type = json["type"]?.string, let object = json["object"] else {
            throw InvalidObject("a line of a watch", json)
        }
        switch type {
        case "ADDED": self = .added(try DeploymentObject(object))
        case "MODIFIED": self = .modified(try DeploymentObject(object))
        case "DELETED": self = .deleted(try DeploymentObject(object))
        case "BOOKMARK":
            let metadata = object["metadata"]
            self = .bookmark(
                resourceVersion: metadata?["resourceVersion"]?.string ?? "",
                endsInitialEvents: metadata?["annotations"]?[APIGroup.initialEventsEnd]?.string == "true"
            )
        case "ERROR": throw try APIStatus(json: object)
        default: throw InvalidObject("a line of a watch of a known type", json)
        }
    }
}
