import Glibc
import Synchronization

/// A process that a test started, with its output in files.
///
/// A class, since it is waited for once, whoever asks; until then its number belongs to nobody else.
final class Child: Sendable {
    /// How a process ended.
    enum End: Hashable, Sendable {
        case code(Int32)
        case signal(Int32)
    }

    let pid: pid_t
    private let ended = Mutex<End?>(nil)

    /// Starts a program with /dev/null as its input and no descriptor but the usual three.
    ///
    /// - Parameters:
    ///   - output: The path of the file to which standard output is appended.
    ///   - error: The same for standard error.
    /// - Throws: ``Trouble`` where it cannot be started.
    init(_ program: String, _ arguments: [String], _ environment: [String], output: String, error: String)
        throws
    {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let flags = O_WRONLY | O_CREAT | O_APPEND
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, flags, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, error, flags, 0o600)
        // What has been closed meanwhile is no error (posix_spawn(3)).
        for number in names(in: "/proc/self/fd").compactMap({ Int32($0) }) where number > 2 {
            posix_spawn_file_actions_addclose(&actions, number)
        }
        var argv: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        var environ: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        defer { for text in argv + environ { free(text) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, program, &actions, nil, &argv, &environ)
        guard code == 0 else { throw Trouble("cannot start \(program): \(String(cString: strerror(code)))") }
        self.pid = pid
    }

    /// How it ended; nil while it runs.
    var end: End? {
        ended.withLock { ended in
            if ended != nil { return ended }
            var status: Int32 = 0
            guard waitpid(pid, &status, WNOHANG) == pid else { return nil }
            ended = status & 0x7F == 0 ? .code(status >> 8 & 0xFF) : .signal(status & 0x7F)
            return ended
        }
    }

    /// Sends a signal; after the end nothing happens.
    func signal(_ number: Int32) {
        guard end == nil else { return }
        kill(pid, number)
    }

    /// Waits for the end.
    func wait(within limit: Duration = .seconds(60)) async throws -> End {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline {
            if let end { return end }
            try await Task.sleep(for: .milliseconds(3))
        }
        throw Trouble("process \(pid) has not ended within \(limit)")
    }

    /// Ends it without asking, as a power failure would, and waits for that.
    func crash() async throws {
        signal(SIGKILL)
        _ = try await wait()
    }
}

/// Something that no test expects.
struct Trouble: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
