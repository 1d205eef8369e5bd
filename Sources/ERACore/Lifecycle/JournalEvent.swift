/// One fact in the life of a deployment, with the moment it was noted.
public struct JournalEvent: Hashable, Sendable, Codable {
    public var at: Timestamp
    public var kind: Kind

    public init(at: Timestamp, _ kind: Kind) {
        self.at = at
        self.kind = kind
    }

    public enum Kind: Hashable, Sendable, Codable {
        /// A source declares the deployment, or declares it anew. `uid` counts only for a new deployment;
        /// `revision` is nil where the template is that of a known revision.
        case declared(Declaration, revision: Revision?, uid: String)
        case deletionRequested
        /// Its source does not declare it any more, nor so many others that it looks like an accident: its
        /// deletion waits for a person.
        case pruneHeld
        /// Its deletion waits for nobody any more.
        case pruneReleased
        /// Instances are on this machine that the record does not know.
        case found(FoundInstances)
        /// Requested is over: Updating when something else is in place, Validating when not.
        case admitted(replacing: Bool)
        /// Running is left for the target.
        case updateBegan
        /// No other revision of the deployment has a process any more.
        case displaced
        case stepSucceeded(Step, StepResult)
        case stepFailed(Step, Failure, Jitter)
        /// The workload of the revision ended without having been told to.
        case instanceExited(RevisionNumber, ExitStatus, Jitter)
        case becameHealthy(RevisionNumber)
        /// A startup or liveness probe failed as often as it may.
        case becameUnhealthy(RevisionNumber, Failure, Jitter)
        /// Nil: ready again.
        case readinessChanged(unready: String?)
        case deadlineExceeded
        case bakeCompleted
        /// ERA was away (stopped, suspended, or the machine rebooted): no deadline ran meanwhile.
        case resumed(rebooted: Bool)
        case requested(OperatorRequest)
    }
}

/// What a person can ask of a deployment.
public enum OperatorRequest: Hashable, Sendable, Codable {
    /// Try the declared generation again.
    case retry
    /// Go to another revision, and stay there until the manifest changes.
    case rollback(to: RevisionNumber)
    /// Take the revision that runs as good.
    case accept(RevisionNumber)
    case restart
    case hold
    case release
}

/// An event that cannot happen in the record's state: a bug, or a journal that was tampered with.
public struct IllegalTransition: Error, Equatable, Sendable, CustomStringConvertible {
    public let deployment: DeploymentKey
    public let phase: Phase
    public let event: String

    public init(deployment: DeploymentKey, phase: Phase, event: String) {
        self.deployment = deployment
        self.phase = phase
        self.event = event
    }

    public var description: String { "\(deployment): \(event) cannot happen in phase \(phase)" }
}
