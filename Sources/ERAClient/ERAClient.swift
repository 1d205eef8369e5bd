public import ERAAPI
public import ERACore
public import ERAContracts

/// The daemon's API from outside, over its unix socket.
///
/// Cheap to make: nothing is opened before the first request. Copies share their connections,
/// which close with the last copy. Every method throws ``ClientError``, or
/// `CancellationError` when the task is cancelled.
public struct ERAClient: Sendable {
    let transport: Transport

    /// - Parameter socketPath: `<run>/era.sock`.
    /// - Parameter timeout: For each request but the streams.
    public init(socketPath: String, timeout: Duration = .seconds(30)) {
        transport = Transport(socketPath: socketPath, timeout: timeout)
    }

    // MARK: Reading deployments

    /// - Parameter namespace: Nil for all namespaces.
    /// - Parameter labelSelector: As Kubernetes writes it: `app=web,tier!=db,env in (a,b),!x`.
    /// - Parameter fieldSelector: `metadata.name=…`, `metadata.namespace=…`, `status.phase=…`.
    public func list(
        namespace: NamespaceName? = nil,
        labelSelector: String? = nil,
        fieldSelector: String? = nil
    ) async throws -> DeploymentObjectList {
        let path =
            Self.deployments(namespace)
            + Self.query([("labelSelector", labelSelector), ("fieldSelector", fieldSelector)])
        return try await read(try await send("GET", path)) { try DeploymentObjectList($0) }
    }

    /// The deployment as it is now.
    /// - Throws: ``ClientError``: a status with code 404 where there is none of this name.
    public func get(_ key: DeploymentKey) async throws -> DeploymentObject {
        try await read(try await send("GET", Self.path(key))) { try DeploymentObject($0) }
    }

    /// What exists, then what changes; one request for each iteration.
    public func watch(
        namespace: NamespaceName? = nil,
        labelSelector: String? = nil,
        fieldSelector: String? = nil
    ) -> WatchEvents {
        WatchEvents(
            transport: transport,
            path: Self.deployments(namespace)
                + Self.query([
                    ("watch", "true"), ("sendInitialEvents", "true"), ("allowWatchBookmarks", "true"),
                    ("resourceVersionMatch", "NotOlderThan"),
                    ("labelSelector", labelSelector), ("fieldSelector", fieldSelector),
                ])
        )
    }

    /// What exists of one deployment (nothing, perhaps), then what changes.
    public func watch(_ key: DeploymentKey) -> WatchEvents {
        watch(namespace: key.namespace, fieldSelector: "metadata.name=\(key.name)")
    }

    // MARK: Changing deployments

    /// Declares a deployment by server-side apply: makes it, or changes it to what is given.
    ///
    /// - Parameter object: The manifest; `metadata.resourceVersion`, where present, must be the present one.
    /// - Parameter dryRun: Answer what would be, change nothing.
    /// - Parameter ignoringUnknownFields: Leave out what the daemon does not know, instead of refusing.
    public func apply(
        _ object: JSONValue,
        dryRun: Bool = false,
        ignoringUnknownFields: Bool = false
    ) async throws -> AppliedObject {
        guard let name = object["metadata"]?["name"]?.string else {
            throw ClientError.status(
                APIStatus(
                    code: 422,
                    reason: "Invalid",
                    message: "the object has no metadata.name; give it one"
                )
            )
        }
        let namespace = object["metadata"]?["namespace"]?.string ?? "default"
        let path =
            APIGroup.root + "/namespaces/" + PercentEncoding.encode(namespace, keepingSlash: false)
            + "/\(APIGroup.plural)/" + PercentEncoding.encode(name, keepingSlash: false)
            + Self.query([
                ("fieldManager", APIGroup.fieldManager), ("force", "true"),
                ("fieldValidation", ignoringUnknownFields ? "Ignore" : "Strict"),
                ("dryRun", dryRun ? "All" : nil),
            ])
        let answer = try await send("PATCH", path, contentType: "application/apply-patch+yaml", body: object)
        let fallback: AppliedObject.Effect = answer.code == 201 ? .created : .configured
        let effect = answer.header(APIGroup.effectHeader).flatMap(AppliedObject.Effect.init(rawValue:))
        return AppliedObject(
            object: try await read(answer) { try DeploymentObject($0) },
            effect: effect ?? fallback
        )
    }

    /// Asks for deletion.
    /// - Returns: The deployment as it is now, being deleted; with `dryRun` as it is.
    @discardableResult
    public func delete(_ key: DeploymentKey, dryRun: Bool = false) async throws -> DeploymentObject {
        let path = Self.path(key) + Self.query([("dryRun", dryRun ? "All" : nil)])
        return try await read(try await send("DELETE", path)) { try DeploymentObject($0) }
    }

    /// Passes on what a person asks for: retry, rollback, accept, restart, suspend, resume.
    @discardableResult
    public func request(_ intent: Intent, for key: DeploymentKey) async throws -> DeploymentObject {
        var body: JSONValue?
        if case .rollback(let revision?) = intent { body = ["revision": .integer(Int64(revision.rawValue))] }
        let answer = try await send("POST", Self.path(key) + "/" + intent.verb, body: body ?? [:])
        return try await read(answer) { try DeploymentObject($0) }
    }

    // MARK: Events and logs

    /// Oldest first.
    public func events(namespace: NamespaceName? = nil) async throws -> [EventObject] {
        try await events(at: Self.events(namespace))
    }

    /// Of one deployment, oldest first.
    public func events(_ key: DeploymentKey) async throws -> [EventObject] {
        try await events(at: Self.events(key.namespace) + Self.query([("fieldSelector", Self.about(key))]))
    }

    /// What happened, oldest first, then what happens; with `after`, a
    /// resource version, only what came later.
    public func watchEvents(namespace: NamespaceName? = nil, after: String? = nil) -> EventObjects {
        EventObjects(
            transport: transport,
            path: Self.events(namespace) + Self.query([("watch", "true"), ("resourceVersion", after)])
        )
    }

    /// What happened to one deployment, oldest first, then what happens; with `after` only what came later.
    public func watchEvents(_ key: DeploymentKey, after: String? = nil) -> EventObjects {
        EventObjects(
            transport: transport,
            path: Self.events(key.namespace)
                + Self.query([
                    ("watch", "true"), ("resourceVersion", after), ("fieldSelector", Self.about(key)),
                ])
        )
    }

    /// The output of the serving or newest revision, or of the one before it; one request for each iteration.
    public func logs(
        _ key: DeploymentKey,
        previous: Bool = false,
        _ request: LogRequest = LogRequest()
    ) -> LogChunks {
        LogChunks(
            transport: transport,
            path: Self.path(key) + "/log"
                + Self.query([
                    ("follow", request.follow ? "true" : nil), ("previous", previous ? "true" : nil),
                    ("timestamps", request.timestamps ? "true" : nil),
                    ("tailLines", request.tailLines.map { String($0) }),
                ])
        )
    }

    // MARK: The daemon

    /// What the sources hold, and what is wrong with it.
    public func sources() async throws -> [SourceStatus] {
        let answer = try await send("GET", APIGroup.root + "/sources")
        return try await read(answer) { try $0.items("SourceList").map { try SourceStatus(apiObject: $0) } }
    }

    /// Lets the deletions happen that the prune guard holds back.
    /// - Returns: What is deleted now.
    @discardableResult
    public func confirmPrune() async throws -> [DeploymentKey] {
        let answer = try await send("POST", APIGroup.root + "/prune", body: [:])
        return try await read(answer) {
            try ($0["deleted"]?.array ?? []).map { try DeploymentKey(apiObject: $0) }
        }
    }

    /// Has all sources read and all deployments looked at, and returns when that has been done once.
    public func resync() async throws {
        _ = try await send("POST", APIGroup.root + "/resync", body: [:])
    }

    /// Sorted by name, with those that cannot be used.
    public func plugins() async throws -> [ListedPlugin] {
        let answer = try await send("GET", APIGroup.root + "/plugins")
        return try await read(answer) {
            try $0.items("PluginList").map { try ListedPlugin(apiObject: $0) }
        }
    }

    /// The plugin of this name, with its options.
    /// - Throws: ``ClientError``: a status with code 404 where there is none.
    public func plugin(_ name: PluginName) async throws -> ListedPlugin {
        let answer = try await send("GET", APIGroup.root + "/plugins/\(name)")
        return try await read(answer) { try ListedPlugin(apiObject: $0) }
    }

    /// What the daemon is.
    public func version() async throws -> VersionObject {
        try await read(try await send("GET", "/version")) { try VersionObject(apiObject: $0) }
    }

    /// How the daemon itself fares.
    public func health() async throws -> EngineHealth {
        try await read(try await send("GET", APIGroup.root + "/health")) { try EngineHealth(apiObject: $0) }
    }
}
