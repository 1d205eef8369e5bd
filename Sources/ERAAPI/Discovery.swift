public import ERACore

/// What the API says that it can do.
///
/// Source: Kubernetes `meta/v1` `APIResourceList` and `APIGroupList`,
/// `apidiscovery.k8s.io` `APIGroupDiscoveryList`.
public enum Discovery {
    /// One resource that can be asked for.
    private struct Resource {
        var name: String
        var singular: String
        var kind: String
        var isNamespaced: Bool
        var verbs: [String]
        var shortNames: [String] = []
        var categories: [String] = []
        var subresources: [String: [String]] = [:]
    }

    private static let core: [Resource] = [
        Resource(
            name: "events",
            singular: "event",
            kind: "Event",
            isNamespaced: true,
            verbs: ["list", "watch"],
            shortNames: ["ev"]
        )
    ]

    private static let own: [Resource] = [
        Resource(
            name: APIGroup.plural,
            singular: "deployment",
            kind: APIGroup.kind,
            isNamespaced: true,
            verbs: ["create", "delete", "get", "list", "patch", "update", "watch"],
            shortNames: ["ed"],
            categories: ["all", "era"],
            subresources: [
                "status": ["get"], "log": ["get"], "retry": ["create"], "rollback": ["create"],
                "accept": ["create"], "restart": ["create"], "suspend": ["create"], "resume": ["create"],
            ]
        ),
        Resource(
            name: "plugins",
            singular: "plugin",
            kind: "Plugin",
            isNamespaced: false,
            verbs: ["get", "list"]
        ),
        Resource(name: "sources", singular: "source", kind: "Source", isNamespaced: false, verbs: ["list"]),
    ]

    /// `GET /api`.
    public static let coreVersions: JSONValue = [
        "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [],
    ]

    /// `GET /apis`.
    public static let groups: JSONValue = [
        "kind": "APIGroupList", "apiVersion": "v1", "groups": [.object(groupMembers)],
    ]

    /// `GET /apis/era.dev`.
    public static let group: JSONValue = .object(
        groupMembers.merging(["kind": "APIGroup", "apiVersion": "v1"]) { own, _ in own }
    )

    /// `GET /api/v1`.
    public static let coreResources = resourceList("v1", core)

    /// `GET /apis/era.dev/v1`.
    public static let ownResources = resourceList(APIGroup.apiVersion, own)

    /// `GET /api` with a client that reads aggregated discovery.
    /// - Parameter version: `v2` or `v2beta1`.
    public static func aggregatedCore(_ version: String) -> JSONValue { aggregated(version, nil, core) }

    /// `GET /apis` with a client that reads aggregated discovery.
    /// - Parameter version: `v2` or `v2beta1`.
    public static func aggregatedGroups(_ version: String) -> JSONValue {
        aggregated(version, APIGroup.name, own)
    }

    private static let groupMembers: [String: JSONValue] = {
        let version: JSONValue = ["groupVersion": .string(APIGroup.apiVersion), "version": "v1"]
        return ["name": .string(APIGroup.name), "versions": [version], "preferredVersion": version]
    }()

    private static func resourceList(_ version: String, _ resources: [Resource]) -> JSONValue {
        let rows = resources.flatMap { resource in
            [row(resource, name: resource.name, verbs: resource.verbs, isWhole: true)]
                + resource.subresources.sorted { $0.key < $1.key }.map {
                    row(resource, name: "\(resource.name)/\($0.key)", verbs: $0.value, isWhole: false)
                }
        }
        return [
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": .string(version),
            "resources": .array(rows),
        ]
    }

    private static func row(_ resource: Resource, name: String, verbs: [String], isWhole: Bool) -> JSONValue {
        .members([
            "name": .text(name), "singularName": .text(isWhole ? resource.singular : ""),
            "kind": .text(resource.kind), "namespaced": .boolean(resource.isNamespaced),
            "verbs": texts(verbs),
            "shortNames": isWhole && !resource.shortNames.isEmpty ? texts(resource.shortNames) : nil,
            "categories": isWhole && !resource.categories.isEmpty ? texts(resource.categories) : nil,
        ])
    }

    private static func aggregated(_ version: String, _ group: String?, _ resources: [Resource]) -> JSONValue
    {
        let kind: (Resource) -> JSONValue = { resource in
            ["group": .string(group ?? ""), "version": "v1", "kind": .string(resource.kind)]
        }
        let rows = resources.map { resource in
            JSONValue.members([
                "resource": .text(resource.name), "responseKind": kind(resource),
                "scope": .text(resource.isNamespaced ? "Namespaced" : "Cluster"),
                "singularResource": .text(resource.singular), "verbs": texts(resource.verbs),
                "shortNames": resource.shortNames.isEmpty ? nil : texts(resource.shortNames),
                "categories": resource.categories.isEmpty ? nil : texts(resource.categories),
                "subresources": resource.subresources.isEmpty
                    ? nil
                    : .array(
                        resource.subresources.sorted { $0.key < $1.key }.map {
                            [
                                "subresource": .string($0.key), "responseKind": kind(resource),
                                "verbs": texts($0.value),
                            ]
                        }
                    ),
            ])
        }
        return [
            "kind": "APIGroupDiscoveryList", "apiVersion": .string("apidiscovery.k8s.io/\(version)"),
            "metadata": [:],
            "items": [
                [
                    "metadata": group.map { ["name": .string($0)] } ?? [:],
                    "versions": [
                        ["version": "v1", "freshness": "Current", "resources": .array(rows)]
                    ],
                ]
            ],
        ]
    }

    private static func texts(_ words: [String]) -> JSONValue { .array(words.map { .string($0) }) }
}
