public import ERACore

/// Performs one probe and judges nothing: thresholds and periods are the core's.
public protocol HealthProber: Sendable {
    /// One attempt, over within the request's time-out. Never throws: whatever goes wrong is a failed probe.
    func probe(_ request: ProbeRequest) async -> ProbeOutcome
}

/// One probe to perform.
public struct ProbeRequest: Equatable, Sendable {
    public enum Target: Equatable, Sendable {
        /// GET; 200 to 399 is success. Redirects are followed only on the same host, as Kubernetes does.
        case http(
            scheme: ProbeSpec.HTTPGet.Scheme,
            host: String,
            port: Int,
            path: String,
            headers: [ProbeSpec.HTTPHeader]
        )
        case tcp(host: String, port: Int)
        /// Exit code 0 is success. Runs in the instance's directory with its environment and user.
        case exec(command: [String], environment: ProbeEnvironment)
    }

    public var target: Target
    public var timeout: Duration

    public init(target: Target, timeout: Duration) {
        self.target = target
        self.timeout = timeout
    }
}

/// The surroundings of an exec probe: those of the workload that it asks about.
public struct ProbeEnvironment: Equatable, Sendable {
    public var workingDirectory: String
    public var variables: [String: SecretText]
    public var user: String?
    /// What the workload keeps of Linux' capabilities, a bit for each by its number; none by default.
    public var capabilities: UInt64
    /// What stands before each command, to get it to where the workload is; mostly nothing.
    public var commandPrefix: [String]

    public init(
        workingDirectory: String,
        variables: [String: SecretText],
        user: String?,
        capabilities: UInt64 = 0,
        commandPrefix: [String] = []
    ) {
        self.workingDirectory = workingDirectory
        self.variables = variables
        self.user = user
        self.capabilities = capabilities
        self.commandPrefix = commandPrefix
    }
}

/// What one probe found.
public enum ProbeOutcome: Hashable, Sendable {
    case success
    /// Lower case: what was attempted and what came back, at most 512 bytes.
    case failure(String)

    public var isSuccess: Bool { self == .success }
}
