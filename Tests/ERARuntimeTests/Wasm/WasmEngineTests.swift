import ERAContracts
import ERACore
import Testing

@testable import ERARuntime

@Suite struct WasmEngineTests {
    private static func engine(_ kind: WasmEngine.Kind, _ version: String) throws -> WasmEngine {
        WasmEngine(kind: kind, path: "/opt/\(kind)", version: try SemanticVersion(version), identity: "1")
    }

    private static let run = WasmEngine.Run(
        module: "bin/app.wasm",
        precompiled: nil,
        arguments: ["--port", "1"],
        variables: [("MODE", SecretText("prod")), ("TOKEN", SecretText("hidden"))],
        directories: [("state", "state"), (".era-volumes/data", "/data")],
        memoryLimit: ByteCount(1 << 20)
    )

    @Test func `wasmtime is told names of variables, never values, and where directories are for the module`()
        throws
    {
        let engine = try Self.engine(.wasmtime, "25.0.0")
        #expect(
            engine.arguments(Self.run) == [
                "wasmtime", "run", "-W", "max-memory-size=1048576", "--env", "MODE", "--env", "TOKEN",
                "--dir", "state::state", "--dir", ".era-volumes/data::/data", "./bin/app.wasm", "--port", "1",
            ]
        )
        var run = Self.run
        run.precompiled = ".era-compiled/app.wasm"
        run.memoryLimit = nil
        run.directories = []
        #expect(
            engine.arguments(run) == [
                "wasmtime", "run", "--allow-precompiled", "--env", "MODE", "--env", "TOKEN",
                "./.era-compiled/app.wasm", "--port", "1",
            ]
        )
        #expect(
            engine.compileArguments("bin/app.wasm", into: "out")
                == ["compile", "-o", "out", "./bin/app.wasm"]
        )
    }

    @Test func `wasmkit is told values, and knows directories by their names here`() throws {
        var run = Self.run
        run.variables.removeLast()
        run.directories.removeLast()
        let engine = try Self.engine(.wasmkit, "0.1.6")
        #expect(
            engine.arguments(run) == [
                "wasmkit", "run", "--env", "MODE=prod", "--dir", "state", "./bin/app.wasm", "--port", "1",
            ]
        )
    }

    @Test(
        arguments: [
            ("0.1.6\n", "0.1.6"), ("wasmtime 25.0.0 (12ab 2026-01-01)\n", "25.0.0"),
            ("wasmtime-cli 9.0.1\n", "9.0.1"), ("", nil), ("wasmtime\n", nil), ("1.2\n", nil),
        ] as [(String, String?)]
    )
    func `a version is found in what an engine says`(output: String, version: String?) {
        #expect(WasmEngine.version(output)?.description == version)
    }

    @Test func `what wasmkit would lose or show is refused, with the field`() throws {
        var spec = DeploymentSpec(version: try SemanticVersion("1.0.0"), runtime: RuntimeSpec(plugin: .wasm))
        let secret = try #require(PartName(rawValue: "api"))
        spec.env = [
            EnvironmentVariable(name: "FINE", source: .value("a b")),
            EnvironmentVariable(name: "EMPTY", source: .value("")),
            EnvironmentVariable(name: "QUERY", source: .value("a=b")),
            EnvironmentVariable(name: "TOKEN", source: .secret(name: secret, key: "token")),
        ]
        spec.volumes = [
            VolumeSpec(name: secret, mountPath: "state", source: .persistent(retain: false)),
            VolumeSpec(name: secret, mountPath: "/data", source: .persistent(retain: false)),
            VolumeSpec(name: secret, mountPath: "a::b", source: .persistent(retain: false)),
        ]
        #expect(
            try Self.engine(.wasmkit, "0.1.6").problems(spec).map(\.field) == [
                "spec.env[1]", "spec.env[2]", "spec.env[3]", "spec.volumes[1].mountPath",
                "spec.volumes[2].mountPath",
            ]
        )
        #expect(
            try Self.engine(.wasmtime, "25.0.0").problems(spec).map(\.field) == ["spec.volumes[2].mountPath"]
        )
        #expect(try Self.engine(.wasmtime, "9.0.0").problems(spec).first?.message.contains("too old") == true)
    }

    @Test(
        arguments: [
            (.wasmkit, "0.1.6", true), (.wasmkit, "0.2.2", true), (.wasmkit, "0.3.0", false),
            (.wasmtime, "14.0.0", false),
        ] as [(WasmEngine.Kind, String, Bool)]
    )
    func `which engines cannot wait is known by their version`(
        kind: WasmEngine.Kind,
        version: String,
        lacks: Bool
    ) throws {
        #expect(try Self.engine(kind, version).missing.contains("poll_oneoff") == lacks)
    }

    @Test func `what no module has is refused whatever the engine`() throws {
        var spec = DeploymentSpec(version: try SemanticVersion("1.0.0"), runtime: RuntimeSpec(plugin: .wasm))
        let name = try #require(PartName(rawValue: "http"))
        spec.workingDirectory = "data"
        spec.ports = [PortSpec(name: name, port: 80)]
        spec.volumes = ["../up", "/", "a", "./a"].map {
            VolumeSpec(name: name, mountPath: $0, source: .persistent(retain: false))
        }
        #expect(
            WasmPlugin.problems(spec).map(\.field) == [
                "spec.command", "spec.workingDirectory", "spec.ports[0]", "spec.volumes[0].mountPath",
                "spec.volumes[1].mountPath", "spec.volumes[3].mountPath",
            ]
        )
        for (command, isFine) in [("/x/a.wasm", true), ("a.wasm", true), ("x/a.wasm", false), ("", false)] {
            spec = DeploymentSpec(version: spec.version, runtime: spec.runtime, command: [command])
            #expect(WasmPlugin.problems(spec).isEmpty == isFine, "\(command)")
        }
    }

    @Test func `a handle is read as it was written, and one that makes no sense is refused`() throws {
        let id = InstanceID(DeploymentKey(name: try DeploymentName("app")), RevisionNumber(1))
        let engine = try Self.engine(.wasmtime, "25.0.0")
        let handle = WasmHandle(engine: engine, module: "a.wasm", precompiled: "b")
        #expect(try WasmHandle(handle.handle, of: id) == handle)
        var newer = handle.handle
        newer.version += 1
        let empty = InstanceHandle(version: 1, payload: .object([:]))
        for handle in [newer, empty] { #expect(throws: Failure.self) { try WasmHandle(handle, of: id) } }
    }
}
