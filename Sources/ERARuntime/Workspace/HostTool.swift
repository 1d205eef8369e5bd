internal import ERACore
internal import ERALinux

/// A program of the host that is run to its end and answers in a few lines.
struct HostTool: Sendable {
    /// The most bytes of output that are kept; what comes after is read and dropped.
    static let outputLimit = 64 << 10

    struct Outcome: Hashable, Sendable {
        var status: ERACore.ExitStatus
        /// Both streams, as they came.
        var output: String

        /// The last line that says something, for messages.
        var lastLine: String {
            let line = output.split(separator: "\n").last { !$0.allSatisfy(\.isWhitespace) }
            return String((line ?? "it did not say why").prefix(400))
        }
    }

    /// Absolute.
    let path: String
    let searchPath: [String]
    /// Whether it may run programs with privileges of their own.
    var gainsPrivileges = false

    init(_ path: String, searchPath: [String]) {
        self.path = path
        self.searchPath = searchPath
    }

    /// Runs it, in a process group of its own, with nothing of ours but a search path; it ends with the task.
    ///
    /// - Parameters:
    ///   - directory: Where it runs; absolute.
    ///   - limit: After which all of the group is killed.
    /// - Throws: ``Failure`` where it cannot be started, or takes longer; `CancellationError`.
    func run(_ arguments: [String], in directory: String = "/", within limit: Duration) async throws
        -> Outcome
    {
        var program = ChildProgram(
            [path],
            arguments: [path] + arguments,
            environment: ["PATH=\(searchPath.joined(separator: ":"))", "LANG=C.UTF-8"],
            directory: directory
        )
        program.gainsPrivileges = gainsPrivileges
        let outcome: ChildProgram.Outcome
        do {
            outcome = try await program.run(within: limit, outputLimit: Self.outputLimit)
        } catch {
            throw Failure.transient(.startFailed, "cannot run \(path): \(error.text)\(remedy(error.code))")
        }
        let output = String(decoding: outcome.output, as: UTF8.self)
        switch outcome.end {
        case .code(let code): return Outcome(status: .code(code), output: output)
        case .signal(let signal): return Outcome(status: .signal(signal), output: output)
        case .timedOut:
            throw Failure.transient(
                .timeout,
                "\(path) took longer than \(limit.manifestText), and was killed"
            )
        case .cancelled, .stopped: throw CancellationError()
        }
    }
}
