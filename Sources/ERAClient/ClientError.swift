public import ERAAPI

/// Why a request to the daemon did not succeed.
public enum ClientError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Nobody answers on the socket.
    case notReachable(socketPath: String, why: String)
    /// The daemon answered that it does not do this, and why.
    case status(APIStatus)
    /// No answer within the time-out.
    case timedOut(seconds: Int64)
    /// What came back is not what the API promises: two versions that do not
    /// fit, or something else on the socket.
    case protocolViolation(String)

    /// The exit code of a command that fails with this (design: 1 failed, 3 not reachable, 5 time-out).
    public var exitCode: Int32 {
        switch self {
        case .notReachable: 3
        case .status, .protocolViolation: 1
        case .timedOut: 5
        }
    }

    public var description: String {
        switch self {
        case .notReachable(let path, let why):
            "cannot reach the daemon at \(path): \(why); start it with: era daemon, "
                + "or name its directory with --run-dir"
        case .status(let status): status.message
        case .timedOut(let seconds): "the daemon did not answer within \(seconds) s; see: era doctor"
        case .protocolViolation(let what):
            "cannot understand the daemon's answer: \(what); is it of the same version? (era version)"
        }
    }

    /// The status that the daemon answered; nil for every other error.
    public var status: APIStatus? { if case .status(let status) = self { status } else { nil } }
    /// Whether the daemon says that there is no such thing.
    public var isNotFound: Bool { status?.code == 404 }
    /// Whether the daemon says that the object was changed meanwhile, or is declared elsewhere.
    public var isConflict: Bool { status?.code == 409 }
}
