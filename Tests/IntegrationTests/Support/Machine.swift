import ERAAPI
import ERAClient
import ERAContracts
import ERACore
import Glibc
import Synchronization

/// One ERA with directories of its own, and everything that runs in it.
///
/// A class, since it owns what must be ended: its processes, ports and mounts.
final class Machine: Sendable {
    /// A command that has ended.
    struct Outcome: Sendable {
        var code: Int32
        var output: String
        var error: String
    }

    let root: String
    var manifests: String { root + "/manifests" }
    var data: String { root + "/data" }
    var run: String { root + "/run" }
    var secrets: String { root + "/secrets" }
    var log: String { root + "/daemon.log" }
    let client: ERAClient
    private let children = Mutex<[Child]>([])
    private let ports = Mutex<[ReservedPort]>([])
    private let mounts = Mutex<[String]>([])
    private let commandCount = Mutex(0)

    /// Gives a machine to `body`; then ends what runs in it and removes its files, whatever happened.
    ///
    /// - Parameter alone: No other is at work meanwhile. For one test at a time.
    static func with(alone: Bool = false, _ body: (Machine) async throws -> Void) async throws {
        let slots = alone ? Slots.machineLimit : 1
        for _ in 0..<slots { await Slots.machines.take() }
        do {
            let machine = try Machine()
            do {
                try await body(machine)
            } catch {
                // The end of the daemon's log says more than any assertion.
                let log = machine.lastLog
                await machine.end()
                throw Trouble("\(error)\n\(log)")
            }
            await machine.end()
        } catch {
            for _ in 0..<slots { await Slots.machines.give() }
            throw error
        }
        for _ in 0..<slots { await Slots.machines.give() }
    }

    private init() throws {
        let directory = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(directory)/era-integration.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil, let root = realpath(template, nil) else {
            throw Trouble("no directory in \(directory)")
        }
        self.root = String(cString: root)
        free(root)
        client = ERAClient(socketPath: self.root + "/run/era.sock", timeout: .seconds(60))
        for path in [manifests, data, run, secrets] { mkdir(path, 0o700) }
    }

    /// The path of a program: in the directory that `ERA_TEST_PROGRAMS` names
    /// (`make smoke`), or beside the test bundle.
    static func product(_ name: String) -> String {
        if let directory = getenv("ERA_TEST_PROGRAMS") { return String(cString: directory) + "/" + name }
        // The runner is the toolchain's own in some versions; then an argument names the bundle.
        let candidates = [target(ofLink: "/proc/self/exe") ?? ""] + CommandLine.arguments
        for candidate in candidates {
            let parts = candidate.split(separator: "/", omittingEmptySubsequences: false).dropLast()
            let path = parts.joined(separator: "/") + "/" + name
            if access(path, X_OK) == 0 { return path }
        }
        return "/nonexistent/\(name)"
    }

    // MARK: Programs

    /// Starts a daemon and waits until it has read everything and answers.
    @discardableResult
    func daemon(_ arguments: [String] = [], environment: [String] = [], awaitsReady: Bool = true) async throws
        -> Child
    {
        let child = try spawn("daemon", directories + arguments, environment, output: log, error: log)
        guard awaitsReady else { return child }
        try await eventually("the daemon answers") {
            if let end = child.end { throw Trouble("the daemon has ended: \(end)") }
            return try await isReady()
        }
        return child
    }

    /// Whether a daemon answers and has read its sources.
    func isReady() async throws -> Bool {
        // Nobody there is what is asked about.
        (try? await client.health())?.isReady ?? false
    }

    /// Where everything is, as options.
    var directories: [String] {
        [
            "--manifests", manifests, "--data-dir", data, "--run-dir", run, "--secrets-dir", secrets,
            "--log-level", "debug",
        ]
    }

    /// Runs a command to its end.
    func era(_ arguments: String...) async throws -> Outcome { try await era(arguments) }

    /// Runs a command to its end.
    func era(_ arguments: [String], within limit: Duration = .seconds(120)) async throws -> Outcome {
        let number = commandCount.withLock { count in
            count += 1
            return count
        }
        let (output, error) = ("\(root)/command.\(number).out", "\(root)/command.\(number).err")
        let child = try spawn(arguments[0], Array(arguments.dropFirst()), [], output: output, error: error)
        let end = try await child.wait(within: limit)
        guard case .code(let code) = end else { throw Trouble("era \(arguments) ended by \(end)") }
        return Outcome(code: code, output: text(of: output), error: text(of: error))
    }

    /// Starts a command that a test does not wait for at once; what it says goes to the log.
    func start(_ arguments: [String], _ environment: [String] = []) throws -> Child {
        try spawn(arguments[0], Array(arguments.dropFirst()), environment, output: log, error: log)
    }

    private func spawn(
        _ command: String,
        _ arguments: [String],
        _ environment: [String],
        output: String,
        error: String
    ) throws -> Child {
        let usual = [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "ERA_RUN_DIR=\(run)",
            "HOME=\(root)",
        ]
        let child = try Child(
            Self.product("era"),
            [command] + arguments,
            usual + environment,
            output: output,
            error: error
        )
        children.withLock { $0.append(child) }
        return child
    }

    /// Starts any other program, which the machine ends.
    ///
    /// - Parameter output: The file to which it writes.
    func program(_ path: String, _ arguments: [String], output: String = "/dev/null") throws -> Child {
        let child = try Child(path, arguments, [], output: output, error: output)
        children.withLock { $0.append(child) }
        return child
    }

    // MARK: Files

    /// A port that nobody else gets while the machine exists.
    func port() throws -> UInt16 {
        let port = try ReservedPort()
        ports.withLock { $0.append(port) }
        return port.number
    }

    /// Declares an app: its manifest comes into place as a whole, under its name.
    func declare(_ app: App, file: String? = nil) throws { try place(app.yaml, file ?? "\(app.name).yaml") }

    /// Renames a text into the directory of manifests.
    func place(_ manifest: String, _ file: String) throws {
        let draft = "\(root)/draft-\(file.replacing("/", with: "-"))"
        try write(manifest, to: draft)
        guard rename(draft, "\(manifests)/\(file)") == 0 else { throw Trouble("cannot place \(file)") }
    }

    /// Removes an app's manifest.
    func withdraw(_ name: String) { unlink("\(manifests)/\(name).yaml") }

    /// A file system of its own, in memory and small, for a directory.
    func mountMemory(_ size: String, on path: String) throws {
        guard mount("none", path, "tmpfs", 0, "size=\(size),mode=0700") == 0 else {
            throw Trouble("cannot mount: \(String(cString: strerror(errno)))")
        }
        mounts.withLock { $0.append(path) }
    }

    /// Whether this user may mount, which a test of a full disk needs.
    static let canMount: Bool = {
        var template = Array("/tmp/era-mount.XXXXXX".utf8CString)
        guard geteuid() == 0, let path = mkdtemp(&template) else { return false }
        defer { rmdir(path) }
        guard mount("none", path, "tmpfs", 0, "size=64k") == 0 else { return false }
        umount2(path, Int32(MNT_DETACH))
        return true
    }()

    // MARK: The end

    /// Ends every process, by its number, and removes everything.
    private func end() async {
        for child in children.withLock({ $0 }) {
            child.signal(SIGCONT)
            // One that does not die keeps its files; nothing more can be done.
            try? await child.crash()
        }
        // A shim would not restart anything, but with its shim alive a workload's exit is reaped.
        for _ in 0..<200 {
            let rest = processes() + contained()
            if rest.isEmpty { break }
            for process in rest where process.isAlive { kill(process.pid, SIGKILL) }
            try? await Task.sleep(for: .milliseconds(10))
        }
        for path in mounts.withLock({ $0 }) { umount2(path, Int32(MNT_DETACH)) }
        if getenv("ERA_TEST_KEEP") == nil { remove(root) }
    }

    private var lastLog: String {
        let lines = text(of: log).split(separator: "\n").suffix(40)
        return "the last of its log:\n" + lines.map { $0.prefix(400) }.joined(separator: "\n")
    }
}
