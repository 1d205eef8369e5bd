public import ERACore

/// A deployment as the API shows it: the object itself, and names for what is in it.
///
/// The command reads answers through it, and the server's tests do; so there is one definition of the shape.
/// What a daemon of another version leaves out reads as nil or empty, never as an error.
public struct DeploymentObject: Hashable, Sendable {
    /// The whole object, for `-o json` and `-o yaml`.
    public let json: JSONValue
    public let key: DeploymentKey

    /// - Throws: ``InvalidObject`` unless it is a Deployment of `era.dev/v1` with a well-formed name.
    public init(_ json: JSONValue) throws(InvalidObject) {
        let metadata = json["metadata"]
        guard json["kind"]?.string == APIGroup.kind, json["apiVersion"]?.string == APIGroup.apiVersion,
            let name = metadata?["name"]?.string.flatMap(DeploymentName.init(rawValue:)),
            let namespace = NamespaceName(rawValue: metadata?["namespace"]?.string ?? "default")
        else { throw InvalidObject("a Deployment of \(APIGroup.apiVersion)", json) }
        self.json = json
        key = DeploymentKey(namespace: namespace, name: name)
    }

    public var name: String { key.name.rawValue }
    public var namespace: String { key.namespace.rawValue }
}

// MARK: Metadata and spec

extension DeploymentObject {
    private var metadata: JSONValue? { json["metadata"] }
    private var spec: JSONValue? { json["spec"] }

    public var uid: String { metadata?["uid"]?.string ?? "" }
    /// Opaque; to be sent back as it is.
    public var resourceVersion: String { metadata?["resourceVersion"]?.string ?? "" }
    public var generation: Int { metadata?["generation"]?.int ?? 0 }
    public var createdAt: WallTime? { metadata?["creationTimestamp"]?.time }
    /// When deletion was asked for; nil when it was not.
    public var deletedAt: WallTime? { metadata?["deletionTimestamp"]?.time }
    public var labels: [String: String] { metadata?["labels"]?.strings ?? [:] }
    public var annotations: [String: String] { metadata?["annotations"]?.strings ?? [:] }

    /// The version that is declared.
    public var declaredVersion: String { spec?["version"]?.string ?? "" }
    public var plugin: String { spec?["runtime"]?["plugin"]?.string ?? "" }
}

// MARK: Status

extension DeploymentObject {
    private var status: JSONValue? { json["status"] }

    /// The phase's word; one that this program does not know stays readable.
    public var phaseText: String { status?["phase"]?.string ?? "" }
    public var phase: Phase? { Phase(rawValue: phaseText) }
    /// The step in progress: `Fetch`, `Install`, …
    public var step: String? { status?["step"]?.string }
    public var observedGeneration: Int { status?["observedGeneration"]?.int ?? 0 }
    public var conditions: [Condition] {
        status?["conditions"]?.array?.compactMap(Condition.init(apiObject:)) ?? []
    }
    /// The condition of this kind; nil where the status has none.
    public func condition(_ kind: Condition.Kind) -> Condition? { conditions.first { $0.kind == kind } }
    public var isReady: Bool { condition(.ready)?.isTrue ?? false }
    public var isSuspended: Bool { status?["suspended"]?.boolean ?? false }
    /// Where it is declared, and so the place to change it.
    public var origin: Origin? {
        guard let origin = status?["origin"], let source = origin["source"]?.string else { return nil }
        return Origin(source: source, path: origin["path"]?.string)
    }
    /// Why nothing moves.
    public var wait: WaitText? { status?["wait"].flatMap(WaitText.init(apiObject:)) }
    /// The revision that the deployment is driven to.
    public var revision: Int { status?["revision"]?.int ?? 0 }
    /// The revision that serves; nil while none does.
    public var servingRevision: Int? { status?["servingRevision"]?.int }
    /// The version that serves; nil while none does.
    public var version: String? { status?["version"]?.string }
    /// The healthy revision before the present one, which a rollback goes to.
    public var previousRevision: Int? { status?["previousRevision"]?.int }
    public var restarts: Int { status?["restarts"]?.int ?? 0 }
    public var lastExit: ExitStatus? { status?["lastExit"].flatMap(ExitStatus.init(apiObject:)) }
    public var instance: InstanceText? { status?["instance"].flatMap(InstanceText.init(apiObject:)) }
    public var progress: ProgressText? { status?["progress"].flatMap(ProgressText.init(apiObject:)) }
    /// Why the declared generation is not tried again.
    public var quarantine: FailureText? { status?["quarantine"].flatMap(FailureText.init(apiObject:)) }
    /// Why it is Failed or RollbackFailed, or what is being rolled back, or why
    /// the step in progress is tried again.
    public var failure: FailureText? { status?["failure"].flatMap(FailureText.init(apiObject:)) }
    /// Why it could not be rolled back either.
    public var rollbackFailure: FailureText? {
        status?["rollbackFailure"].flatMap(FailureText.init(apiObject:))
    }
    /// Newest first.
    public var revisions: [RevisionText] {
        status?["revisions"]?.array?.compactMap(RevisionText.init(apiObject:)) ?? []
    }
}
