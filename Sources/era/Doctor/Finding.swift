/// What one check of `era doctor` found.
struct Finding: Equatable, Sendable {
    /// How bad it is.
    enum Verdict: String, Equatable, Sendable {
        case good = "ok"
        /// It works, with less than it could have.
        case warning
        /// ERA does not work like this.
        case problem
    }

    var subject: String
    var verdict: Verdict
    /// What was found and, unless it is good, what to do about it.
    var message: String

    static func good(_ subject: String, _ message: String) -> Finding {
        Finding(subject: subject, verdict: .good, message: message)
    }
    static func warning(_ subject: String, _ message: String) -> Finding {
        Finding(subject: subject, verdict: .warning, message: message)
    }
    static func problem(_ subject: String, _ message: String) -> Finding {
        Finding(subject: subject, verdict: .problem, message: message)
    }

    var look: Style.Look {
        switch verdict {
        case .good: .green
        case .warning: .yellow
        case .problem: .red
        }
    }
}
