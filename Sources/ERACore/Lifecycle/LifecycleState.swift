/// A phase with what belongs to it, and to nothing else.
public enum LifecycleState: Hashable, Sendable, Codable {
    /// The generation is recorded. Next: Validating, or Updating where another revision is in place.
    case requested(Rollout)
    /// Next: Fetching; Failed.
    case validating(Rollout)
    /// Next: Preparing; Failed.
    case fetching(Rollout)
    /// Next: Installing; RollingBack.
    case preparing(Rollout)
    /// Next: Activating; RollingBack.
    case installing(Rollout)
    /// Next: HealthChecking; RollingBack.
    case activating(Activation)
    /// Next: Running; Activating after a crash; RollingBack.
    case healthChecking(Activation)
    /// Next: Activating after a crash; Updating; RollingBack while baking;
    /// Failed when it is not to be restarted.
    case running(Serving)
    /// Next: Installing; RollingBack.
    case updating(Update)
    /// Next: Running with the previous revision; Failed where there was none; RollbackFailed.
    case rollingBack(Rollback)
    /// Next: Uninstalling, after however many attempts.
    case stopping(Removal)
    /// Next: Deleted, after however many attempts.
    case uninstalling(Removal)
    /// Next: Requested, when the name is declared again.
    case deleted(Tombstone)
    /// Next: Requested; Validating on retry.
    case failed(Defeat)
    /// Next: Requested; Validating on retry; Running on accept.
    case rollbackFailed(Defeat)

    public var phase: Phase {
        switch self {
        case .requested: .requested
        case .validating: .validating
        case .fetching: .fetching
        case .preparing: .preparing
        case .installing: .installing
        case .activating: .activating
        case .healthChecking: .healthChecking
        case .running: .running
        case .updating: .updating
        case .rollingBack: .rollingBack
        case .stopping: .stopping
        case .uninstalling: .uninstalling
        case .deleted: .deleted
        case .failed: .failed
        case .rollbackFailed: .rollbackFailed
        }
    }
}

/// How often the step in progress has failed, and when it may be tried again.
public struct Attempt: Hashable, Sendable, Codable {
    public var failures: Int
    public var retryAt: Uptime?
    public var lastFailure: Failure?

    /// The first attempt.
    public static let first = Attempt(failures: 0, retryAt: nil, lastFailure: nil)

    public init(failures: Int, retryAt: Uptime?, lastFailure: Failure?) {
        self.failures = failures
        self.retryAt = retryAt
        self.lastFailure = lastFailure
    }
}

/// The way of a revision from being declared to running.
public struct Rollout: Hashable, Sendable, Codable {
    public var target: RevisionNumber
    /// The last healthy revision, which a failure restores; nil on a first install.
    public var restoreTo: RevisionNumber?
    public var attempt: Attempt
    /// When it last got on; the progress deadline counts from here.
    public var progressAt: Uptime

    public init(
        target: RevisionNumber,
        restoreTo: RevisionNumber?,
        attempt: Attempt = .first,
        progressAt: Uptime
    ) {
        self.target = target
        self.restoreTo = restoreTo
        self.attempt = attempt
        self.progressAt = progressAt
    }

    /// The same rollout, one step further at `now`.
    func progressed(at now: Uptime) -> Rollout {
        Rollout(target: target, restoreTo: restoreTo, progressAt: now)
    }
}

/// A start, and the wait for health after it.
public struct Activation: Hashable, Sendable, Codable {
    public enum Purpose: Hashable, Sendable, Codable {
        /// A revision on its way to Running for the first time.
        case rollout(Rollout)
        /// A revision that ran before and crashed, lost its health, or is to be restarted.
        case restart(Serving)
    }

    public var purpose: Purpose
    /// What runs must be stopped before the start: it lost its health, or a person asked.
    public var mustStop: Bool

    public init(_ purpose: Purpose, mustStop: Bool = false) {
        self.purpose = purpose
        self.mustStop = mustStop
    }

    public var revision: RevisionNumber {
        switch purpose {
        case .rollout(let rollout): rollout.target
        case .restart(let serving): serving.revision
        }
    }
}

/// A revision that reached Running.
public struct Serving: Hashable, Sendable, Codable {
    public var revision: RevisionNumber
    public var since: Timestamp
    /// While it is new: until when it is watched, and what its failure restores.
    public var bake: Bake?
    public var isReady: Bool
    /// Why it is not ready; nil when it is.
    public var unreadyReason: String?
    public var restarts: Restarts
    /// It ended by itself and is not to be restarted; nothing is wrong.
    public var completion: ExitStatus?
    /// When it may be started again; nil while it runs.
    public var restartAt: Uptime?
    /// It lost its health while an update was prepared: what runs must be stopped before the start.
    public var mustStop: Bool

    public struct Bake: Hashable, Sendable, Codable {
        public var until: Uptime
        public var restoreTo: RevisionNumber

        public init(until: Uptime, restoreTo: RevisionNumber) {
            self.until = until
            self.restoreTo = restoreTo
        }
    }

    public init(revision: RevisionNumber, since: Timestamp, bake: Bake?, restarts: Restarts = Restarts()) {
        self.revision = revision
        self.since = since
        self.bake = bake
        isReady = true
        unreadyReason = nil
        self.restarts = restarts
        completion = nil
        restartAt = nil
        mustStop = false
    }
}

/// How often a workload was started again.
public struct Restarts: Hashable, Sendable, Codable {
    public var total: Int
    /// Without having been healthy for `restart.resetAfter` in between.
    public var consecutive: Int
    public var lastExit: ExitStatus?
    public var lastAt: Timestamp?

    public init(total: Int = 0, consecutive: Int = 0, lastExit: ExitStatus? = nil, lastAt: Timestamp? = nil) {
        self.total = total
        self.consecutive = consecutive
        self.lastExit = lastExit
        self.lastAt = lastAt
    }
}

/// A rollout while another revision is in place.
public struct Update: Hashable, Sendable, Codable {
    public enum UpdateStep: String, Hashable, Sendable, Codable, CaseIterable {
        case validate, fetch, prepare, stop
    }

    public var rollout: Rollout
    public var step: UpdateStep
    /// The revision that serves meanwhile; nil when what is in place was never healthy.
    public var serving: Serving?

    public init(rollout: Rollout, step: UpdateStep, serving: Serving?) {
        self.rollout = rollout
        self.step = step
        self.serving = serving
    }
}

/// The way back from a revision that failed.
public struct Rollback: Hashable, Sendable, Codable {
    public enum RollbackStep: String, Hashable, Sendable, Codable, CaseIterable {
        case stopFailed, removeFailed, restore, start, probe
    }

    public var failed: RevisionNumber
    /// Nil where there is nothing to restore, or it is not wanted: what failed is only undone.
    public var restoring: RevisionNumber?
    public var cause: Failure
    public var step: RollbackStep
    public var attempt: Attempt
    public var progressAt: Uptime
    /// What was restored must be stopped before it is started again.
    public var mustStop: Bool
    /// The revision to restore, when it never stopped serving.
    public var serving: Serving?

    public init(
        failed: RevisionNumber,
        restoring: RevisionNumber?,
        cause: Failure,
        progressAt: Uptime,
        serving: Serving? = nil
    ) {
        self.failed = failed
        self.restoring = restoring
        self.cause = cause
        step = .stopFailed
        attempt = .first
        self.progressAt = progressAt
        mustStop = false
        self.serving = serving
    }
}

/// The way to Deleted.
public struct Removal: Hashable, Sendable, Codable {
    public var attempt: Attempt

    public init(attempt: Attempt = .first) { self.attempt = attempt }
}

/// What is left of a deleted deployment: the time, for history.
public struct Tombstone: Hashable, Sendable, Codable {
    public var at: Timestamp

    public init(at: Timestamp) { self.at = at }
}

/// A deployment that ERA has given up on, until something changes.
public struct Defeat: Hashable, Sendable, Codable {
    /// The revision that could not be brought to Running.
    public var revision: RevisionNumber
    /// Why.
    public var failure: Failure
    /// Why it could not be rolled back either.
    public var rollbackFailure: Failure?
    /// The revision that a rollback tried to restore.
    public var restoring: RevisionNumber?
    public var at: Timestamp

    public init(
        revision: RevisionNumber,
        failure: Failure,
        rollbackFailure: Failure? = nil,
        restoring: RevisionNumber? = nil,
        at: Timestamp
    ) {
        self.revision = revision
        self.failure = failure
        self.rollbackFailure = rollbackFailure
        self.restoring = restoring
        self.at = at
    }
}
