import Glibc

/// A tiny web server to deploy: it answers with its name, version and PID, and misbehaves on request.
@main
enum SampleWeb {
    static func main() {
        do throws(Problem) {
            let options = try Options(CommandLine.arguments.dropFirst())
            let stopSignals = try StopSignals()
            let listener = try Listener.open(options)
            say("\(options.name) \(options.version) (PID \(getpid())) listens on \(listener)")
            var server = WebServer(options, listener, stopSignals)
            exit(server.run())
        } catch let problem {
            complain("sample-web: \(problem.message)")
            exit(problem.exitCode)
        }
    }
}

/// A problem with the text that goes to standard error, and the exit code.
struct Problem: Error {
    let message: String
    let exitCode: Int32

    init(_ message: String, exitCode: Int32 = 1) {
        self.message = message
        self.exitCode = exitCode
    }

    /// The command line is wrong.
    static func usage(_ message: String) -> Problem { Problem("\(message)\n\(Options.usage)", exitCode: 2) }
}

/// Writes one line to standard output, at once: what a supervisor's log shows must not sit in a buffer.
func say(_ line: String) { write(line, to: STDOUT_FILENO) }

/// Writes one line to standard error.
func complain(_ line: String) { write(line, to: STDERR_FILENO) }

private func write(_ line: String, to descriptor: Int32) {
    var bytes = Array(line.utf8)
    bytes.append(UInt8(ascii: "\n"))
    // A log that cannot be written must not stop the service.
    _ = Glibc.write(descriptor, bytes, bytes.count)
}

/// A moment on the monotonic clock, in milliseconds.
typealias Milliseconds = Int64

/// The monotonic clock now.
func monotonicNow() -> Milliseconds {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Milliseconds(now.tv_sec) * 1000 + Milliseconds(now.tv_nsec) / 1_000_000
}
