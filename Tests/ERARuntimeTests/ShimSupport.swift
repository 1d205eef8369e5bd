import ERAContracts
import ERACore
import Glibc
import Logging
import Synchronization
import Testing

@testable import ERARuntime

/// A data and a run directory, and process plugins over the real era-shim.
struct ProcessHost: Sendable {
    let root: String
    var dataDirectory: String { root + "/data" }
    var runDirectory: String { root + "/run" }
    var bootID = ProcessHost.bootID
    var usesControlGroups = true

    static let bootID = text(of: "/proc/sys/kernel/random/boot_id").filter { $0 != "\n" }
    /// The shim is built beside the test bundle.
    static let shimPath: String = {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = readlink("/proc/self/exe", &buffer, buffer.count)
        let path = String(decoding: buffer[..<max(0, length)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // The runner is the toolchain's own in some versions; then the first argument names the bundle.
        for candidate in [path] + CommandLine.arguments {
            let directory = candidate.split(separator: "/", omittingEmptySubsequences: false).dropLast()
            let shim = directory.joined(separator: "/") + "/era-shim"
            if access(shim, X_OK) == 0 { return shim }
        }
        return "/nonexistent/era-shim"
    }()

    /// Gives a host to `body`, ends what it left running, and removes its files.
    static func with(_ body: (ProcessHost) async throws -> Void) async throws {
        var template = Array("\(temporaryDirectory)/era-test.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure.permanent(.internalFault, "mkdtemp") }
        let host = ProcessHost(
            root: String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        )
        do {
            try await body(host)
        } catch {
            await host.cleanUp()
            throw error
        }
        await host.cleanUp()
    }

    private static var temporaryDirectory: String {
        getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    }

    private func cleanUp() async {
        let plugin = plugin()
        for id in (try? await plugin.instances()) ?? [] {
            try? await plugin.stop(id, StopSpec(signal: .kill, grace: .zero))
            try? await plugin.delete(id)
        }
        WorkspaceScratch.remove(root)
    }

    /// A plugin that knows nothing yet, as after a restart of the daemon.
    func plugin(shimPath: String = ProcessHost.shimPath, bootID: String? = nil) -> ProcessPlugin {
        ProcessPlugin(shimHost(shimPath: shimPath, bootID: bootID))
    }

    /// What plugins below shims share, knowing nothing yet.
    func shimHost(
        shimPath: String = ProcessHost.shimPath,
        bootID: String? = nil,
        searchPath: [String] = ["/usr/local/bin", "/usr/bin", "/bin"]
    ) -> ShimHost {
        ShimHost(
            ShimHost.Options(
                dataDirectory: dataDirectory,
                runDirectory: runDirectory,
                shimPath: shimPath,
                searchPath: searchPath,
                bootID: bootID ?? self.bootID,
                unpacker: CopyingUnpacker(),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
                usesControlGroups: usesControlGroups
            )
        )
    }

    func id(_ name: String = "app", _ revision: Int = 1) throws -> InstanceID {
        InstanceID(DeploymentKey(name: try DeploymentName(name)), RevisionNumber(revision))
    }

    /// An instance that runs a shell script, prepared as the workspace does it.
    func instance(
        _ script: String,
        name: String = "app",
        revision: Int = 1,
        change: (inout DeploymentSpec) -> Void = { _ in }
    ) throws -> PreparedInstance {
        var spec = DeploymentSpec(
            version: try SemanticVersion("1.0.0"),
            runtime: RuntimeSpec(plugin: .process),
            command: ["/bin/sh", "-c", script],
            stop: StopSpec(signal: .term, grace: .seconds(5))
        )
        change(&spec)
        let id = try id(name, revision)
        let directory = "\(dataDirectory)/instances/\(id)"
        makeDirectories(directory)
        return PreparedInstance(id: id, spec: spec, directory: directory)
    }

    /// Installs and starts.
    func run(_ instance: PreparedInstance, _ plugin: ProcessPlugin) async throws {
        let handle = try await plugin.install(instance)
        try await plugin.start(instance, handle: handle)
    }

    /// Where a script's files are.
    func file(_ instance: PreparedInstance, _ name: String) -> String {
        "\(instance.directory)/files/\(name)"
    }

    func record(_ instance: PreparedInstance) -> ShimRecord? {
        ShimRecord(file: instance.directory + "/shim/state")
    }
}

/// Copies a file to where it is to be unpacked.
struct CopyingUnpacker: ArtifactUnpacker {
    func unpack(
        _ path: String,
        name: String,
        format: ArtifactSpec.Format,
        into directory: String,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws {
        mkdir(directory, 0o755)
        write(readSmallFile(path, limit: 1 << 24) ?? [], to: "\(directory)/\(name)")
    }

    func layOut(
        _ files: [ArtifactFile],
        into directory: String,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws {
        for file in files {
            let path = "\(directory)/\(file.place)"
            makeDirectories(path.split(separator: "/").dropLast().joined(separator: "/"))
            write(readSmallFile(file.path, limit: 1 << 24) ?? [], to: path)
            chmod(path, 0o755)
        }
    }
}

func makeDirectories(_ path: String) {
    var partial = ""
    for part in path.split(separator: "/") {
        partial += "/" + part
        mkdir(partial, 0o700)
    }
}

func write(_ bytes: [UInt8], to path: String) {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    _ = write(file, bytes, bytes.count)
    close(file)
}

func write(_ text: String, to path: String) { write(Array(text.utf8), to: path) }

func text(of path: String) -> String {
    String(decoding: readSmallFile(path, limit: 1 << 26) ?? [], as: UTF8.self)
}

/// Waits until something is so; a minute is for slow machines, not for the test.
func eventually(
    _ what: String,
    within limit: Duration = .seconds(60),
    location: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while ContinuousClock.now < end {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(5))
    }
    Issue.record("it never came to be so: \(what)", sourceLocation: location)
}

extension InstanceStatus {
    var pid: Int32? { if case .running(let running) = self { running.pid } else { nil } }
    var exit: ERACore.ExitStatus? { if case .exited(let exited) = self { exited.status } else { nil } }
    var restrictions: [String] { if case .running(let running) = self { running.restrictions } else { [] } }
}

extension ProcessPlugin {
    /// The exit status, once there is one.
    func exit(_ id: InstanceID) async throws -> ERACore.ExitStatus? {
        var found: ERACore.ExitStatus?
        try await eventually("the workload ended") {
            found = try await status(id).exit
            return found != nil
        }
        return found
    }

    /// Everything that was logged.
    func output(_ id: InstanceID, _ request: LogRequest = LogRequest()) async throws -> String {
        var bytes: [UInt8] = []
        for try await chunk in logs(id, request) { bytes += chunk }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Whether a process is there and no zombie.
func isAlive(_ pid: Int32) -> Bool { ProcessStat(pid: pid).map { !$0.hasEnded } ?? false }
