/// How a workload ended.
public enum ExitStatus: Hashable, Sendable, Codable, CustomStringConvertible {
    case code(Int32)
    case signal(Int32)
    /// It is gone and nobody was there to reap it (its shim was killed, or the machine rebooted).
    case unknown

    public var isSuccess: Bool { self == .code(0) }

    public var description: String {
        switch self {
        case .code(let code): "exit code \(code)"
        case .signal(let signal): "signal \(signal)"
        case .unknown: "exit status unknown"
        }
    }
}

/// What a plugin observes of one instance. `absent` is a value, not an error.
public enum InstanceStatus: Hashable, Sendable, Codable {
    /// A workload that runs.
    public struct Running: Hashable, Sendable, Codable {
        /// The process that the supervisor started; nil where the plugin has none.
        public var pid: Int32?
        public var startedAt: Uptime
        /// The plugin's own opinion; nil where it has none.
        public var isHealthy: Bool?
        /// What the host could not give (a limit without cgroups, say), for the status.
        public var restrictions: [String]

        public init(pid: Int32?, startedAt: Uptime, isHealthy: Bool? = nil, restrictions: [String] = []) {
            self.pid = pid
            self.startedAt = startedAt
            self.isHealthy = isHealthy
            self.restrictions = restrictions
        }
    }

    /// A workload that ran and ended.
    public struct Exited: Hashable, Sendable, Codable {
        public var status: ExitStatus
        /// Nil when nobody saw it.
        public var at: Uptime?

        public init(status: ExitStatus, at: Uptime?) {
            self.status = status
            self.at = at
        }
    }

    /// Nothing of the instance is there.
    case absent
    /// Its files are there; it was not started since it was installed or
    /// stopped, or since the machine booted.
    case installed
    case running(Running)
    case exited(Exited)
    /// It was told to stop and has not ended yet.
    case stopping

    /// Whether processes of the instance may be alive.
    public var mayHaveProcesses: Bool {
        switch self {
        case .absent, .installed, .exited: false
        case .running, .stopping: true
        }
    }
}
