/// Where a deployment stands in its life; the words that users see in `status.phase`.
public enum Phase: String, Hashable, Sendable, Codable, CaseIterable, CustomStringConvertible {
    case requested = "Requested"
    case validating = "Validating"
    case fetching = "Fetching"
    case preparing = "Preparing"
    case installing = "Installing"
    case activating = "Activating"
    case healthChecking = "HealthChecking"
    case running = "Running"
    case updating = "Updating"
    case rollingBack = "RollingBack"
    case stopping = "Stopping"
    case uninstalling = "Uninstalling"
    case deleted = "Deleted"
    case failed = "Failed"
    case rollbackFailed = "RollbackFailed"

    public var description: String { rawValue }

    /// Whether nothing happens any more without a new generation or an operator.
    public var isTerminal: Bool {
        switch self {
        case .deleted, .failed, .rollbackFailed: true
        case .requested, .validating, .fetching, .preparing, .installing, .activating, .healthChecking,
            .running, .updating, .rollingBack, .stopping, .uninstalling:
            false
        }
    }

    /// Whether `next` may follow this phase.
    public func mayBecome(_ next: Phase) -> Bool {
        Transition.all.contains { $0.from == self && $0.to == next }
    }
}

/// One arrow of the state machine. The fold refuses whatever is not in ``all``; `era graph` draws it.
public struct Transition: Hashable, Sendable {
    /// What makes a deployment take an arrow.
    public enum Trigger: String, Hashable, Sendable, Codable {
        /// The phase did its work.
        case success
        /// A permanent error, or no retries or time left.
        case failure
        /// The workload ended or lost its health.
        case crash
        /// A newer generation interrupts.
        case declared
        /// The deployment is to be deleted.
        case deleted
        /// A person asked for it.
        case `operator`
    }

    public let from: Phase
    public let to: Phase
    public let trigger: Trigger
    /// A few words for the diagram.
    public let label: String

    private init(_ from: Phase, _ to: Phase, _ trigger: Trigger, _ label: String) {
        self.from = from
        self.to = to
        self.trigger = trigger
        self.label = label
    }

    /// The whole machine: the path of work first, then what interrupts it.
    public static let all: [Transition] = work + interruptions

    private static let work: [Transition] = [
        Transition(.requested, .validating, .success, "revision recorded"),
        Transition(.requested, .updating, .success, "another revision is in place"),
        Transition(.validating, .fetching, .success, "valid"),
        Transition(.validating, .failed, .failure, "invalid"),
        Transition(.fetching, .preparing, .success, "verified"),
        Transition(.fetching, .failed, .failure, "cannot be fetched"),
        Transition(.preparing, .installing, .success, "prepared"),
        Transition(.preparing, .rollingBack, .failure, "cannot be prepared"),
        Transition(.installing, .activating, .success, "installed"),
        Transition(.installing, .rollingBack, .failure, "cannot be installed"),
        Transition(.activating, .healthChecking, .success, "started"),
        Transition(.activating, .rollingBack, .failure, "cannot be started"),
        Transition(.healthChecking, .running, .success, "healthy"),
        Transition(.healthChecking, .activating, .crash, "exited"),
        Transition(.healthChecking, .rollingBack, .failure, "unhealthy"),
        Transition(.healthChecking, .failed, .crash, "exited, not to be restarted"),
        Transition(.running, .activating, .crash, "crash, drift or lost health"),
        Transition(.running, .rollingBack, .crash, "crash while baking"),
        Transition(.running, .failed, .crash, "exited, not to be restarted"),
        Transition(.running, .updating, .declared, "another revision is wanted"),
        Transition(.updating, .installing, .success, "prepared, old one stopped"),
        Transition(.updating, .rollingBack, .failure, "cannot be updated"),
        Transition(.rollingBack, .running, .success, "previous restored"),
        Transition(.rollingBack, .failed, .success, "undone, no previous"),
        Transition(.rollingBack, .rollbackFailed, .failure, "cannot be restored"),
        Transition(.stopping, .uninstalling, .success, "stopped"),
        Transition(.uninstalling, .deleted, .success, "nothing left"),
        Transition(.deleted, .requested, .declared, "declared again"),
        Transition(.failed, .requested, .declared, "new generation, another revision"),
        Transition(.failed, .validating, .operator, "retry"),
        Transition(.rollbackFailed, .requested, .declared, "new generation, another revision"),
        Transition(.rollbackFailed, .validating, .operator, "retry"),
        Transition(.rollbackFailed, .running, .operator, "accept what runs"),
    ]

    private static let interruptions: [Transition] =
        [Phase.validating, .fetching, .preparing, .installing, .activating, .healthChecking, .rollingBack].map
    {
        Transition($0, .requested, .declared, "newer generation")
    } + [
        Transition(.activating, .updating, .declared, "another revision is wanted"),
        Transition(.healthChecking, .updating, .declared, "another revision is wanted"),
        Transition(.updating, .running, .declared, "what runs is declared again"),
        Transition(.updating, .activating, .declared, "what crashed is declared again"),
    ]
        + [
            Phase.requested, .validating, .fetching, .preparing, .installing, .activating, .healthChecking,
            .running, .updating, .rollingBack, .failed, .rollbackFailed,
        ].map {
            Transition($0, .stopping, .deleted, "delete")
        }
}
