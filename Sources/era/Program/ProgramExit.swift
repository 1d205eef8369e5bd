/// How the program can end: the one place that knows the exit codes.
enum ProgramExit: Int32, CaseIterable, Sendable {
    case done = 0
    /// Something did not work; the message says what to do.
    case failed = 1
    /// The command line is wrong.
    case wrongUsage = 2
    /// A daemon runs already, or none can be reached.
    case notReachable = 3
    /// Converged, but some deployment is Failed, RollbackFailed or was rolled back.
    case notAsDeclared = 4
    case timedOut = 5
}

/// Why a command did not do what it was asked.
struct CommandFailure: Error, Equatable, CustomStringConvertible {
    /// Lower case: what was attempted on what, and what to do about it; nil where that was told already.
    var message: String?
    var exit: ProgramExit

    init(_ message: String, _ exit: ProgramExit = .failed) {
        self.message = message
        self.exit = exit
    }

    private init(exit: ProgramExit) {
        message = nil
        self.exit = exit
    }

    /// The failure has been told where it happened; only the exit code is left to set.
    static func told(_ exit: ProgramExit = .failed) -> CommandFailure { CommandFailure(exit: exit) }

    var description: String { message ?? "exit code \(exit.rawValue)" }
}
