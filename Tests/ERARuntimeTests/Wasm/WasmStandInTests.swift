import ERAContracts
import ERACore
import Glibc
import Testing

@testable import ERARuntime

/// An executable that stands in for Wasmtime: it says what it was told, and compiles by copying.
@Suite struct WasmStandInTests {
    private static let script = """
        #!/bin/sh
        PATH=/usr/bin:/bin
        case "$1" in
        --version) echo "wasmtime 30.0.1 (stand-in)" ;;
        compile) echo x >> compilations; cp "$4" "$3" ;;
        run) printf '%s\\n' "$@" > told; cp public/index public/copy; env > environment; exec sleep 1000 ;;
        esac
        """

    private func with(_ body: (ProcessHost, WasmPlugin, String) async throws -> Void) async throws {
        try await ProcessHost.with { host in
            let engines = host.root + "/engines"
            let plugin = host.wasmPlugin(engines: engines)
            install(Self.script, engines)
            try await body(host, plugin, engines)
            for id in try await plugin.instances() {
                try await plugin.stop(id, StopSpec(signal: .kill, grace: .zero))
                try await plugin.delete(id)
            }
        }
    }

    private func install(_ script: String, _ engines: String) {
        write(script, to: engines + "/new")
        chmod(engines + "/new", 0o755)
        rename(engines + "/new", engines + "/wasmtime")
    }

    private func module(_ host: ProcessHost) throws -> PreparedInstance {
        write(Wasm.module(), to: host.root + "/module")
        return try host.moduleInstance(file: host.root + "/module") {
            $0.resources = ResourceLimits(memory: ByteCount(1 << 20))
        }
    }

    private func told(_ host: ProcessHost, _ instance: PreparedInstance) async throws -> [String] {
        try await eventually("the engine runs") { !text(of: host.file(instance, "environment")).isEmpty }
        return text(of: host.file(instance, "told")).split(separator: "\n").map(String.init)
    }

    @Test func `a secret is in the engine's environment and not in its arguments`() async throws {
        try await with { host, plugin, _ in
            var instance = try module(host)
            instance.environment = [("TOKEN", SecretText("hidden"))]
            try await plugin.start(instance, handle: try await plugin.install(instance))
            let told = try await told(host, instance)
            #expect(told.prefix(4) == ["run", "-W", "max-memory-size=1048576", "--allow-precompiled"])
            #expect(told.contains("TOKEN") && told.last == "./.era-compiled/module.wasm")
            #expect(!told.joined().contains("hidden"))
            #expect(text(of: host.file(instance, "environment")).contains("TOKEN=hidden\n"))
        }
    }

    @Test func `directories of the artifact are given under their names, and nobody can change them as root`()
        async throws
    {
        try await with { host, plugin, _ in
            var instance = try module(host)
            instance.spec.runtime.config = ["files": ["public", "./a/b"]]
            let files = host.file(instance, "")
            for path in ["public", "a/b"] { makeDirectories(files + path) }
            write("hello", to: files + "public/index")
            let volume = host.root + "/volume"
            makeDirectories(volume)
            instance.volumes = [
                PreparedInstance.Volume(
                    name: PartName(checked: "state"),
                    hostPath: volume,
                    mountPath: "public/state",
                    isReadOnly: false
                )
            ]
            try await plugin.start(instance, handle: try await plugin.install(instance))
            let told = try await told(host, instance)
            #expect(
                told.filter { $0.contains("::") }
                    == ["public::public", "a/b::a/b", "public/state::public/state"]
            )
            #expect(text(of: files + "public/copy") == (geteuid() == 0 ? "" : "hello"))
        }
    }

    @Test func `what is no directory of the artifact is refused`() async throws {
        try await with { host, plugin, _ in
            func problems(_ files: JSONValue, _ change: (inout DeploymentSpec) -> Void = { _ in })
                async throws
                -> [SpecProblem]
            {
                var spec = try module(host).spec
                spec.artifact = ArtifactSpec(source: try ArtifactLocation("file:///a.tar"))
                spec.runtime.config = ["files": files]
                change(&spec)
                return try await plugin.validate(spec)
            }
            #expect(try await problems(["public", "a/./b"]) == [])
            for wrong in ["x", [""], ["."], ["/a"], ["a/../.."], [".era-compiled"], ["a::b"], [1]]
                as [JSONValue]
            {
                #expect(try await problems(wrong).count == 1)
            }
            #expect(try await problems(["a", "./a"]).map(\.field) == ["spec.runtime.config.files[1]"])
            let many = (0...WasmConfig.filesLimit).map { JSONValue.string("d\($0)") }
            #expect(try await problems(.array(many)).count == 1)
            #expect(
                try await problems(["a"]) {
                    $0.artifact = nil; $0.command = ["/a.wasm"]
                }.count == 1
            )
            let volume = VolumeSpec(
                name: PartName(checked: "v"),
                mountPath: "a",
                source: .persistent(retain: false)
            )
            #expect(try await problems(["a/b", "c"]) { $0.volumes = [volume] }.count == 1)

            var instance = try module(host)
            makeDirectories(host.file(instance, ""))
            symlink("/etc", host.file(instance, "link"))
            for path in ["nothing", "module.wasm", "link"] {
                instance.spec.runtime.config = ["files": [.string(path)]]
                let failure = await #expect(throws: Failure.self) { try await plugin.install(instance) }
                #expect(failure?.persistence == .permanent, "\(path)")
            }
        }
    }

    @Test
    func `an engine that is updated leaves what runs alone, and is not given what the old one compiled`()
        async throws
    {
        try await with { host, plugin, engines in
            let instance = try module(host)
            let handle = try await plugin.install(instance)
            try await plugin.start(instance, handle: handle)
            _ = try await told(host, instance)
            let pid = try await plugin.status(instance.id).pid
            install(Self.script + "\n# newer", engines)
            try await plugin.start(instance, handle: handle)
            #expect(try await plugin.status(instance.id).pid == pid)

            try await plugin.stop(instance.id, StopSpec(signal: .kill, grace: .zero))
            unlink(host.file(instance, "environment"))
            try await plugin.start(instance, handle: handle)
            let told = try await told(host, instance)
            #expect(told.last == "./module.wasm" && !told.contains("--allow-precompiled"))
            #expect(text(of: host.file(instance, "compilations")) == "x\n")
        }
    }

    @Test func `an engine that disappears leaves what runs alone, and the next start says where it was`()
        async throws
    {
        try await with { host, plugin, engines in
            let instance = try module(host)
            let handle = try await plugin.install(instance)
            try await plugin.start(instance, handle: handle)
            let pid = try await plugin.status(instance.id).pid
            unlink(engines + "/wasmtime")
            try await plugin.start(instance, handle: handle)
            #expect(try await plugin.status(instance.id).pid == pid)
            try await plugin.stop(instance.id, StopSpec(signal: .kill, grace: .zero))
            let failure = await #expect(throws: Failure.self) {
                try await plugin.start(instance, handle: handle)
            }
            #expect(failure?.message.contains("\(engines)/wasmtime") == true)
            #expect(try await plugin.validate(instance.spec).map(\.field).contains("spec.runtime.plugin"))
        }
    }

    @Test func `what the engine says when it cannot compile a module is told`() async throws {
        try await with { host, plugin, engines in
            let instance = try module(host)
            install(
                "#!/bin/sh\n[ $1 = compile ] || exec /bin/echo 30.0.0\necho 'bad function 7' >&2; exit 3",
                engines
            )
            let failure = await #expect(throws: Failure.self) { try await plugin.install(instance) }
            #expect(failure?.persistence == .permanent)
            #expect(failure?.message.contains("(exit code 3): bad function 7") == true)
        }
    }

    @Test func `a compilation ends when nobody waits for it any more`() async throws {
        try await with { host, plugin, engines in
            let instance = try module(host)
            let compiling = host.root + "/compiling"
            let script =
                "#!/bin/sh\n[ $1 = compile ] || exec /bin/echo 30.0.0\necho $$ >\(compiling)\nexec /bin/sleep 1000"
            install(script, engines)
            let installation = Task { try await plugin.install(instance) }
            var pid: Int32 = 0
            try await eventually("it compiles") {
                pid = Int32(text(of: compiling).filter(\.isNumber)) ?? 0
                return pid > 0
            }
            installation.cancel()
            await #expect(throws: CancellationError.self) { try await installation.value }
            #expect(!isAlive(pid))
        }
    }

    @Test func `a link in an artifact that leads out of it is not followed`() async throws {
        try await with { host, plugin, _ in
            let outside = host.root + "/outside"
            write(Wasm.module(), to: outside)
            chmod(outside, 0o600)
            let instance = try module(host)
            makeDirectories(host.file(instance, ""))
            symlink(outside, host.file(instance, "link.wasm"))
            var linked = instance
            linked.spec.command = ["link.wasm"]
            let failure = await #expect(throws: Failure.self) { try await plugin.install(linked) }
            #expect(failure?.message.contains("leads out of the artifact") == true)
            var status = stat()
            #expect(stat(outside, &status) == 0 && status.st_mode & 0o777 == 0o600)
        }
    }

    @Test(arguments: ["#!/bin/sh\nexit 1", "#!/bin/sh\necho hello"])
    func `an engine that does not say its version is no engine`(script: String) async throws {
        try await with { host, plugin, engines in
            install(script, engines)
            let problems = try await plugin.validate(try module(host).spec)
            #expect(problems.contains { $0.message.contains("asked for its version") })
        }
    }

    @Test func `the description names the engine, its version and what it lacks`() async throws {
        try await with { _, plugin, engines in
            _ = try await plugin.engines.find(nil)
            #expect(plugin.description.details["engine"] == "wasmtime 30.0.1, \(engines)/wasmtime")
            unlink(engines + "/wasmtime")
            #expect(plugin.description.details["engine"]?.hasPrefix("none: ") == true)
        }
    }
}
