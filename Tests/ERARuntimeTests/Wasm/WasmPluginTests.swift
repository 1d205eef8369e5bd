import ERAContracts
import ERACore
import Glibc
import Testing

@testable import ERARuntime

/// Modules in the WasmKit of the Swift toolchain.
@Suite(
    .enabled(if: WasmTools.hasBoth, "wasmkit (the Swift toolchain) and wat2wasm (package wabt) are needed")
)
struct WasmPluginTests {
    private static let imports = """
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $dir_name (param i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 2)
        """
    /// Prints its arguments, its variables and its directories, with NUL between; then exits with 7.
    private static let teller = """
        (module \(imports)
          (func $print (param $text i32) (param $length i32)
            (i32.store (i32.const 0) (local.get $text))
            (i32.store (i32.const 4) (local.get $length))
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
          (func (export "_start") (local $fd i32)
            (drop (call $args_sizes (i32.const 16) (i32.const 20)))
            (drop (call $args_get (i32.const 256) (i32.const 4096)))
            (call $print (i32.const 4096) (i32.load (i32.const 20)))
            (drop (call $environ_sizes (i32.const 16) (i32.const 20)))
            (drop (call $environ_get (i32.const 256) (i32.const 4096)))
            (call $print (i32.const 4096) (i32.load (i32.const 20)))
            (local.set $fd (i32.const 3))
            (block $end
              (loop $next
                (br_if $end (call $prestat (local.get $fd) (i32.const 32)))
                (drop (call $dir_name (local.get $fd) (i32.const 4096) (i32.load (i32.const 36))))
                (call $print (i32.const 4096) (i32.load (i32.const 36)))
                (call $print (i32.const 32) (i32.const 1))
                (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
                (br $next)))
            (call $print (i32.const 9000) (i32.const 1))
            (call $exit (i32.const 7)))
          (data (i32.const 9000) "\\0a"))
        """
    private static let spinner =
        #"(module (memory (export "memory") 1) (func (export "_start") (loop $l (br $l))))"#
    private static let trap = #"(module (memory (export "memory") 1) (func (export "_start") unreachable))"#

    private func run(_ instance: PreparedInstance, _ plugin: WasmPlugin) async throws {
        try await plugin.start(instance, handle: try await plugin.install(instance))
    }

    private func exit(_ id: InstanceID, _ plugin: WasmPlugin) async throws -> ERACore.ExitStatus? {
        var found: ERACore.ExitStatus?
        try await eventually("the module ended") {
            found = try await plugin.status(id).exit
            return found != nil
        }
        return found
    }

    private func output(_ id: InstanceID, _ plugin: WasmPlugin) async throws -> String {
        var bytes: [UInt8] = []
        for try await chunk in plugin.logs(id, LogRequest()) { bytes += chunk }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func `a module has its arguments, its variables and its volumes, and nothing else`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.wasmPlugin()
            var instance = try await host.moduleInstance(Self.teller) { $0.args = ["one", "--two"] }
            instance.environment = [("MODE", SecretText("prod"))]
            let volume = host.root + "/volume"
            makeDirectories(volume)
            instance.volumes = [
                PreparedInstance.Volume(
                    name: try #require(PartName(rawValue: "state")),
                    hostPath: volume,
                    mountPath: "state/deep",
                    isReadOnly: false
                )
            ]
            try await run(instance, plugin)
            #expect(try await exit(instance.id, plugin) == .code(7))
            let told = try await output(instance.id, plugin).split { $0 == "\0" || $0 == "\n" }.map(
                String.init
            )
            #expect(told.prefix(3) == ["./module.wasm", "one", "--two"])
            #expect(
                Set(told.dropFirst(3)) == [
                    "MODE=prod", "ERA_NAMESPACE=default", "ERA_NAME=app", "ERA_REVISION=1", "state/deep",
                ]
            )
        }
    }

    @Test func `a module that never pauses is stopped, and its daemon's next`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.wasmPlugin()
            let instance = try await host.moduleInstance(Self.spinner)
            try await run(instance, plugin)
            let pid = try #require(try await plugin.status(instance.id).pid)
            let next = host.wasmPlugin()
            #expect(try await next.instances() == [instance.id])
            #expect(try await next.status(instance.id).pid == pid)
            try await next.stop(instance.id, StopSpec(signal: .term, grace: .seconds(5)))
            #expect(!isAlive(pid))
            #expect(try await plugin.status(instance.id) == .installed)
            try await plugin.delete(instance.id)
            #expect(try await plugin.status(instance.id) == .absent)
        }
    }

    @Test func `a trap ends with a code, and the log says what it was`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.wasmPlugin()
            let instance = try await host.moduleInstance(Self.trap)
            try await run(instance, plugin)
            #expect(try await exit(instance.id, plugin) == .code(1))
            #expect(try await output(instance.id, plugin).contains("unreachable"))
        }
    }

    @Test(arguments: [
        (
            #"(module (import "wasi_snapshot_preview1" "poll_oneoff" (func (param i32 i32 i32 i32) (result i32)))"#
                + #"(memory (export "memory") 1) (func (export "_start")))"#, "poll_oneoff"
        ),
        (
            #"(module (import "env" "f" (func)) (memory (export "memory") 1) (func (export "_start")))"#,
            "imports env.f"
        ),
        (#"(module (memory (export "memory") 100) (func (export "_start")))"#, "6553600 bytes of memory"),
    ])
    func `a module that asks for more than there is, is refused when it is installed`(
        text: String,
        message: String
    ) async throws {
        try await ProcessHost.with { host in
            let plugin = host.wasmPlugin()
            let instance = try await host.moduleInstance(text) {
                $0.resources = ResourceLimits(memory: ByteCount(1 << 20))
            }
            let engine = try await plugin.engines.find(nil)
            guard message != "poll_oneoff" || engine.missing.contains(message) else { return }
            let failure = await #expect(throws: Failure.self) { try await plugin.install(instance) }
            #expect(failure?.code == .moduleRefused && failure?.persistence == .permanent)
            #expect(failure?.message.contains(message) == true, "\(failure?.message ?? "")")
            #expect(try await plugin.status(instance.id) == .absent)
        }
    }

    @Test func `a module of the host is copied, so that a revision stays what it is`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.wasmPlugin()
            let source = host.root + "/app.wasm"
            try await WasmTools.assemble(Self.spinner, into: source)
            var instance = try host.moduleInstance(file: source) { $0.command = [source] }
            instance.artifact = nil
            let handle = try await plugin.install(instance)
            write("something else", to: source)
            try await plugin.start(instance, handle: handle)
            #expect(try await plugin.status(instance.id).pid != nil)
            // The file of a later revision is looked at anew.
            var next = try host.moduleInstance(file: source, revision: 2) { $0.command = [source] }
            next.artifact = nil
            await #expect(throws: Failure.self) { try await plugin.install(next) }
            try await plugin.stop(instance.id, StopSpec(signal: .kill, grace: .zero))
            try await plugin.delete(instance.id)
        }
    }

    @Test func `a deployment goes from a program to a module and back, each found by its plugin`()
        async throws
    {
        try await ProcessHost.with { host in
            let shims = host.shimHost(searchPath: WasmTools.searchPath)
            let native = ProcessPlugin(shims)
            let wasm = WasmPlugin(shims)
            let first = try host.instance("exec sleep 1000", revision: 1)
            try await host.run(first, native)
            let second = try await host.moduleInstance(Self.spinner, revision: 2) {
                $0.runtime.config = ["engine": "wasmkit"]
            }
            let handle = try await wasm.install(second)
            try await native.stop(first.id, StopSpec(signal: .kill, grace: .zero))
            try await wasm.start(second, handle: handle)
            #expect(try await native.instances() == [first.id])
            #expect(try await wasm.instances() == [second.id])
            try await wasm.stop(second.id, StopSpec(signal: .kill, grace: .zero))
            try await host.run(first, native)
            #expect(try await native.status(first.id).pid != nil)
            try await wasm.delete(second.id)
            #expect(try await native.status(first.id).pid != nil)
        }
    }

    @Test func `the sample is what its text says, and prints the letters it gets`() async throws {
        let samples =
            "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/") + "/samples/wasm"
        try await ProcessHost.with { host in
            try await WasmTools.assemble(
                text(of: samples + "/mailbox.wat"),
                into: host.root + "/mailbox.wasm"
            )
            #expect(text(of: host.root + "/mailbox.wasm") == text(of: samples + "/mailbox.wasm"))
            let plugin = host.wasmPlugin()
            var instance = try host.moduleInstance(file: samples + "/mailbox.wasm") {
                $0.args = ["in", "version 1"]
            }
            let box = host.root + "/box"
            makeDirectories(box)
            mkfifo(box + "/in", 0o600)
            instance.volumes = [
                PreparedInstance.Volume(
                    name: try #require(PartName(rawValue: "box")),
                    hostPath: box,
                    mountPath: "box",
                    isReadOnly: false
                )
            ]
            try await run(instance, plugin)
            write("letter 1\n", to: box + "/in")
            try await eventually("both lines are logged") {
                try await output(instance.id, plugin) == "version 1\nletter 1\n"
            }
            #expect(try await plugin.status(instance.id).pid != nil)
            try await plugin.stop(instance.id, StopSpec(signal: .term, grace: .seconds(5)))
            try await plugin.delete(instance.id)
        }
    }
}
