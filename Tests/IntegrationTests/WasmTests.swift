import ERAAPI
import ERAClient
import ERACore
import Glibc
import Testing

private enum Toolchain {
    /// Where wasmkit is; nil where it is not.
    static let directory: String? = (getenv("PATH").map { String(cString: $0) } ?? "").split(separator: ":")
        .map(String.init).first { access("\($0)/wasmkit", X_OK) == 0 }
}

/// Modules, run by the WasmKit of the Swift toolchain.
@Suite(
    .enabled(if: Toolchain.directory != nil, "wasmkit is not in the PATH; the Swift toolchain has it"),
    .timeLimit(.minutes(5))
)
struct WasmTests {
    /// A pause of the module's is a wait for somebody to write into the pipe `box/in`.
    private static let module = bytes(
        of: "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
            + "/samples/wasm/mailbox.wasm"
    )
    /// `_start` is one instruction: `unreachable`.
    private static let trap: [UInt8] =
        [0, 0x61, 0x73, 0x6D, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 5, 3, 1, 0, 1, 7, 19, 2, 6]
        + Array("memory".utf8) + [2, 0, 6] + Array("_start".utf8) + [0, 0, 10, 5, 1, 3, 0, 0, 0x0B]

    private func manifest(_ version: String, _ command: String, plugin: String = "wasm", _ box: String)
        -> String
    {
        """
        apiVersion: era.dev/v1
        kind: Deployment
        metadata: {name: mailbox}
        spec:
          version: "\(version)"
          runtime: {plugin: \(plugin)}
          command: \(command)
          volumes: [{name: box, mountPath: box, hostPath: {path: \(box)}}]
          update: {bakeSeconds: 1}
          stop: {grace: 1s}

        """
    }

    @Test func `a program becomes a module and back, a broken module is rolled back, and the daemon may die`()
        async throws
    {
        try await Machine.with { machine in
            let path = "PATH=\(try #require(Toolchain.directory)):/usr/bin:/bin"
            let (module, trap, box) = (
                "\(machine.root)/mailbox.wasm", "\(machine.root)/trap.wasm", "\(machine.root)/box"
            )
            try write(try #require(Self.module), to: module)
            try write(Self.trap, to: trap)
            mkdir(box, 0o700)
            mkfifo(box + "/in", 0o600)
            let daemon = try await machine.daemon(environment: [path])
            let file = "mailbox.yaml"
            func reaches(_ version: String) async throws -> pid_t {
                let object = try await machine.reaches("mailbox", "runs \(version)") {
                    $0.isReady && $0.version == version
                }
                return try #require(object.instance?.pid)
            }

            try machine.place(manifest("1.0.0", "[sleep, '1000']", plugin: "process", box), file)
            let native = try await reaches("1.0.0")
            try machine.place(manifest("1.1.0", "[\(module), in, hello]", box), file)
            let pid = try await reaches("1.1.0")
            #expect(Process(native)?.command != "sleep")
            try write("letter\n", to: box + "/in")
            try await eventually("the letter is in the log") {
                try await machine.era("logs", "mailbox").output == "hello\nletter\n"
            }

            try machine.place(manifest("1.2.0", "[\(trap)]", box), file)
            let restored = try await machine.reaches("mailbox", "is back") {
                $0.phase == .running && $0.version == "1.1.0" && $0.instance?.pid != nil
                    && $0.condition(.synced)?.reason == "RolledBack"
            }
            let back = try #require(restored.instance?.pid)
            #expect(back != pid)

            try await daemon.crash()
            try await machine.daemon(environment: [path])
            let adopted = try await machine.reaches("mailbox", "is adopted") {
                $0.phase == .running && $0.instance?.pid != nil
            }
            #expect(adopted.instance?.pid == back)

            try machine.place(manifest("1.3.0", "[sleep, '1000']", plugin: "process", box), file)
            _ = try await reaches("1.3.0")
            #expect(Process(back)?.command != "wasmkit")
            try await machine.removes("mailbox")
        }
    }
}
