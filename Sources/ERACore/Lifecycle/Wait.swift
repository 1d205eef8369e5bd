/// Why nothing moves, and until when at the latest; the status shows both.
public struct Wait: Hashable, Sendable, Codable {
    /// Nil when only an event can end it.
    public var until: Uptime?
    public var reason: Reason

    public init(until: Uptime?, reason: Reason) {
        self.until = until
        self.reason = reason
    }

    public enum Reason: Hashable, Sendable, Codable {
        /// `spec.suspend`, or `era suspend`.
        case suspended
        /// These are not Available yet.
        case dependencies([DeploymentKey])
        /// These depend on it and are being deleted first.
        case dependents([DeploymentKey])
        /// A transient failure; the next attempt is at `until`.
        case retry(Failure)
        /// The workload crashed; it is started again at `until`.
        case crashBackOff(ExitStatus?)
        /// Started; what its health still lacks.
        case health(String)
        /// Healthy, but not for `minReadySeconds` yet.
        case minReady
        /// New and watched until `until`.
        case baking
        /// It is told to stop and has not ended.
        case stopping
        /// The declared version failed and is not tried again.
        case quarantined
        /// The source that declared it cannot be read, or its files are wrong.
        case source(String)
        /// The store cannot be written.
        case degraded(String)

        /// One CamelCase word for a condition.
        public var word: String {
            switch self {
            case .suspended: "Suspended"
            case .dependencies: "DependenciesNotReady"
            case .dependents: "DependentsExist"
            case .retry: "RetryBackOff"
            case .crashBackOff: "CrashBackOff"
            case .health: "WaitingForHealth"
            case .minReady: "MinReadySeconds"
            case .baking: "Baking"
            case .stopping: "StopPending"
            case .quarantined: "RolledBack"
            case .source: "SourceProblem"
            case .degraded: "StoreDegraded"
            }
        }

        /// The reason as a sentence's end.
        public var text: String {
            switch self {
            case .suspended: "suspended; era resume, or spec.suspend: false, goes on"
            case .dependencies(let keys): "waiting for \(Self.list(keys)) to be Available"
            case .dependents(let keys): "waiting for \(Self.list(keys)) to be deleted first"
            case .retry(let failure): "trying again after: \(failure.message)"
            case .crashBackOff(let status): "crashed\(status.map { " (\($0))" } ?? ""), starting again"
            case .health(let what): what
            case .minReady: "healthy, waiting for minReadySeconds"
            case .baking: "running, watched while it is new"
            case .stopping: "waiting for the workload to stop"
            case .quarantined: "the declared version failed; change the manifest, or: era retry"
            case .source(let problem): problem
            case .degraded(let problem): problem
            }
        }

        private static func list(_ keys: [DeploymentKey]) -> String {
            keys.map(\.description).joined(separator: ", ")
        }
    }
}
