import ArgumentParser
import ERAClient
import ERACore

/// What an error means for whoever started the program: texts and an exit code.
struct ErrorReport: Equatable {
    /// For standard output: help that was asked for, say.
    var output = ""
    /// For standard error.
    var talk = ""
    var exit: ProgramExit

    init(_ error: any Error, reach: DaemonReach = .real) {
        switch error {
        case let failure as CommandFailure:
            self.init(talk: failure.message.map(Self.line) ?? "", failure.exit)
        case let error as ClientError:
            self.init(talk: Self.line(reach.text(error)), ProgramExit(rawValue: error.exitCode) ?? .failed)
        case let failure as Failure:
            self.init(talk: Self.line(failure.message), .failed)
        case let error as InvalidValue:
            self.init(talk: Self.line("\(error)"), .wrongUsage)
        case is CancellationError:
            self.init(talk: Self.line("interrupted"), .failed)
        default:
            self.init(ofArgumentParser: error)
        }
    }

    private init(output: String = "", talk: String = "", _ exit: ProgramExit) {
        self.output = output
        self.talk = talk
        self.exit = exit
    }

    /// Errors that ArgumentParser throws, to ask for help or because it cannot read the command line; it
    /// wraps those that commands throw while their arguments are read.
    private init(ofArgumentParser error: any Error) {
        let code = Era.exitCode(for: error)
        let message = Era.fullMessage(for: error)
        let text = message.isEmpty || message.hasSuffix("\n") ? message : message + "\n"
        if code.isSuccess { self.init(output: text, .done); return }
        self.init(
            talk: text.hasPrefix("Error: ") ? "error: " + text.dropFirst("Error: ".count) : text,
            code == .validationFailure ? .wrongUsage : .failed
        )
    }

    private static func line(_ message: String) -> String {
        "error: \(DisplayText.multiline(message))\n"
    }
}
