public import ERACore
public import ERAContracts

extension StoredEvent {
    /// The event's own name, unique in its namespace.
    public var objectName: String { "\(notice.key.name).\(String(id, radix: 16))" }

    /// The event in the shape of Kubernetes' `core/v1.Event`.
    public var apiObject: JSONValue {
        let namespace = JSONValue.string(notice.key.namespace.rawValue)
        return [
            "kind": "Event", "apiVersion": "v1",
            "metadata": [
                "name": .string(objectName), "namespace": namespace, "uid": .string("era-event-\(id)"),
                "resourceVersion": .string(resourceVersion.description),
                "creationTimestamp": .string(notice.at.rfc3339),
            ],
            "involvedObject": [
                "kind": .string(APIGroup.kind), "apiVersion": .string(APIGroup.apiVersion),
                "namespace": namespace, "name": .string(notice.key.name.rawValue), "uid": .string(notice.uid),
            ],
            "type": .string(notice.kind.rawValue), "reason": .string(notice.reason),
            "message": .string(notice.message), "count": .integer(Int64(count)),
            "firstTimestamp": .string(notice.at.rfc3339), "lastTimestamp": .string(lastAt.rfc3339),
            "eventTime": .null, "source": ["component": "era"],
            "reportingComponent": "era.dev/daemon", "reportingInstance": "",
        ]
    }

    /// An `EventList` at the version of its newest event.
    public static func list(_ events: [StoredEvent]) -> JSONValue {
        [
            "kind": "EventList", "apiVersion": "v1",
            "metadata": [
                "resourceVersion": .string((events.map(\.resourceVersion).max() ?? .init(0)).description)
            ],
            "items": .array(events.map(\.apiObject)),
        ]
    }
}
