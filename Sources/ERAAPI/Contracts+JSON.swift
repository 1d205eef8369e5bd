public import ERACore
public import ERAContracts

// What the engine tells about itself, as resources that can only be read. Both directions stand together.

extension JSONValue {
    /// The items of a list object.
    /// - Throws: ``InvalidObject`` unless it is a list of that kind.
    public func items(_ kind: String) throws(InvalidObject) -> [JSONValue] {
        guard self["kind"]?.string == kind, let items = self["items"]?.array else {
            throw InvalidObject("a \(kind)", self)
        }
        return items
    }

    /// A list object of ERA's own group.
    public static func list(_ kind: String, _ items: [JSONValue], resourceVersion: String = "") -> JSONValue {
        [
            "kind": .string(kind), "apiVersion": .string(APIGroup.apiVersion),
            "metadata": ["resourceVersion": .string(resourceVersion)], "items": .array(items),
        ]
    }
}

extension Intent {
    /// The subresource that asks for it.
    public var verb: String {
        switch self {
        case .retry: "retry"
        case .rollback: "rollback"
        case .accept: "accept"
        case .restart: "restart"
        case .suspend: "suspend"
        case .resume: "resume"
        }
    }
}

extension DeploymentKey {
    public var apiObject: JSONValue {
        ["namespace": .string(namespace.rawValue), "name": .string(name.rawValue)]
    }

    /// - Throws: ``InvalidObject`` unless it holds a namespace and a name.
    public init(apiObject: JSONValue) throws(InvalidObject) {
        guard let namespace = apiObject["namespace"]?.string.flatMap(NamespaceName.init(rawValue:)),
            let name = apiObject["name"]?.string.flatMap(DeploymentName.init(rawValue:))
        else { throw InvalidObject("the name of a deployment", apiObject) }
        self.init(namespace: namespace, name: name)
    }
}

extension SourceStatus {
    public var apiObject: JSONValue {
        [
            "kind": "Source", "apiVersion": .string(APIGroup.apiVersion),
            "metadata": ["name": .string(id.rawValue)],
            "status": .members([
                "revision": .text(revision), "commit": commit?.apiObject, "readAt": .time(readAt),
                "unavailable": .text(unavailable),
                "files": .array(
                    files.map {
                        [
                            "path": .string($0.path),
                            "deployments": .array($0.deployments.map(\.apiObject)),
                            "problems": .array($0.problems.map { .string($0) }),
                            "settling": .boolean($0.isSettling),
                        ]
                    }
                ),
                "heldPrunes": .array(heldPrunes.map(\.apiObject)),
            ]),
        ]
    }

    /// - Throws: ``InvalidObject`` unless it is a `Source`.
    public init(apiObject: JSONValue) throws(InvalidObject) {
        guard apiObject["kind"]?.string == "Source", let id = apiObject["metadata"]?["name"]?.string else {
            throw InvalidObject("a Source", apiObject)
        }
        let status = apiObject["status"]
        var files: [File] = []
        for file in status?["files"]?.array ?? [] {
            files.append(
                File(
                    path: file["path"]?.string ?? "",
                    deployments: try Self.keys(file["deployments"]),
                    problems: file["problems"]?.array?.compactMap(\.string) ?? [],
                    isSettling: file["settling"]?.boolean ?? false
                )
            )
        }
        self.init(
            id: SourceID(id),
            revision: status?["revision"]?.string,
            commit: status?["commit"].flatMap { SourceCommit(apiObject: $0) },
            readAt: status?["readAt"]?.time,
            unavailable: status?["unavailable"]?.string,
            files: files,
            heldPrunes: try Self.keys(status?["heldPrunes"])
        )
    }

    private static func keys(_ list: JSONValue?) throws(InvalidObject) -> [DeploymentKey] {
        var keys: [DeploymentKey] = []
        for item in list?.array ?? [] { keys.append(try DeploymentKey(apiObject: item)) }
        return keys
    }
}

extension SourceCommit {
    fileprivate var apiObject: JSONValue {
        .members([
            "author": .string(author), "committedAt": .time(committedAt), "subject": .string(subject),
        ])
    }

    /// Nil where it is none: nothing depends on it.
    fileprivate init?(apiObject: JSONValue) {
        guard let author = apiObject["author"]?.string, let subject = apiObject["subject"]?.string,
            let committedAt = apiObject["committedAt"]?.time
        else { return nil }
        self.init(author: author, committedAt: committedAt, subject: subject)
    }
}

extension PluginDescription {
    public var apiObject: JSONValue {
        [
            "kind": "Plugin", "apiVersion": .string(APIGroup.apiVersion),
            "metadata": ["name": .string(name.rawValue)],
            "spec": ["configSchema": configSchema],
            "status": [
                "version": .string(version.description),
                "capabilities": .array(capabilities.map(\.rawValue).sorted().map { .string($0) }),
                "details": .object(details.mapValues { .string($0) }),
            ],
        ]
    }

    /// Capabilities of a newer daemon that this program does not know are left out.
    /// - Throws: ``InvalidObject`` unless it is a `Plugin` with a name and a version.
    public init(apiObject: JSONValue) throws(InvalidObject) {
        let status = apiObject["status"]
        guard apiObject["kind"]?.string == "Plugin",
            let name = apiObject["metadata"]?["name"]?.string.flatMap(PluginName.init(rawValue:)),
            // Why a version cannot be read does not matter here: the object is not a Plugin.
            let version = status?["version"]?.string.flatMap({ try? SemanticVersion($0) })
        else { throw InvalidObject("a Plugin", apiObject) }
        let words = status?["capabilities"]?.array?.compactMap(\.string) ?? []
        self.init(
            name: name,
            version: version,
            capabilities: Set(words.compactMap(Capability.init(rawValue:))),
            configSchema: apiObject["spec"]?["configSchema"] ?? [:],
            details: status?["details"]?.strings ?? [:]
        )
    }
}

extension ListedPlugin {
    public var apiObject: JSONValue {
        switch self {
        case .usable(let description): description.apiObject
        case .refused(let plugin):
            [
                "kind": "Plugin", "apiVersion": .string(APIGroup.apiVersion),
                "metadata": ["name": .string(plugin.name.rawValue)],
                "status": ["path": .string(plugin.path), "refused": .string(plugin.reason)],
            ]
        }
    }

    /// - Throws: ``InvalidObject`` unless it is a `Plugin` with a version, or with why it is refused.
    public init(apiObject: JSONValue) throws(InvalidObject) {
        guard let reason = apiObject["status"]?["refused"]?.string else {
            self = .usable(try PluginDescription(apiObject: apiObject))
            return
        }
        guard apiObject["kind"]?.string == "Plugin",
            let name = apiObject["metadata"]?["name"]?.string.flatMap(PluginName.init(rawValue:))
        else { throw InvalidObject("a Plugin", apiObject) }
        let path = apiObject["status"]?["path"]?.string ?? ""
        self = .refused(RefusedPlugin(name: name, path: path, reason: reason))
    }
}

extension EngineHealth {
    public var apiObject: JSONValue {
        [
            "kind": "Health", "apiVersion": .string(APIGroup.apiVersion),
            "status": .members([
                "ready": .boolean(isReady), "degraded": .text(degraded), "startedAt": .time(startedAt),
                "busy": .int(busy),
                "phases": .object(
                    Dictionary(
                        uniqueKeysWithValues: phases.map { ($0.key.rawValue, .integer(Int64($0.value))) }
                    )
                ),
            ]),
        ]
    }

    /// - Throws: ``InvalidObject`` unless it is a `Health`.
    public init(apiObject: JSONValue) throws(InvalidObject) {
        guard apiObject["kind"]?.string == "Health", let status = apiObject["status"],
            let startedAt = status["startedAt"]?.time
        else { throw InvalidObject("a Health", apiObject) }
        var phases: [Phase: Int] = [:]
        for (word, count) in status["phases"]?.object ?? [:] {
            guard let phase = Phase(rawValue: word) else { continue }
            phases[phase] = count.int
        }
        self.init(
            isReady: status["ready"]?.boolean ?? false,
            degraded: status["degraded"]?.string,
            startedAt: startedAt,
            phases: phases,
            busy: status["busy"]?.int ?? 0
        )
    }
}

extension VersionObject {
    /// The shape of Kubernetes' `version.Info`, with ERA's own version beside it.
    public var apiObject: JSONValue {
        let numbers = kubernetes.drop { $0 == "v" }.split(separator: ".")
        return [
            "major": .string(String(numbers.first ?? "1")),
            "minor": .string(String(numbers.dropFirst().first ?? "0")),
            "gitVersion": .string("\(kubernetes)+era-\(era)"),
            "eraVersion": .string(era),
            "platform": "linux",
        ]
    }

    /// - Throws: ``InvalidObject`` unless it names ERA's version.
    public init(apiObject: JSONValue) throws(InvalidObject) {
        guard let era = apiObject["eraVersion"]?.string, let git = apiObject["gitVersion"]?.string else {
            throw InvalidObject("the version of an era daemon", apiObject)
        }
        self.init(era: era, kubernetes: String(git.prefix { $0 != "+" }))
    }
}
