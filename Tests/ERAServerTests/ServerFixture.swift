import ERAAPI
import ERAClient
import ERAContracts
import ERACore
import ERAServer
import Glibc
import Logging
import Testing

/// How long a test waits for what must happen, on a slow machine.
let patience = Duration.seconds(30)

/// A server on a socket in a directory of its own.
struct ServerFixture {
    let plane: ScriptedControlPlane
    let client: ERAClient
    let socketPath: String
    let directory: String

    /// Runs `body` beside a server; afterwards the server has ended and its directory is gone.
    static func run(
        limits: Options.Limits = .init(),
        _ body: (ServerFixture) async throws -> Void
    ) async throws {
        let directory = try temporaryDirectory()
        defer { removeDirectory(directory) }
        let path = directory + "/Run Dir/era.sock"
        let plane = try ScriptedControlPlane()
        let server = APIServer(
            controlPlane: plane,
            options: Options(socketPath: path, version: "0.1.0", limits: limits),
            now: { ScriptedControlPlane.now },
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        )
        let fixture = ServerFixture(
            plane: plane,
            client: ERAClient(socketPath: path, timeout: patience),
            socketPath: path,
            directory: directory
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            let outcome: Result<Void, any Error>
            do {
                try await fixture.waitUntilServing()
                try await body(fixture)
                outcome = .success(())
            } catch {
                outcome = .failure(error)
            }
            group.cancelAll()
            do { try await group.waitForAll() } catch is CancellationError {}
            try outcome.get()
        }
    }

    private func waitUntilServing() async throws {
        try await eventually("the server answers") {
            (try? RawConnection(socketPath)) != nil && mode(socketPath) == 0o660
        }
    }

    /// Declares a deployment through the API.
    @discardableResult
    func apply(_ name: String, version: String = "1.0.0", labels: JSONValue = [:]) async throws -> JSONValue {
        try await client.apply(manifest(name, version: version, labels: labels)).object.json
    }
}

func manifest(_ name: String, version: String = "1.0.0", labels: JSONValue = [:]) -> JSONValue {
    [
        "apiVersion": "era.dev/v1", "kind": "Deployment",
        "metadata": ["name": .string(name), "labels": labels],
        "spec": ["version": .string(version), "runtime": ["plugin": "process"], "command": ["bin/app"]],
    ]
}

func key(_ name: String) -> DeploymentKey { DeploymentKey(name: DeploymentName(checked: name)) }

/// The permission bits of a file; nil where there is none.
func mode(_ path: String) -> UInt32? {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
}

/// Waits until the condition holds; records an issue and throws when it does not in time.
func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + patience
    while ContinuousClock.now < deadline {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(5))
    }
    throw NotInTime(what: what)
}

struct NotInTime: Error, CustomStringConvertible {
    let what: String
    var description: String { "not within \(patience): \(what)" }
}

/// A directory of mode 0700 with a short name, as socket paths are short.
func temporaryDirectory() throws -> String {
    var template = Array("/tmp/era-api-XXXXXX".utf8CString)
    let made = template.withUnsafeMutableBufferPointer { $0.baseAddress.flatMap { mkdtemp($0) } != nil }
    try #require(made)
    return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
}

/// Removes a directory with the files and directories of one level in it.
func removeDirectory(_ path: String) {
    guard let stream = opendir(path) else { return }
    var names: [String] = []
    while let entry = readdir(stream) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        if name != ".", name != ".." { names.append(name) }
    }
    closedir(stream)
    for name in names where unlink(path + "/" + name) != 0 { removeDirectory(path + "/" + name) }
    rmdir(path)
}
