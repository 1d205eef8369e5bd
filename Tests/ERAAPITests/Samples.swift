import ERAContracts
import ERACore

/// Deployments in states that the real fold leads to.
enum Samples {
    static let key = DeploymentKey(name: DeploymentName(checked: "web"))

    /// 2026-01-02T03:04:05Z, a hundred seconds after boot.
    static let start = Timestamp(
        uptime: Uptime(sinceBoot: .seconds(100)),
        wall: WallTime(sinceEpoch: .seconds(1_767_323_045))
    )

    static func moment(_ seconds: Int) -> Timestamp {
        Timestamp(
            uptime: start.uptime + .seconds(seconds),
            wall: WallTime(sinceEpoch: start.wall.sinceEpoch + .seconds(seconds))
        )
    }

    static func deployment(_ version: String = "1.2.0", labels: [String: String] = ["app": "web"]) throws
        -> Deployment
    {
        Deployment(
            metadata: Metadata(name: key.name, labels: labels),
            spec: DeploymentSpec(
                version: try SemanticVersion(version),
                runtime: RuntimeSpec(plugin: .process),
                command: ["bin/web"]
            )
        )
    }

    static func revision(_ number: Int, _ deployment: Deployment) throws -> Revision {
        Revision(
            number: RevisionNumber(number),
            templateHash: try Digest("sha256:" + String(repeating: String(number), count: 64)),
            spec: deployment.spec,
            createdAt: start.wall
        )
    }

    static func declared(_ deployment: Deployment, generation: Int = 1) throws -> JournalEvent.Kind {
        .declared(
            Declaration(
                generation: generation,
                revision: RevisionNumber(generation),
                deployment: deployment,
                origin: Origin(source: "directory:/etc/era/manifests", path: "web.yaml")
            ),
            revision: try revision(generation, deployment),
            uid: "b7b1a2f0-uid"
        )
    }

    /// Declared and nothing else yet.
    static func requested() throws -> DeploymentRecord {
        try DeploymentRecord(key: key, founding: JournalEvent(at: start, try declared(try deployment())))
    }

    /// What leads from Requested to Running.
    static let toRunning: [JournalEvent.Kind] = [
        .admitted(replacing: false), .stepSucceeded(.validate(RevisionNumber(1)), .done),
        .stepSucceeded(.fetch(RevisionNumber(1)), .fetched(nil)),
        .stepSucceeded(.prepare(RevisionNumber(1)), .done),
        .stepSucceeded(.install(RevisionNumber(1)), .installed(InstanceHandle(version: 1, payload: [:]))),
        .stepSucceeded(.start(RevisionNumber(1)), .done), .becameHealthy(RevisionNumber(1)),
    ]

    static func running() throws -> DeploymentRecord { try fold(try requested(), toRunning) }

    static func fold(_ record: DeploymentRecord, _ events: [JournalEvent.Kind]) throws -> DeploymentRecord {
        try events.reduce(record) { try $0.applying(JournalEvent(at: moment(1), $1)) }
    }

    static func view(_ record: DeploymentRecord, version: Int64 = 7) -> DeploymentView {
        DeploymentView(record: record, resourceVersion: ResourceVersion(version))
    }
}
