internal import CLinux
internal import ERACore
internal import Glibc

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
    private let queue: BlockingQueue

    init(_ path: String, searchPath: [String], queue: BlockingQueue) {
        self.path = path
        self.searchPath = searchPath
        self.queue = queue
    }

    /// Runs it, in a process group of its own, with nothing of ours but a search path.
    ///
    /// - Parameter limit: After which all of the group is killed.
    /// - Throws: ``Failure`` where it cannot be started, or takes longer.
    func run(_ arguments: [String], within limit: Duration) async throws -> Outcome {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Outcome, any Error>) in
            queue.async { continuation.resume(with: Result { try runHere(arguments, limit) }) }
        }
    }

    private func runHere(_ arguments: [String], _ limit: Duration) throws -> Outcome {
        var ends: [CInt] = [-1, -1]
        guard era_probe_pipe(&ends) == 0 else { throw failure("make a pipe for", path) }
        defer { close(ends[0]) }
        var process: pid_t = 0
        let code = withCArguments([path] + arguments) { arguments in
            withCArguments(["PATH=\(searchPath.joined(separator: ":"))", "LANG=C.UTF-8"]) { environment in
                path.withCString { program -> CInt in
                    var user = era_probe_user()
                    user.capabilities = .max
                    var candidates: [UnsafePointer<CChar>?] = [program, nil]
                    return era_probe_spawn(&candidates, arguments, environment, "/", &user, ends[1], &process)
                }
            }
        }
        close(ends[1])
        guard code == 0 else { throw failure("run", path, errorNumber: code) }
        return try watch(process, ends[0], until: ContinuousClock.now + limit)
    }

    private func watch(_ process: pid_t, _ output: CInt, until end: ContinuousClock.Instant) throws -> Outcome
    {
        var bytes: [UInt8] = []
        var isOpen = true
        var status: CInt = 0
        let exit = era_probe_descriptor(process)
        defer { if exit >= 0 { close(exit) } }
        while true {
            let left = max(0, min(60_000, (end - .now).milliseconds))
            var waited = [
                pollfd(fd: isOpen ? output : -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: exit, events: Int16(POLLIN), revents: 0),
            ]
            // Without a descriptor for its end a look every so often does.
            poll(&waited, 2, exit >= 0 ? CInt(left) : CInt(min(left, 20)))
            if isOpen { isOpen = drain(output, &bytes) }
            if era_probe_reap(process, &status) == 1 { break }
            guard ContinuousClock.now < end else {
                kill(-process, SIGKILL)
                while waitpid(process, &status, 0) < 0, errno == EINTR {}
                throw Failure.transient(.timeout, "\(path) took too long, and was killed")
            }
        }
        if isOpen { _ = drain(output, &bytes) }
        let signal = status & 0x7F
        return Outcome(
            status: signal == 0 ? .code(status >> 8 & 0xFF) : .signal(signal),
            output: String(decoding: bytes, as: UTF8.self)
        )
    }

    /// - Returns: Whether more may come.
    private func drain(_ output: CInt, _ bytes: inout [UInt8]) -> Bool {
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(output, &chunk, chunk.count)
            if count == 0 { return false }
            if count < 0 { return errno == EAGAIN || errno == EINTR }
            bytes += chunk[..<min(count, max(0, Self.outputLimit - bytes.count))]
        }
    }
}
