/// Why something did not work: what a step, a plugin or a fetch reports, and what the status shows.
///
/// Whoever meets the trouble says whether trying again can help; nobody reads messages to find out.
public struct Failure: Error, Hashable, Sendable, Codable, CustomStringConvertible {
    /// Whether the same attempt may work later without anybody changing anything.
    public enum Persistence: String, Hashable, Sendable, Codable {
        case transient, permanent
    }

    /// What went wrong, as one CamelCase word that programs may compare: it becomes a condition's reason.
    public struct Code: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }
        public init(from decoder: any Decoder) throws { rawValue = try String(from: decoder) }
        public func encode(to encoder: any Encoder) throws { try rawValue.encode(to: encoder) }
        public var description: String { rawValue }
    }

    public var code: Code
    /// Lower case: what was attempted on what, and what to do about it. Never a secret.
    public var message: String
    public var persistence: Persistence
    /// The earliest useful next attempt, where the other side named one (HTTP Retry-After).
    public var retryAfter: Duration?

    public init(_ code: Code, _ message: String, _ persistence: Persistence, retryAfter: Duration? = nil) {
        self.code = code
        self.message = message
        self.persistence = persistence
        self.retryAfter = retryAfter
    }

    /// A failure that may be gone at the next attempt.
    /// - Parameter retryAfter: What the other side asked to wait; nil where it did not.
    public static func transient(_ code: Code, _ message: String, retryAfter: Duration? = nil) -> Failure {
        Failure(code, message, .transient, retryAfter: retryAfter)
    }

    /// A failure that stays until the manifest or the host is changed.
    public static func permanent(_ code: Code, _ message: String) -> Failure {
        Failure(code, message, .permanent)
    }

    public var description: String { "\(code): \(message)" }
}

extension Failure.Code {
    // Validating
    public static let invalidSpec = Self(rawValue: "InvalidSpec")
    public static let pluginMissing = Self(rawValue: "PluginMissing")
    public static let pluginVersionRefused = Self(rawValue: "PluginVersionRefused")
    public static let unsupported = Self(rawValue: "Unsupported")
    // Fetching
    public static let fetchFailed = Self(rawValue: "FetchFailed")
    public static let fetchRefused = Self(rawValue: "FetchRefused")
    public static let digestMismatch = Self(rawValue: "DigestMismatch")
    public static let artifactTooLarge = Self(rawValue: "ArtifactTooLarge")
    public static let signatureMissing = Self(rawValue: "SignatureMissing")
    public static let signatureInvalid = Self(rawValue: "SignatureInvalid")
    public static let trustPolicyInvalid = Self(rawValue: "TrustPolicyInvalid")
    public static let downgradeRefused = Self(rawValue: "DowngradeRefused")
    public static let unsafeArchive = Self(rawValue: "UnsafeArchive")
    // Preparing, Installing
    public static let secretMissing = Self(rawValue: "SecretMissing")
    public static let portTaken = Self(rawValue: "PortTaken")
    public static let noSpace = Self(rawValue: "NoSpace")
    public static let fileSystemError = Self(rawValue: "FileSystemError")
    public static let userMissing = Self(rawValue: "UserMissing")
    // Activating and later
    public static let commandMissing = Self(rawValue: "CommandMissing")
    public static let startFailed = Self(rawValue: "StartFailed")
    public static let exited = Self(rawValue: "Exited")
    public static let startupProbeFailed = Self(rawValue: "StartupProbeFailed")
    public static let livenessProbeFailed = Self(rawValue: "LivenessProbeFailed")
    public static let readinessLost = Self(rawValue: "ReadinessLost")
    public static let stopStuck = Self(rawValue: "StopStuck")
    public static let progressDeadlineExceeded = Self(rawValue: "ProgressDeadlineExceeded")
    public static let rolledBackByOperator = Self(rawValue: "RolledBackByOperator")
    // Anywhere
    public static let timeout = Self(rawValue: "Timeout")
    public static let pluginFault = Self(rawValue: "PluginFault")
    public static let internalFault = Self(rawValue: "InternalFault")
}
