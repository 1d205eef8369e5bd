import ERAContracts
import ERACore

/// The life of a deployment, built from the real fold: each event becomes an entry with the record after it.
struct Life {
    let key: DeploymentKey
    private(set) var entries: [JournalEntry] = []
    private(set) var record: DeploymentRecord?
    private var clock: Int64 = 1_000
    private var generation = 0
    private let uid: String

    init(_ name: String = "web", uid: String? = nil) throws {
        key = DeploymentKey(name: try DeploymentName(name))
        self.uid = uid ?? "uid-\(name)"
    }

    private mutating func now() -> Timestamp {
        clock += 7
        return Timestamp(
            uptime: Uptime(sinceBoot: .milliseconds(clock) + .nanoseconds(123)),
            wall: WallTime(sinceEpoch: .milliseconds(1_800_000_000_000 + clock))
        )
    }

    mutating func happen(_ kind: JournalEvent.Kind) throws {
        let event = JournalEvent(at: now(), kind)
        let next = try record?.applying(event) ?? DeploymentRecord(key: key, founding: event)
        record = next
        entries.append(JournalEntry(event: event, record: next))
    }

    /// Declares another version; the revision has the number of the generation.
    mutating func declare(_ version: String, uid: String? = nil) throws {
        generation += 1
        let number = RevisionNumber(generation)
        let deployment = Deployment(
            metadata: Metadata(name: key.name, labels: ["app": "web", "ünicode": "\u{1F980} \"quoted\"\n"]),
            spec: try Self.spec(version)
        )
        let revision = Revision(
            number: number,
            templateHash: try Digest("sha256:" + String(repeating: "a", count: 64)),
            spec: deployment.spec.template,
            createdAt: WallTime(sinceEpoch: .seconds(1_800_000_000))
        )
        let declaration = Declaration(
            generation: generation,
            revision: number,
            deployment: deployment,
            origin: Origin(source: "directory:/etc/era/manifests", path: "web.yaml")
        )
        try happen(.declared(declaration, revision: revision, uid: uid ?? self.uid))
    }

    /// Forgets how often it was declared: the name begins anew.
    mutating func startAnew() { generation = 0 }

    mutating func install(_ revision: Int, isUpdate: Bool = false) throws {
        let number = RevisionNumber(revision)
        let artifact = StoredArtifact(
            digest: try Digest("sha256:" + String(repeating: "b", count: 64)),
            size: ByteCount(123_456),
            path: "/var/lib/era/artifacts/blobs/sha256/bb",
            name: "web-1.0.0.tar.gz"
        )
        try happen(isUpdate ? .updateBegan : .admitted(replacing: false))
        try happen(.stepSucceeded(.validate(number), .done))
        try happen(.stepSucceeded(.fetch(number), .fetched(artifact)))
        try happen(.stepSucceeded(.prepare(number), .done))
        if isUpdate {
            try happen(.stepSucceeded(.stop(RevisionNumber(revision - 1)), .done))
            try happen(.displaced)
        }
        let handle = InstanceHandle(version: 1, payload: ["root": "/x", "size": 3, "share": .number(0.5)])
        try happen(.stepSucceeded(.install(number), .installed(handle)))
        try happen(.stepSucceeded(.start(number), .done))
    }

    /// From nothing to Running: eight events.
    mutating func run(_ version: String = "1.0.0") throws {
        try declare(version)
        try install(generation)
        try happen(.becameHealthy(RevisionNumber(generation)))
    }

    /// Everything that happens to a deployment sooner or later, from its first declaration to its
    /// grave, and then again under the same name.
    static func eventful(_ name: String = "web") throws -> Life {
        var life = try Life(name)
        try life.run("1.0.0")
        let jitter = Jitter.none
        try life.happen(.readinessChanged(unready: "GET /ready: 503"))
        try life.happen(.readinessChanged(unready: nil))
        try life.happen(.instanceExited(RevisionNumber(1), .signal(9), jitter))
        try life.happen(
            .stepFailed(.start(RevisionNumber(1)), .transient(.startFailed, "fork: no processes"), jitter)
        )
        try life.happen(.stepSucceeded(.start(RevisionNumber(1)), .done))
        try life.happen(.becameHealthy(RevisionNumber(1)))
        try life.declare("2.0.0")
        try life.install(2, isUpdate: true)
        try life.happen(.resumed(rebooted: false))
        try life.happen(.becameHealthy(RevisionNumber(2)))
        try life.happen(.bakeCompletedIfBaking(life.record))
        try life.declare("3.0.0")
        try life.install(3, isUpdate: true)
        try life.happen(
            .becameUnhealthy(
                RevisionNumber(3),
                Failure.transient(.startupProbeFailed, "GET /: 500", retryAfter: .milliseconds(1_500)),
                jitter
            )
        )
        try life.happen(.displaced)
        try life.happen(.stepSucceeded(.remove(RevisionNumber(3)), .done))
        try life.happen(.stepSucceeded(.start(RevisionNumber(2)), .done))
        try life.happen(.becameHealthy(RevisionNumber(2)))
        try life.happen(.requested(.hold))
        try life.happen(.requested(.release))
        try life.happen(.deletionRequested)
        try life.happen(.stepSucceeded(.stop(RevisionNumber(2)), .done))
        try life.happen(.displaced)
        for revision in 1...3 {
            try life.happen(.stepSucceeded(.purge(RevisionNumber(revision)), .done))
        }
        try life.happen(.stepSucceeded(.removeVolumes, .done))
        life.startAnew()
        try life.declare("4.0.0", uid: "uid-\(name)-second")
        try life.happen(.admitted(replacing: false))
        return life
    }

    private static func spec(_ version: String) throws -> DeploymentSpec {
        let port = PartName(checked: "http")
        return DeploymentSpec(
            version: try SemanticVersion(version),
            runtime: RuntimeSpec(
                plugin: .process,
                config: ["nice": 5, "ratio": .number(0.25), "flags": ["a", nil, true]]
            ),
            artifact: ArtifactSpec(
                source: try ArtifactLocation("https://example.org/web-\(version).tar.gz"),
                digest: try Digest("sha256:" + String(repeating: "b", count: 64))
            ),
            command: ["bin/web"],
            args: ["--port", "8080"],
            env: [
                EnvironmentVariable(name: "MODE", source: .value("prod")),
                EnvironmentVariable(name: "TOKEN", source: .secret(name: PartName(checked: "api"), key: "t")),
            ],
            ports: [PortSpec(name: port, port: 8_080)],
            volumes: [
                VolumeSpec(
                    name: PartName(checked: "state"),
                    mountPath: "state",
                    source: .persistent(retain: false)
                )
            ],
            health: HealthSpec(
                startup: ProbeSpec(handler: .httpGet(ProbeSpec.HTTPGet(path: "/ready", port: .name(port)))),
                liveness: ProbeSpec(handler: .tcpSocket(host: nil, port: .name(port)))
            )
        )
    }
}

extension JournalEvent.Kind {
    /// The end of the bake where there is one; else something that changes nothing.
    fileprivate static func bakeCompletedIfBaking(_ record: DeploymentRecord?) -> Self {
        if case .running(let serving) = record?.state, serving.bake != nil { return .bakeCompleted }
        return .resumed(rebooted: false)
    }
}
