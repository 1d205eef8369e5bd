internal import CLinux
internal import ERACore
internal import Glibc
internal import Synchronization

/// Runs a program of the host to its end, for what it says: an engine's version, a compilation.
///
/// Blocks its thread: for a ``BlockingQueue``, or before there is anything to block.
struct ToolRun {
    /// More of what it prints is read and dropped.
    static let outputLimit = 16_384

    /// How a run ended.
    enum Outcome: Hashable, Sendable {
        /// With a code, and what it printed, errors included.
        case ended(code: Int32, output: String)
        /// It was killed after this long.
        case timedOut(Duration)
        /// It was killed because nobody waits for it any more.
        case cancelled
        /// It could not be started: an errno.
        case notStarted(Int32)
    }

    var path: String
    /// The program's name first.
    var arguments: [String]
    var environment: [String] = []
    /// Absolute.
    var directory = "/"
    var limit: Duration
    var cancellation = Cancellation()

    /// Says to a run on another thread that it is to end.
    ///
    /// A class, because both sides have it.
    final class Cancellation: Sendable {
        private let flag = Atomic(false)
        var isRequested: Bool { flag.load(ordering: .relaxed) }
        func request() { flag.store(true, ordering: .relaxed) }
    }

    func outcome() -> Outcome {
        var ends: [CInt] = [-1, -1]
        guard era_probe_pipe(&ends) == 0 else { return .notStarted(errno) }
        defer { close(ends[0]) }
        var user = era_probe_user()
        // It works for us, with what we may do.
        user.capabilities = .max
        var process: pid_t = 0
        let error = withCArguments([path]) { candidates in
            withCArguments(arguments) { arguments in
                withCArguments(environment) { environment in
                    candidates.withMemoryRebound(to: UnsafePointer<CChar>?.self, capacity: 2) {
                        era_probe_spawn($0, arguments, environment, directory, &user, ends[1], &process)
                    }
                }
            }
        }
        close(ends[1])
        guard error == 0 else { return .notStarted(error) }
        return wait(process, output: ends[0])
    }

    private func wait(_ process: pid_t, output end: CInt) -> Outcome {
        let clock = ContinuousClock()
        let deadline = clock.now + limit
        var output: [UInt8] = []
        var status: CInt = 0
        var verdict: Outcome?
        while era_probe_reap(process, &status) == 0 {
            if verdict == nil, cancellation.isRequested || clock.now >= deadline {
                verdict = cancellation.isRequested ? .cancelled : .timedOut(limit)
                // Its whole group; not reaped, so the number is still its own.
                kill(-process, SIGKILL)
            }
            var ready = pollfd(fd: end, events: Int16(POLLIN), revents: 0)
            let isOpen = poll(&ready, 1, 5) > 0 && take(end, &output)
            // At its end the pipe is always ready.
            if !isOpen, ready.revents != 0 { usleep(5000) }
        }
        _ = take(end, &output)
        if let verdict { return verdict }
        let signal = status & 0x7F
        // As a shell says it.
        let code = signal == 0 ? status >> 8 & 0xFF : 128 + signal
        return .ended(code: code, output: String(decoding: output, as: UTF8.self))
    }

    /// Reads what is there.
    ///
    /// - Returns: Whether more may come.
    private func take(_ end: CInt, _ output: inout [UInt8]) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 4096)
        // Bounded, so that what floods does not keep us from the deadline.
        for _ in 0..<16 {
            let count = read(end, &buffer, buffer.count)
            guard count > 0 else { return count != 0 }
            output += buffer[..<min(count, Self.outputLimit - output.count)]
        }
        return true
    }
}
