internal import CLinux
internal import Glibc

/// A plugin's executable that was started, and our ends of what connects us.
struct StartedPlugin: Sendable {
    /// Attempts, 20 ms apart, on a file that somebody writes.
    private static let busyLimit = 100

    let process: pid_t
    /// Readable once it has ended; the taker closes it.
    let exit: CInt
    /// Its standard output, non-blocking; the taker closes it.
    let output: CInt
    /// Its standard error, non-blocking; the taker closes it.
    let talk: CInt

    /// Checks the executable once more and starts it in a session of its own.
    ///
    /// A program is executed by the descriptor that was checked. An interpreter opens its script itself, by
    /// the path: that is the same file, since nobody else can write to any directory of it.
    /// - Throws: ``PluginRefusal``.
    init(_ call: PluginCall, _ file: PluginFile) throws(PluginRefusal) {
        let executable = try file.open()
        guard executable.mark == file.mark else { throw PluginRefusal("was replaced this moment") }
        let input = era_spawn_memory_file("era-plugin-request", call.input, call.input.count)
        guard input >= 0 else { throw Self.shortage() }
        defer { close(input) }
        var answers: [CInt] = [-1, -1]
        guard era_probe_pipe(&answers) == 0 else { throw Self.shortage() }
        defer { close(answers[1]) }
        var lines: [CInt] = [-1, -1]
        guard era_probe_pipe(&lines) == 0 else {
            defer { close(answers[0]) }
            throw Self.shortage()
        }
        defer { close(lines[1]) }
        var process: pid_t = 0
        let directory = access(call.directory, X_OK) == 0 ? call.directory : "/"
        var code: CInt = 0
        // A file that was just put there may be open for writing, if only in somebody's child for a moment.
        for _ in 0..<Self.busyLimit {
            code = withStrings([executable.path, call.verb]) { arguments in
                withStrings(call.environment) { environment in
                    era_spawn_child(
                        executable.isBinary ? executable.descriptor : -1,
                        executable.path,
                        arguments.baseAddress,
                        environment.baseAddress,
                        directory,
                        [input, answers[1], lines[1]],
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
        let exit = era_probe_descriptor(process)
        guard exit >= 0 else {
            let refusal = Self.shortage()
            close(answers[0])
            close(lines[0])
            kill(-process, SIGKILL)
            waitpid(process, nil, 0)
            throw refusal
        }
        self.process = process
        self.exit = exit
        output = answers[0]
        talk = lines[0]
    }

    private static func shortage() -> PluginRefusal {
        PluginRefusal("cannot be started now: \(String(cString: strerror(errno)))")
    }

    private static func refusal(_ code: CInt) -> PluginRefusal {
        switch code {
        case ENOENT: PluginRefusal("cannot be started: the interpreter in its first line is not there")
        case ENOEXEC:
            PluginRefusal(
                "cannot be started: it is no program for this machine, and its first line names none (#!)"
            )
        default: PluginRefusal("cannot be started: \(String(cString: strerror(code)))")
        }
    }
}

/// Passes texts on as C does: a list of pointers that a null pointer ends.
private func withStrings<Value>(
    _ texts: [String],
    _ body: (UnsafeMutableBufferPointer<UnsafeMutablePointer<CChar>?>) -> Value
) -> Value {
    var pointers = texts.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeMutableBufferPointer { body($0) }
}
