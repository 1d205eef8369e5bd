public import ERACore

/// Why nothing moves, as `status.wait` says it.
public struct WaitText: Hashable, Sendable {
    /// One CamelCase word.
    public var reason: String
    public var message: String
    /// Nil when only an event can end it.
    public var until: WallTime?

    public init(reason: String, message: String, until: WallTime?) {
        self.reason = reason
        self.message = message
        self.until = until
    }
}

/// The instance that serves or starts, as `status.instance` says it.
public struct InstanceText: Hashable, Sendable {
    /// `Absent`, `Installed`, `Running`, `Exited` or `Stopping`.
    public var state: String
    public var pid: Int32?
    public var startedAt: WallTime?
    /// How it ended, where it did.
    public var exit: ExitStatus?
    /// What the host could not give it.
    public var restrictions: [String]

    public init(
        state: String,
        pid: Int32? = nil,
        startedAt: WallTime? = nil,
        exit: ExitStatus? = nil,
        restrictions: [String] = []
    ) {
        self.state = state
        self.pid = pid
        self.startedAt = startedAt
        self.exit = exit
        self.restrictions = restrictions
    }
}

/// How far a download or an unpacking has come, as `status.progress` says it.
public struct ProgressText: Hashable, Sendable {
    public var done: ByteCount
    /// Nil when nobody said.
    public var total: ByteCount?
    /// It waits for others of its kind, and has not begun.
    public var isQueued: Bool

    public init(done: ByteCount, total: ByteCount?, isQueued: Bool = false) {
        self.done = done
        self.total = total
        self.isQueued = isQueued
    }
}

/// What went wrong, as `status.failure` and its likes say it.
public struct FailureText: Hashable, Sendable {
    /// The ``Failure/Code``.
    public var reason: String
    public var message: String
    /// Whether it may pass without anybody changing anything.
    public var isTransient: Bool
    public var at: WallTime?

    public init(reason: String, message: String, isTransient: Bool, at: WallTime? = nil) {
        self.reason = reason
        self.message = message
        self.isTransient = isTransient
        self.at = at
    }
}

/// One row of a deployment's history.
public struct RevisionText: Hashable, Sendable {
    public enum Verdict: String, Hashable, Sendable, CaseIterable {
        case pending = "Pending"
        case running = "Running"
        case superseded = "Superseded"
        case failed = "Failed"
    }

    public var number: Int
    public var version: String
    /// Digest of what makes the revision.
    public var templateHash: String
    public var verdict: Verdict
    /// Of a failed one: why.
    public var failure: FailureText?
    /// What was fetched for it: what a tag was resolved to, or the digest; nil without an artifact
    /// and before it is there.
    public var artifact: String?
    /// Which keys vouch for the artifact, and what is wrong with its signatures; nil where none was
    /// asked for.
    public var signedBy: String?
    public var createdAt: WallTime?
    /// When the verdict was reached.
    public var decidedAt: WallTime?
    public var firstRunningAt: WallTime?

    public init(
        number: Int,
        version: String,
        templateHash: String,
        verdict: Verdict,
        failure: FailureText? = nil,
        artifact: String? = nil,
        signedBy: String? = nil,
        createdAt: WallTime? = nil,
        decidedAt: WallTime? = nil,
        firstRunningAt: WallTime? = nil
    ) {
        self.number = number
        self.version = version
        self.templateHash = templateHash
        self.artifact = artifact
        self.signedBy = signedBy
        self.verdict = verdict
        self.failure = failure
        self.createdAt = createdAt
        self.decidedAt = decidedAt
        self.firstRunningAt = firstRunningAt
    }
}
