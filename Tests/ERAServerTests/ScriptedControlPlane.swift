import ERAContracts
import ERACore

/// An engine without workloads: it declares, deletes and tells watchers by the real fold,
/// and refuses what the real one refuses.
actor ScriptedControlPlane: ControlPlane {
    private var views: [DeploymentKey: DeploymentView] = [:]
    private var version: Int64 = 100
    private var watchers: [Int: AsyncStream<DeploymentChange>.Continuation] = [:]
    private var eventWatchers: [Int: AsyncStream<StoredEvent>.Continuation] = [:]
    private var logFollowers: [AsyncThrowingStream<[UInt8], any Error>.Continuation] = []
    private var nextWatcher = 0
    private var stored: [StoredEvent] = []
    private(set) var intents: [Intent] = []
    private(set) var resyncs = 0
    private(set) var lastLogRequest: (previous: Bool, request: LogRequest)?
    /// Why nothing can be written; nil when all is well.
    var degraded: String?
    /// What the prune guard holds back.
    var held: [DeploymentKey] = []
    /// Output of every deployment.
    var output: [[UInt8]] = []

    static let origin = Origin(source: "directory:/etc/era/manifests", path: "web.yaml")
    static let now = Timestamp(
        uptime: Uptime(sinceBoot: .seconds(100)),
        wall: WallTime(sinceEpoch: .seconds(1_767_323_045))
    )

    var watcherCount: Int { watchers.count }
    var eventWatcherCount: Int { eventWatchers.count }
    var logFollowerCount: Int { logFollowers.count }

    // MARK: What the script says

    /// Declares a deployment as a file does.
    func declareFromFile(_ deployment: Deployment) throws { _ = try declare(deployment, Self.origin) }

    func setDegraded(_ why: String?) { degraded = why }
    func setHeld(_ keys: [DeploymentKey]) { held = keys }
    func setOutput(_ chunks: [[UInt8]]) { output = chunks }

    /// Takes what was asked for away, as the engine does in the end.
    func finishDeletion(_ key: DeploymentKey) {
        guard var view = views.removeValue(forKey: key) else { return }
        view.resourceVersion = next()
        tell(DeploymentChange(kind: .deleted, view: view))
    }

    func note(_ key: DeploymentKey, _ reason: String, count: Int = 1) {
        let event = StoredEvent(
            id: Int64(stored.count + 1),
            notice: EventNotice(
                key: key,
                uid: "uid-\(key)",
                kind: .normal,
                reason: reason,
                message: "it \(reason.lowercased())",
                at: Self.now.wall
            ),
            count: count,
            lastAt: Self.now.wall,
            resourceVersion: next()
        )
        stored.append(event)
        for watcher in eventWatchers.values { watcher.yield(event) }
    }

    /// The engine stops: every stream ends.
    func endStreams() {
        for watcher in watchers.values { watcher.finish() }
        for watcher in eventWatchers.values { watcher.finish() }
        for follower in logFollowers { follower.finish() }
    }

    func write(_ bytes: [UInt8]) { for follower in logFollowers { follower.yield(bytes) } }

    /// What is wrong with what sources say of deployments that are not there.
    private var problems: [DeploymentKey: String] = [:]

    func say(_ problem: String, of key: DeploymentKey) { problems[key] = problem }

    // MARK: ControlPlane

    func list() -> DeploymentList {
        DeploymentList(
            views: views.values.sorted { $0.record.key < $1.record.key },
            resourceVersion: ResourceVersion(version)
        )
    }

    func view(_ key: DeploymentKey) -> DeploymentView? { views[key] }

    func problem(of key: DeploymentKey) -> String? { problems[key] }

    func watch() -> (list: DeploymentList, changes: AsyncStream<DeploymentChange>) {
        let (stream, continuation) = AsyncStream<DeploymentChange>.makeStream(
            bufferingPolicy: .bufferingOldest(watchBacklogLimit)
        )
        let id = nextWatcher
        nextWatcher += 1
        watchers[id] = continuation
        continuation.onTermination = { _ in Task { await self.forget(id) } }
        return (list(), stream)
    }

    func apply(
        _ deployment: Deployment,
        expecting: ResourceVersion?,
        dryRun: Bool
    ) throws -> AppliedDeployment {
        if let degraded { throw ControlFault.degraded(degraded) }
        let present = views[deployment.key]
        if let expecting, expecting != present?.resourceVersion {
            throw ControlFault.conflict(deployment.key)
        }
        if let origin = present?.record.declaration.origin, origin.source != SourceID.api.rawValue {
            throw ControlFault.ownedElsewhere(deployment.key, origin)
        }
        if let present, present.record.declaration.deployment == deployment {
            return AppliedDeployment(effect: .unchanged, view: present)
        }
        let before = (views, version)
        let view = try declare(deployment, Origin(source: SourceID.api.rawValue, path: nil), isDry: dryRun)
        if dryRun { (views, version) = before }
        return AppliedDeployment(effect: present == nil ? .created : .configured, view: view)
    }

    func delete(_ key: DeploymentKey, dryRun: Bool) throws -> DeploymentView {
        guard var view = views[key] else { throw ControlFault.notFound(key) }
        guard view.record.declaration.origin.source == SourceID.api.rawValue else {
            throw ControlFault.ownedElsewhere(key, view.record.declaration.origin)
        }
        guard !dryRun, view.deletionRequestedAt == nil else { return view }
        view.record = try view.record.applying(JournalEvent(at: Self.now, .deletionRequested))
        view.deletionRequestedAt = Self.now.wall
        return change(view)
    }

    func request(_ request: Intent, for key: DeploymentKey) throws -> DeploymentView {
        guard let view = views[key] else { throw ControlFault.notFound(key) }
        if case .rollback(to: nil) = request {
            throw ControlFault.refused(key, "there is no earlier revision; name one with --to")
        }
        intents.append(request)
        return change(view)
    }

    func events(_ key: DeploymentKey?) -> [StoredEvent] {
        stored.filter { key == nil || $0.notice.key == key }
    }

    func watchEvents() -> AsyncStream<StoredEvent> {
        let (stream, continuation) = AsyncStream<StoredEvent>.makeStream(
            bufferingPolicy: .bufferingNewest(100)
        )
        let id = nextWatcher
        nextWatcher += 1
        eventWatchers[id] = continuation
        continuation.onTermination = { _ in Task { await self.forget(id) } }
        return stream
    }

    func logs(
        _ key: DeploymentKey,
        previous: Bool,
        _ request: LogRequest
    ) throws -> AsyncThrowingStream<[UInt8], any Error> {
        guard views[key] != nil else { throw ControlFault.notFound(key) }
        lastLogRequest = (previous, request)
        let (stream, continuation) = AsyncThrowingStream<[UInt8], any Error>.makeStream()
        for chunk in output { continuation.yield(chunk) }
        if request.follow { logFollowers.append(continuation) } else { continuation.finish() }
        return stream
    }

    func sources() -> [SourceStatus] {
        [
            SourceStatus(
                id: SourceID("directory:/etc/era/manifests"),
                revision: "sha256:1",
                readAt: Self.now.wall,
                unavailable: nil,
                files: [.init(path: "web.yaml", deployments: Array(views.keys).sorted(), problems: [])],
                heldPrunes: held
            )
        ]
    }

    func confirmPrune() -> [DeploymentKey] {
        defer { held = [] }
        return held
    }

    func resync() { resyncs += 1 }

    /// What deployments keep.
    private var uses: [ArtifactUse] = []
    /// What was asked to be pulled, and where its secret is looked for.
    private(set) var pulls: [(artifact: ArtifactSpec, namespace: NamespaceName)] = []
    /// How many pulls were stopped before they had ended.
    private(set) var stoppedPulls = 0
    private(set) var collections: [Bool] = []

    func keep(_ use: ArtifactUse) { uses.append(use) }

    func artifactUses() -> [ArtifactUse] { uses }

    func pullArtifact(
        _ artifact: ArtifactSpec,
        in namespace: NamespaceName,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> StoredArtifact {
        pulls.append((artifact, namespace))
        if artifact.source.url.hasSuffix("missing") {
            throw Failure.permanent(.fetchRefused, "404 for \(artifact.source)")
        }
        progress(StepProgress(done: ByteCount(512), total: ByteCount(1024)))
        if artifact.source.url.hasSuffix("endless") {
            do { try await Task.sleep(for: .seconds(600)) } catch {
                stoppedPulls += 1
                throw error
            }
        }
        let digest = try Digest("sha256:" + String(repeating: "a", count: 64))
        return StoredArtifact(digest: digest, size: ByteCount(1024), path: "/blobs/a", name: "a")
    }

    func collectArtifacts(all: Bool) -> ByteCount {
        collections.append(all)
        return ByteCount(4096)
    }

    func plugins() -> [ListedPlugin] {
        [
            .usable(
                PluginDescription(
                    name: .process,
                    version: version100,
                    capabilities: [.logs],
                    configSchema: ["type": "object"]
                )
            ),
            .refused(
                RefusedPlugin(name: .process, path: "/plugins/era-plugin-process", reason: "is built in")
            ),
            .refused(
                RefusedPlugin(
                    name: PluginName(checked: "site"),
                    path: "/plugins/era-plugin-site",
                    reason: "may be written by others; run: chmod go-w"
                )
            ),
        ]
    }

    func health() -> EngineHealth {
        EngineHealth(
            isReady: true,
            degraded: degraded,
            startedAt: Self.now.wall,
            phases: Dictionary(views.values.map { ($0.record.phase, 1) }, uniquingKeysWith: +),
            busy: 0
        )
    }

    // MARK: -

    private let version100: SemanticVersion

    init() throws { version100 = try SemanticVersion("1.0.0") }

    private func declare(_ deployment: Deployment, _ origin: Origin, isDry: Bool = false) throws
        -> DeploymentView
    {
        let key = deployment.key
        let old = views[key]?.record
        let generation = (old?.generation ?? 0) + 1
        let revision = Revision(
            number: RevisionNumber(generation),
            templateHash: try Digest("sha256:" + String(repeating: "\(generation % 10)", count: 64)),
            spec: deployment.spec,
            createdAt: Self.now.wall
        )
        let event = JournalEvent(
            at: Self.now,
            .declared(
                Declaration(
                    generation: generation,
                    revision: revision.number,
                    deployment: deployment,
                    origin: origin
                ),
                revision: revision,
                uid: "uid-\(key)"
            )
        )
        let record = try old?.applying(event) ?? DeploymentRecord(key: key, founding: event)
        return change(DeploymentView(record: record, resourceVersion: ResourceVersion(0)), isDry: isDry)
    }

    private func change(_ view: DeploymentView, isDry: Bool = false) -> DeploymentView {
        var view = view
        view.resourceVersion = next()
        let kind: DeploymentChange.Kind =
            views.updateValue(view, forKey: view.record.key) == nil ? .added : .modified
        if !isDry { tell(DeploymentChange(kind: kind, view: view)) }
        return view
    }

    private func next() -> ResourceVersion {
        version += 1
        return ResourceVersion(version)
    }

    private func tell(_ change: DeploymentChange) {
        for (id, watcher) in watchers {
            if case .dropped = watcher.yield(change) {
                watcher.finish()
                watchers[id] = nil
            }
        }
    }

    private func forget(_ id: Int) {
        watchers[id] = nil
        eventWatchers[id] = nil
    }
}
