import ERAAPI
import ERAContracts
import ERACore
import HTTPTypes
import HummingbirdCore
import NIOCore

extension Responder {
    func events(_ namespace: NamespaceName?, _ call: Call) async throws -> Response {
        let fields: FieldSelector?
        do {
            fields = try call.address.text("fieldSelector").map {
                try FieldSelector($0, fields: FieldSelector.eventFields)
            }
        } catch {
            throw APIStatus.badRequest("unable to parse the selector: \(error)")
        }
        let isWanted: @Sendable (StoredEvent) -> Bool = { event in
            (namespace == nil || namespace == event.notice.key.namespace) && fields?.matches(event) ?? true
        }
        if try call.address.flag("watch") { return try await watchEvents(call, isWanted) }
        return Self.json(StoredEvent.list(try await controlPlane.events(nil).filter(isWanted)))
    }

    /// What happened after the version that the client knows, then what happens.
    private func watchEvents(
        _ call: Call,
        _ isWanted: @escaping @Sendable (StoredEvent) -> Bool
    ) async throws -> Response {
        let stream = try stream(call)
        let after = try call.address.text("resourceVersion").map(ResourceVersion.init(query:)) ?? .init(0)
        // First the subscription, then the list: what happens between the two is in both, and told once.
        let coming = await controlPlane.watchEvents()
        let past = try await controlPlane.events(nil)
        let told = past.map(\.resourceVersion).max() ?? after
        let head = past.filter { $0.resourceVersion > after && isWanted($0) }
        return Response(
            status: .ok,
            headers: [.contentType: "application/json"],
            body: stream.body(head: head.map(Self.line), coming) { signal in
                guard case .element(let event) = signal, event.resourceVersion > told, isWanted(event) else {
                    return nil
                }
                return Self.line(event)
            }
        )
    }

    private static func line(_ event: StoredEvent) -> ByteBuffer {
        // One that is counted once more changed; one that is new was added.
        ByteBuffer(line: ["type": event.count > 1 ? "MODIFIED" : "ADDED", "object": event.apiObject])
    }

    func log(_ key: DeploymentKey, _ call: Call) async throws -> Response {
        let stream = try stream(call)
        let chunks = try await controlPlane.logs(
            key,
            previous: try call.address.flag("previous"),
            LogRequest(
                tailLines: try call.address.number("tailLines"),
                follow: try call.address.flag("follow"),
                timestamps: try call.address.flag("timestamps")
            )
        )
        return Response(
            status: .ok,
            headers: [.contentType: "text/plain"],
            body: stream.body(head: [], chunks) { signal in
                if case .element(let bytes) = signal, !bytes.isEmpty { ByteBuffer(bytes: bytes) } else { nil }
            }
        )
    }
}
