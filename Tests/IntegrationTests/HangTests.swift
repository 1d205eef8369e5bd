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

/// What never comes to an end by itself.
@Suite(.timeLimit(.minutes(3)))
struct HangTests {
    private func manifest(_ name: String, _ version: String, _ lines: String) -> String {
        let text = "version: \"\(version)\"\nupdate: {bakeSeconds: 0}\n\(lines)"
        return "apiVersion: era.dev/v1\nkind: Deployment\nmetadata: {name: \(name)}\nspec:\n"
            + text.split(separator: "\n").map { "  \($0)\n" }.joined()
    }

    // MARK: A module

    /// `_start` is a loop without an end; the memory has so many pages of 64 KiB, below 16384.
    private static func loop(pages: Int) -> [UInt8] {
        let count = [UInt8(pages & 0x7F | 0x80), UInt8(pages >> 7)]
        return [0, 0x61, 0x73, 0x6D, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 5, 4, 1, 0] + count
            + [7, 19, 2, 6] + Array("memory".utf8) + [2, 0, 6] + Array("_start".utf8)
            + [0, 0, 10, 9, 1, 7, 0, 3, 0x40, 0x0C, 0, 0x0B, 0x0B]
    }

    @Test(.enabled(if: Toolchain.directory != nil, "wasmkit is not in the PATH; the Swift toolchain has it"))
    func `a module that loops for ever holds nobody up, gets no more memory than it may, and is stopped`()
        async throws
    {
        try await Machine.with { machine in
            let path = "PATH=\(try #require(Toolchain.directory)):/usr/bin:/bin"
            try write(Self.loop(pages: 1), to: "\(machine.root)/loop.wasm")
            try write(Self.loop(pages: 4096), to: "\(machine.root)/greedy.wasm")
            let daemon = try await machine.daemon(environment: [path])
            func declare(_ version: String, _ module: String) throws {
                let lines = """
                    runtime: {plugin: wasm}
                    command: [\(machine.root)/\(module).wasm]
                    resources: {limits: {memory: 64Mi}}
                    stop: {grace: 2s}
                    """
                try machine.place(manifest("loop", version, lines), "loop.yaml")
            }
            try declare("1.0.0", "loop")
            let running = try await machine.reaches("loop", "runs") { $0.isReady && $0.instance?.pid != nil }
            let app = App(name: "web", port: try machine.port())
            try machine.declare(app)
            try await machine.runs(app)

            // 256 MiB to begin with.
            try declare("2.0.0", "greedy")
            let refused = try await machine.reaches("loop", "refuses what needs more than its limit") {
                $0.quarantine?.reason == "ModuleRefused" && $0.phase == .running && $0.version == "1.0.0"
            }
            #expect(refused.quarantine?.message.contains("memory") == true, "\(refused.summary)")

            let pid = try #require(refused.instance?.pid ?? running.instance?.pid)
            try await daemon.crash()
            try await machine.daemon(environment: [path])
            let adopted = try await machine.reaches("loop", "is adopted") {
                $0.phase == .running && $0.instance?.pid != nil
            }
            #expect(adopted.instance?.pid == pid)
            let process = try #require(Process(pid))
            machine.withdraw("loop")
            try await eventually("its deletion is confirmed") {
                _ = try await machine.era("prune", "--confirm")
                return await machine.deployment("loop") == nil
            }
            try await machine.vanishes("loop")
            #expect(!process.isAlive)
            try await machine.holds([app])
        }
    }

    // MARK: A plugin

    @Test func `a plugin that hangs is killed and asked again, and holds nobody else up`() async throws {
        try await Machine.with { machine in
            let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
            let sample = text(of: "/\(root)/samples/plugins/era-plugin-interval")
            let mark = "\(machine.root)/hang"
            // Of no other process on this machine.
            let seconds = "\(1_000_000 + getpid())"
            let directory = machine.root + "/plugins"
            mkdir(directory, 0o755)
            let hangs = "start() {\n    [ ! -e \(mark) ] || sleep \(seconds)\n"
            let plugin = sample.replacing("start() {\n", with: hangs)
            try #require(plugin != sample)
            try write(plugin, to: directory + "/era-plugin-interval", mode: 0o755)
            chmod(directory + "/era-plugin-interval", 0o755)
            try write("", to: mark)
            try await machine.daemon(["--plugin-dir", directory])
            let lines = """
                runtime: {plugin: interval, config: {seconds: 1}}
                command: [sh, -c, "exec sleep 3600"]
                retry: {limit: 5, initialDelay: 100ms}
                stop: {grace: 1s}
                """
            try machine.place(manifest("clock", "1.0.0", lines), "clock.yaml")
            try await eventually("its start hangs") { !Self.sleepers(seconds).isEmpty }
            // Another deployment does not wait for that.
            let app = App(name: "web", port: try machine.port())
            try machine.declare(app)
            try await machine.runs(app)
            #expect(!Self.sleepers(seconds).isEmpty)

            let cut = try await machine.reaches("clock", "says what took too long") { $0.failure != nil }
            #expect(cut.failure?.reason == "Timeout", "\(cut.summary)")
            #expect(
                cut.failure?.message.contains("interval start took longer than 25s") == true,
                "\(cut.summary)"
            )
            unlink(mark)
            try await machine.reaches("clock", "runs") { $0.isReady }
            #expect(Self.sleepers(seconds).isEmpty)
            #expect(Greeting(await ask(app.port).body)?.version == "1.0.0")
        }
    }

    private static func sleepers(_ seconds: String) -> [pid_t] {
        names(in: "/proc").compactMap { pid_t($0) }.filter {
            text(of: "/proc/\($0)/cmdline") == "sleep\0\(seconds)\0"
        }
    }
}
