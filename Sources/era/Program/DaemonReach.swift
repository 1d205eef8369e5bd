import ERAClient
import Glibc

/// What to do about a daemon that cannot be reached.
struct DaemonReach: Sendable {
    /// Whether this user is refused at a socket, or at a directory above it.
    let isForbidden: @Sendable (String) -> Bool

    /// As the system sees it.
    static let real = DaemonReach { path in access(path, R_OK | W_OK) != 0 && errno == EACCES }

    /// The error in words. Where this user is refused, another daemon is of no use.
    func text(_ error: ClientError) -> String {
        guard case .notReachable(let path, _) = error, isForbidden(path) else { return "\(error)" }
        return "cannot reach the daemon at \(path): \(Self.refused), or name another with --run-dir"
    }

    /// What to do where nobody answers on the socket.
    func advice(_ path: String) -> String { isForbidden(path) ? Self.refused : "start it with: era daemon" }

    private static let refused = "this user may not open it; run as the user that runs the daemon"
}
