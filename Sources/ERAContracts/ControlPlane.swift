public import ERACore

/// What the API asks of the engine. The engine implements it; the server knows nothing else.
public protocol ControlPlane: Sendable {
    /// All deployments, sorted by key, at one resource version.
    func list() async -> DeploymentList

    /// One deployment; nil when there is none (a tombstone does not count).
    func view(_ key: DeploymentKey) async -> DeploymentView?

    /// Why there is no deployment of this name although a source mentions it; nil where none
    /// does, or it is there.
    func problem(of key: DeploymentKey) async -> String?

    /// Everything that changes from now on, coalesced per deployment when the reader is slow.
    ///
    /// - Returns: The list to start from, and the changes after it. The stream ends when the engine stops, or
    ///   when the reader has fallen behind ``watchBacklogLimit`` changes: it must list again.
    func watch() async -> (list: DeploymentList, changes: AsyncStream<DeploymentChange>)

    /// Declares a deployment for the API.
    ///
    /// - Parameter expecting: Refuse unless the deployment is still at this resource version.
    /// - Parameter dryRun: Answer what would be, store nothing.
    /// - Throws: ``ControlFault``.
    func apply(
        _ deployment: Deployment,
        expecting: ResourceVersion?,
        dryRun: Bool
    ) async throws -> AppliedDeployment

    /// Asks for deletion. Idempotent while it is being deleted.
    /// - Throws: ``ControlFault``: `notFound`, or `ownedElsewhere` for what a file declares.
    func delete(_ key: DeploymentKey, dryRun: Bool) async throws -> DeploymentView

    /// Passes on what a person asks for.
    /// - Throws: ``ControlFault``, with what to do instead.
    func request(_ request: Intent, for key: DeploymentKey) async throws -> DeploymentView

    /// Events, oldest first.
    func events(_ key: DeploymentKey?) async throws -> [StoredEvent]

    /// New events from now on. The reader that falls behind loses the oldest.
    func watchEvents() async -> AsyncStream<StoredEvent>

    /// The output of the deployment's serving or newest revision; of the one before it with `previous`.
    func logs(
        _ key: DeploymentKey,
        previous: Bool,
        _ request: LogRequest
    ) async throws -> AsyncThrowingStream<[UInt8], any Error>

    /// What the sources hold, and what is wrong with it.
    func sources() async -> [SourceStatus]

    /// Lets the deletions happen that the prune guard holds back.
    /// - Returns: What is deleted now.
    func confirmPrune() async throws -> [DeploymentKey]

    /// Reads all sources and looks at all deployments now, and returns when that has been done once.
    func resync() async

    /// What the plugins say about themselves, and which cannot be used, sorted by name. Of two with the same
    /// name the one that can be used comes first.
    func plugins() async -> [ListedPlugin]

    /// What deployments keep in the content store, by deployment.
    func artifactUses() async -> [ArtifactUse]

    /// Brings an artifact into the content store, with what the daemon may do for that namespace.
    ///
    /// Nothing pins it: the caller gives it a name there, or it goes when it has not been used for a while.
    /// - Parameter progress: Told how far it has come, as ``ArtifactFetcher`` tells it.
    /// - Throws: ``Failure``, `CancellationError`.
    func pullArtifact(
        _ artifact: ArtifactSpec,
        in namespace: NamespaceName,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> StoredArtifact

    /// Removes from the content store what nothing keeps.
    ///
    /// - Parameter all: Also what was used a short while ago.
    /// - Returns: The bytes that were freed.
    /// - Throws: ``Failure``.
    func collectArtifacts(all: Bool) async throws -> ByteCount

    /// How the daemon itself is.
    func health() async -> EngineHealth
}

/// The largest number of changes that a slow reader may be behind.
public let watchBacklogLimit = 4096

/// What a person can ask of a deployment through the API.
public enum Intent: Hashable, Sendable, Codable {
    case retry
    /// Nil: to the previous one.
    case rollback(to: RevisionNumber?)
    case accept
    case restart
    case suspend
    case resume
}

/// Deployments, and the version of everything at which they were like this: where a watch goes on.
public struct DeploymentList: Equatable, Sendable {
    public var views: [DeploymentView]
    public var resourceVersion: ResourceVersion

    public init(views: [DeploymentView], resourceVersion: ResourceVersion) {
        self.views = views
        self.resourceVersion = resourceVersion
    }
}

/// A deployment as the API shows it: its record, and what only the running engine knows.
public struct DeploymentView: Equatable, Sendable {
    public var record: DeploymentRecord
    public var resourceVersion: ResourceVersion
    /// When deletion was asked for; nil when it was not.
    public var deletionRequestedAt: WallTime?
    /// The step in progress.
    public var step: Step?
    /// Why nothing moves.
    public var wait: Wait?
    /// How far the step in progress has come; nil where it does not say.
    public var progress: StepProgress?
    /// Why what its source says of it does not count; what runs stays.
    public var sourceProblem: SourceProblem?
    /// The instance that serves, as last observed.
    public var instance: InstanceStatus?

    public init(
        record: DeploymentRecord,
        resourceVersion: ResourceVersion,
        deletionRequestedAt: WallTime? = nil,
        step: Step? = nil,
        wait: Wait? = nil,
        progress: StepProgress? = nil,
        sourceProblem: SourceProblem? = nil,
        instance: InstanceStatus? = nil
    ) {
        self.record = record
        self.resourceVersion = resourceVersion
        self.deletionRequestedAt = deletionRequestedAt
        self.step = step
        self.wait = wait
        self.progress = progress
        self.sourceProblem = sourceProblem
        self.instance = instance
    }
}

/// Why a source's word about a deployment does not count: its file is wrong, or it is held back.
public struct SourceProblem: Equatable, Sendable {
    /// One line, with what to do.
    public var message: String
    public var since: WallTime

    public init(message: String, since: WallTime) {
        self.message = message
        self.since = since
    }
}

/// One step of a watch: what happened to a deployment, and how it is now; how it last was, when deleted.
public struct DeploymentChange: Equatable, Sendable {
    public enum Kind: Hashable, Sendable { case added, modified, deleted }

    public var kind: Kind
    public var view: DeploymentView

    public init(kind: Kind, view: DeploymentView) {
        self.kind = kind
        self.view = view
    }
}

/// What applying a manifest led to.
public struct AppliedDeployment: Equatable, Sendable {
    public enum Effect: Hashable, Sendable { case created, configured, unchanged }

    public var effect: Effect
    public var view: DeploymentView

    public init(effect: Effect, view: DeploymentView) {
        self.effect = effect
        self.view = view
    }
}

/// A source as it was last read.
public struct SourceStatus: Equatable, Sendable {
    public struct File: Equatable, Sendable {
        public var path: String
        public var deployments: [DeploymentKey]
        /// Rendered diagnostics, `file:line:column: error: …`, without source lines.
        public var problems: [String]
        /// It is being written, or was just removed: it counts when it has been left alone for a moment, and
        /// the source then is read again by itself.
        public var isSettling: Bool

        public init(
            path: String,
            deployments: [DeploymentKey],
            problems: [String],
            isSettling: Bool = false
        ) {
            self.path = path
            self.deployments = deployments
            self.problems = problems
            self.isSettling = isSettling
        }
    }

    public var id: SourceID
    /// Of the last snapshot; nil when there was none yet.
    public var revision: String?
    /// Likewise; nil where the source has no commits.
    public var commit: SourceCommit?
    public var readAt: WallTime?
    /// Why the source cannot be read at all.
    public var unavailable: String?
    public var files: [File]
    /// Deletions that wait for `era prune --confirm`.
    public var heldPrunes: [DeploymentKey]

    public init(
        id: SourceID,
        revision: String?,
        commit: SourceCommit? = nil,
        readAt: WallTime?,
        unavailable: String?,
        files: [File],
        heldPrunes: [DeploymentKey]
    ) {
        self.id = id
        self.revision = revision
        self.commit = commit
        self.readAt = readAt
        self.unavailable = unavailable
        self.files = files
        self.heldPrunes = heldPrunes
    }
}

/// How the daemon is.
public struct EngineHealth: Equatable, Sendable {
    /// Sources were read and every record was looked at once.
    public var isReady: Bool
    /// Why nothing is written now; nil when all is well.
    public var degraded: String?
    public var startedAt: WallTime
    /// Phases and how many deployments are in each.
    public var phases: [Phase: Int]
    /// Deployments that have something to do right now or wait for their turn.
    public var busy: Int

    public init(
        isReady: Bool,
        degraded: String?,
        startedAt: WallTime,
        phases: [Phase: Int],
        busy: Int
    ) {
        self.isReady = isReady
        self.degraded = degraded
        self.startedAt = startedAt
        self.phases = phases
        self.busy = busy
    }
}

/// Why the engine refuses a request; the message says what to do instead.
public enum ControlFault: Error, Equatable, Sendable, CustomStringConvertible {
    /// With why a source that mentions it does not declare it.
    case notFound(DeploymentKey, because: String? = nil)
    /// The resource version is not the one expected.
    case conflict(DeploymentKey)
    /// Declared elsewhere: change it there.
    case ownedElsewhere(DeploymentKey, Origin)
    case invalid(DeploymentKey, [SpecProblem])
    /// It makes no sense in the present state.
    case refused(DeploymentKey, String)
    case degraded(String)

    public var description: String {
        switch self {
        case .notFound(let key, let why): "deployment \(key) not found\(why.map { ": \($0)" } ?? "")"
        case .conflict(let key):
            "deployment \(key) has been changed meanwhile; read it again and repeat the change"
        case .ownedElsewhere(let key, let origin):
            "deployment \(key) is declared in \(origin); change it there"
        case .invalid(let key, let problems):
            "deployment \(key) is invalid: "
                + problems.map { "\($0.field): \($0.message)" }.joined(separator: "; ")
        case .refused(let key, let why): "deployment \(key): \(why)"
        case .degraded(let why): "nothing can be changed now: \(why)"
        }
    }
}
