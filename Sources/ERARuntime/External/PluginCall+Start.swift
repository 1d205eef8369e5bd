internal import CLinux
internal import ERALinux
internal import Glibc

extension PluginCall {
    /// Which output of the child is its standard output; the other is standard error.
    static let answerOutput = 0
    /// Attempts, 20 ms apart, on a file that somebody writes.
    private static let busyLimit = 100
    /// Where plugins are started: that waits until the child has become the program.
    private static let starting = BlockingQueue(label: "era.plugin.start")

    /// Checks the executable once more and starts it in a session of its own.
    ///
    /// A program is executed by the descriptor that was checked. An interpreter opens its script itself, by
    /// the path: that is the same file, since nobody else can write to any directory of it.
    /// - Throws: ``PluginRefusal``.
    func start(_ file: PluginFile) async throws(PluginRefusal) -> Child {
        try await Self.starting.run { () throws(PluginRefusal) in try spawn(file) }
    }

    private func spawn(_ file: PluginFile) throws(PluginRefusal) -> Child {
        let executable = try file.open()
        guard executable.mark == file.mark else { throw PluginRefusal("was replaced this moment") }
        let request = era_spawn_memory_file("era-plugin-request", input, input.count)
        guard request >= 0 else { throw Self.shortage(.last) }
        defer { close(request) }
        var answers: [CInt] = [-1, -1]
        guard era_probe_pipe(&answers) == 0 else { throw Self.shortage(.last) }
        defer { close(answers[1]) }
        var lines: [CInt] = [-1, -1]
        guard era_probe_pipe(&lines) == 0 else {
            defer { close(answers[0]) }
            throw Self.shortage(.last)
        }
        defer { close(lines[1]) }
        var process: pid_t = 0
        let directory = access(self.directory, X_OK) == 0 ? self.directory : "/"
        var code: CInt = 0
        // A file that was just put there may be open for writing, if only in somebody's child for a moment.
        for _ in 0..<Self.busyLimit {
            code = withCArguments([executable.path, verb]) { arguments in
                withCArguments(environment) { environment in
                    era_spawn_child(
                        executable.isBinary ? executable.descriptor : -1,
                        executable.path,
                        arguments,
                        environment,
                        directory,
                        [request, answers[1], lines[1]],
                        &process
                    )
                }
            }
            guard code == ETXTBSY else { break }
            usleep(20_000)
        }
        guard code == 0 else {
            close(answers[0])
            close(lines[0])
            throw Self.refusal(code)
        }
        do {
            return try Child(process, outputs: [answers[0], lines[0]])
        } catch {
            throw Self.shortage(error)
        }
    }

    private static func shortage(_ error: SystemError) -> PluginRefusal {
        PluginRefusal("cannot be started now: \(error.text)")
    }

    private static func refusal(_ code: CInt) -> PluginRefusal {
        switch code {
        case ENOENT: PluginRefusal("cannot be started: the interpreter in its first line is not there")
        case ENOEXEC:
            PluginRefusal(
                "cannot be started: it is no program for this machine, and its first line names none (#!)"
            )
        default: PluginRefusal("cannot be started: \(SystemError(code).text)")
        }
    }
}
