/// Everything that ERA knows of one deployment; the fold of its journal.
///
/// Changed only by ``applying(_:)``, so that `replay(journal) == record` holds.
public struct DeploymentRecord: Hashable, Sendable, Codable {
    public let key: DeploymentKey
    /// Differs between two deployments that had the same name one after the other.
    public internal(set) var uid: String
    public internal(set) var createdAt: WallTime
    public internal(set) var declaration: Declaration
    /// The revisions that can be gone back to, the present ones among them, by number.
    public internal(set) var revisions: [RevisionNumber: Revision]
    /// How each of `revisions` fared.
    public internal(set) var outcomes: [RevisionNumber: RevisionOutcome]
    /// The greatest number that a revision of the deployment ever had.
    public internal(set) var newestRevision: RevisionNumber
    /// What the deployment is driven to: the declared revision, or the one that a rollback chose.
    public internal(set) var target: RevisionNumber
    /// The declared generation failed: it is not tried again until the manifest changes or somebody says so.
    public internal(set) var quarantine: Quarantine?
    /// The healthy revision before the present one; kept on disk.
    public internal(set) var previous: RevisionNumber?
    /// The revision that failed last; its logs are kept.
    public internal(set) var lastFailed: RevisionNumber?
    /// A person suspended it (`era suspend`); `spec.suspend` does the same by manifest.
    public internal(set) var isHeld: Bool
    /// Since when its deletion waits for a person, because its source gave up so much at once; nil where none
    /// does.
    public internal(set) var pruneHeldAt: WallTime?
    public internal(set) var state: LifecycleState
    /// Revisions that may have files or processes on this machine.
    public internal(set) var onDisk: Set<RevisionNumber>
    public internal(set) var artifacts: [RevisionNumber: StoredArtifact]
    public internal(set) var handles: [RevisionNumber: InstanceHandle]
    /// The version below which no signed artifact is installed: the highest that ran past its bake time, or
    /// the one that `allowDowngrade` let in after it; nil where signatures said none.
    public internal(set) var signedFloor: SemanticVersion?
    /// How housekeeping (purging old revisions) fares.
    public internal(set) var housekeeping: Attempt
    public internal(set) var conditions: [Condition]
    /// Grows with each event that makes the outcome of a step under way meaningless.
    public internal(set) var epoch: Int

    public var phase: Phase { state.phase }
    public var generation: Int { declaration.generation }
    /// Whether it is to be left exactly as it is.
    public var isSuspended: Bool { isHeld || declaration.deployment.spec.suspend }
}

/// What a source or a client last declared.
public struct Declaration: Hashable, Sendable, Codable {
    /// Grows by one with each change of the spec; 1 at first.
    public var generation: Int
    /// The revision that the spec's template makes.
    public var revision: RevisionNumber
    public var deployment: Deployment
    public var origin: Origin

    public init(generation: Int, revision: RevisionNumber, deployment: Deployment, origin: Origin) {
        self.generation = generation
        self.revision = revision
        self.deployment = deployment
        self.origin = origin
    }
}

/// Where a declaration comes from: the place to change it.
public struct Origin: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The source, `directory:/etc/era/manifests` or `api`.
    public var source: String
    /// The file within the source; nil for the API.
    public var path: String?

    public init(source: String, path: String?) {
        self.source = source
        self.path = path
    }

    public var description: String { path.map { "\(source)/\($0)" } ?? source }
}

/// An immutable version of what runs.
public struct Revision: Hashable, Sendable, Codable {
    public let number: RevisionNumber
    /// Of the canonical form of `spec.template`.
    public let templateHash: Digest
    public let spec: DeploymentSpec
    public let createdAt: WallTime

    public init(number: RevisionNumber, templateHash: Digest, spec: DeploymentSpec, createdAt: WallTime) {
        self.number = number
        self.templateHash = templateHash
        self.spec = spec
        self.createdAt = createdAt
    }
}

/// Why the declared generation is not tried again.
public struct Quarantine: Hashable, Sendable, Codable {
    public var generation: Int
    /// Of the declared revision.
    public var templateHash: Digest?
    public var failure: Failure

    public init(generation: Int, templateHash: Digest?, failure: Failure) {
        self.generation = generation
        self.templateHash = templateHash
        self.failure = failure
    }
}

/// How a revision fared, for `era history`.
public struct RevisionOutcome: Hashable, Sendable, Codable {
    public enum Verdict: Hashable, Sendable, Codable {
        /// On its way, or interrupted before anything could be said.
        case pending
        case running
        /// Another one took its place, whether it ever became Running or not.
        case superseded
        case failed(Failure)
    }

    public var verdict: Verdict
    /// When the verdict was reached.
    public var at: WallTime
    /// When it first became Running; nil when it never did.
    public var firstRunningAt: WallTime?

    public init(verdict: Verdict, at: WallTime, firstRunningAt: WallTime? = nil) {
        self.verdict = verdict
        self.at = at
        self.firstRunningAt = firstRunningAt
    }
}
