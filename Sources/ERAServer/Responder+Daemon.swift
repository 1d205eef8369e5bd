import ERAAPI
import ERAContracts
import ERACore
import HTTPTypes
import HummingbirdCore

extension Responder {
    func ready() async -> Response {
        let health = await controlPlane.health()
        if let degraded = health.degraded { return Self.text("degraded: \(degraded)\n", .serviceUnavailable) }
        return health.isReady ? Self.text("ok") : Self.text("starting\n", .serviceUnavailable)
    }

    func metrics() async -> Response {
        let text = Metrics.text(
            await controlPlane.health(),
            await controlPlane.list(),
            watchers: streams.count
        )
        return Self.text(text, contentType: "text/plain; version=0.0.4; charset=utf-8")
    }

    func discovery(_ document: Route.Document, _ call: Call) -> Response {
        switch document {
        case .core: aggregated(call, Discovery.aggregatedCore) ?? Self.json(Discovery.coreVersions)
        case .groups: aggregated(call, Discovery.aggregatedGroups) ?? Self.json(Discovery.groups)
        case .group: Self.json(Discovery.group)
        case .coreResources: Self.json(Discovery.coreResources)
        case .ownResources: Self.json(Discovery.ownResources)
        }
    }

    /// The aggregated form in the first version that the client reads; nil where it reads none.
    private func aggregated(_ call: Call, _ document: (String) -> JSONValue) -> Response? {
        for alternative in call.header(.accept)?.split(separator: ",") ?? [] {
            let parameters = alternative.split(separator: ";").map { $0.filter { !$0.isWhitespace } }
            guard parameters.contains("as=APIGroupDiscoveryList") else { continue }
            for version in ["v2", "v2beta1"] where parameters.contains("v=\(version)") {
                return Self.json(
                    document(version),
                    contentType:
                        "application/json;g=apidiscovery.k8s.io;v=\(version);as=APIGroupDiscoveryList"
                )
            }
        }
        return nil
    }

    func prune() async throws -> Response {
        let deleted = try await controlPlane.confirmPrune()
        return Self.json([
            "kind": "Prune", "apiVersion": .string(APIGroup.apiVersion),
            "deleted": .array(deleted.map(\.apiObject)),
        ])
    }

    func plugin(_ name: String) async throws -> Response {
        guard let plugin = await controlPlane.plugins().first(where: { $0.name.rawValue == name }) else {
            throw APIStatus(
                code: 404,
                reason: "NotFound",
                message: "plugins.\(APIGroup.name) \"\(name)\" not found; see: era plugins list",
                name: name,
                kind: "plugins",
                group: APIGroup.name
            )
        }
        return Self.json(plugin.apiObject)
    }
}
