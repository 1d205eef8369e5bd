import ERAAPI
import ERAClient
import ERAContracts
import ERACore
import ERAServer
import Glibc
import Logging
import Testing

/// The socket as a file.
@Suite(.serialized) struct SocketTests {
    @Test func `only the daemon's user and its group can open the socket`() async throws {
        try await ServerFixture.run { server async throws in
            #expect(mode(server.socketPath) == 0o660)
            #expect(mode(server.directory + "/Run Dir") == 0o700)
        }
    }

    @Test func `a second server does not take the socket of the first`() async throws {
        try await ServerFixture.run { server async throws in
            let second = try Self.server(server.socketPath)
            await #expect(throws: SocketFault.inUse(path: server.socketPath, holder: getpid())) {
                try await second.run()
            }
            #expect(try await server.client.version().era == "0.1.0")
        }
    }

    @Test func `a stale socket is replaced, and the own one is taken away at the end`() async throws {
        let directory = try temporaryDirectory()
        defer { removeDirectory(directory) }
        let path = directory + "/era.sock"
        do { _ = try DeafListener(path) }  // closes, and leaves its file behind
        #expect(mode(path) != nil)
        try await Self.serveBriefly(path)
        #expect(mode(path) == nil)
    }

    @Test(.enabled(if: access("/usr/bin/python3", X_OK) == 0))
    func `a socket whose listener is dead is replaced, though a child of it has it open`() async throws {
        let directory = try temporaryDirectory()
        defer { removeDirectory(directory) }
        let path = directory + "/era.sock"
        let script = """
            import os, socket, time
            s = socket.socket(socket.AF_UNIX); s.bind('\(path)'); s.listen()
            if os.fork() == 0: time.sleep(2)
            """
        #expect(system("/usr/bin/python3 -c \"\(script)\" >/dev/null 2>&1") == 0)
        try await Self.serveBriefly(path)
        #expect(mode(path) == nil)
    }

    @Test func `a file that is no socket is left alone`() async throws {
        let directory = try temporaryDirectory()
        defer { removeDirectory(directory) }
        let path = directory + "/era.sock"
        close(open(path, O_CREAT | O_WRONLY, 0o600))
        let server = try Self.server(path)
        await #expect(throws: SocketFault.occupied(path: path)) { try await server.run() }
        #expect(mode(path) == 0o600)
    }

    @Test func `a path that is too long is refused with its length`() async throws {
        let path = "/tmp/" + String(repeating: "x", count: 150) + "/era.sock"
        let server = try Self.server(path)
        let error = await #expect(throws: SocketFault.self) { try await server.run() }
        #expect(error == .tooLong(path: path))
        #expect("\(error.map(String.init(describing:)) ?? "")".contains("--run-dir"))
    }

    @Test func `a symbolic link in place of the run directory is refused`() async throws {
        let directory = try temporaryDirectory()
        defer { removeDirectory(directory) }
        #expect(symlink("/tmp", directory + "/run") == 0)
        let server = try Self.server(directory + "/run/era.sock")
        let error = await #expect(throws: SocketFault.self) { try await server.run() }
        guard case .unsafeDirectory = error else { Issue.record("\(String(describing: error))"); return }
    }

    static func server(_ path: String) throws -> APIServer {
        APIServer(
            controlPlane: try ScriptedControlPlane(),
            options: Options(socketPath: path, version: "0.1.0"),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        )
    }

    private static func serveBriefly(_ path: String) async throws {
        let server = try Self.server(path)
        let client = ERAClient(socketPath: path, timeout: patience)
        let task = Task { try await server.run() }
        try await eventually("the server answers") { (try? await client.version()) != nil }
        task.cancel()
        _ = await task.result
    }
}

/// Listens and never answers.
final class DeafListener {
    let path: String
    private let descriptor: Int32

    init(_ path: String) throws {
        self.path = path
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0 && listen(descriptor, 8) == 0)
    }

    deinit { close(descriptor) }
}
