/// Why nothing moves, and until when at the latest; the status shows both.
public struct Wait: Hashable, Sendable, Codable {
    /// Nil when only an event can end it.
    public var until: Uptime?
    public var reason: Reason

    public init(until: Uptime?, reason: Reason) {
        self.until = until
        self.reason = reason
    }

    /// Which attempt comes next, and how many there are at the most; nil where it is tried for ever.
    public struct Attempt: Hashable, Sendable, Codable, CustomStringConvertible {
        public var number: Int
        public var limit: Int?

        public init(number: Int, limit: Int?) {
            self.number = number
            self.limit = limit
        }

        public var description: String { limit.map { "attempt \(number) of \($0)" } ?? "attempt \(number)" }
    }

    public enum Reason: Hashable, Sendable, Codable {
        /// `spec.suspend`, or `era suspend`.
        case suspended
        /// These are not Available yet.
        case dependencies([DeploymentKey])
        /// These depend on it and are being deleted first.
        case dependents([DeploymentKey])
        /// A transient failure; the next attempt is at `until`.
        case retry(Failure, Attempt?)
        /// The workload crashed; it is started again at `until`.
        case crashBackOff(ExitStatus?)
        /// Started; what its health still lacks.
        case health(String)
        /// Healthy, but not for `minReadySeconds` yet.
        case minReady
        /// New and watched until `until`.
        case baking
        /// It is told to stop and has not ended; it is killed at `until`, at the latest.
        case stopping
        /// The declared version is not tried again: it failed so, or an operator went back from it.
        case quarantined(Failure)
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
            case .retry(let failure, _): failure.code == .pluginMissing ? "PluginMissing" : "RetryBackOff"
            case .crashBackOff: "CrashBackOff"
            case .health: "WaitingForHealth"
            case .minReady: "MinReadySeconds"
            case .baking: "Baking"
            case .stopping: "StopPending"
            case .quarantined(let failure): failure.quarantineWord
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
            case .retry(let failure, let attempt):
                "trying again\(attempt.map { " (\($0))" } ?? "") after: \(failure.message)"
            case .crashBackOff(let status): "crashed\(status.map { " (\($0))" } ?? ""), starting again"
            case .health(let what): what
            case .minReady: "healthy, waiting for minReadySeconds"
            case .baking: "running, watched while it is new"
            case .stopping: "told to stop, not ended yet; it is killed when its grace is over"
            case .quarantined(let failure) where failure.code == .rolledBackByOperator:
                "\(failure.message); change the manifest, or: era retry"
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

extension Failure {
    /// Why the declared version is not tried again, as the reason of a condition.
    var quarantineWord: String { code == .rolledBackByOperator ? code.rawValue : "RolledBack" }
}

extension DeploymentRecord {
    /// Why a step that has just begun may take a while, and until when at most; nil where nobody can say.
    ///
    /// Who joins a stop that is under way already, after a restart of ERA, may see it end sooner.
    public func wait(during step: Step, since start: Uptime) -> Wait? {
        guard case .stop(let revision) = step else { return nil }
        let stop = policy(for: revision).stop
        return Wait(until: stop.signal == .kill ? nil : start + stop.grace, reason: .stopping)
    }
}
