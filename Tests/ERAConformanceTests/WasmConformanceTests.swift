import ERAConformance
import ERAContracts
import ERACore
import ERARuntime
import Foundation
import Testing

/// The wasm plugin passes the suite, whichever its engine is.
@Suite struct WasmConformanceTests {
    /// `_start` is a loop without an end.
    private static let module: [UInt8] =
        [0, 0x61, 0x73, 0x6D, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 5, 3, 1, 0, 1, 7, 19, 2, 6]
        + Array("memory".utf8) + [2, 0, 6] + Array("_start".utf8)
        + [0, 0, 10, 9, 1, 7, 0, 3, 0x40, 0x0C, 0, 0x0B, 0x0B]
    /// Stands in for Wasmtime: says what it was told, and leaves a process in a session of its own.
    private static let standIn = """
        #!/bin/sh
        PATH=/usr/bin:/bin
        case "$1" in
        --version) echo "wasmtime 30.0.1 (stand-in)" ;;
        compile) cp "$4" "$3" ;;
        run)
            trap '' TERM
            echo "line of $ERA_CONFORMANCE"
            (setsid sleep 3600 &)
            while :; do sleep 3600; done
            ;;
        esac
        """
    private static let wasmkit = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        .map { "\($0)/wasmkit" }.first { FileManager.default.isExecutableFile(atPath: $0) }

    private func report(_ host: ConformanceHost) async throws -> ConformanceReport {
        let options = try host.shims(searchPath: [host.plugins])
        try Data(Self.module).write(to: URL(filePath: host.root + "/loop.wasm"))
        let artifact = StoredArtifact(
            digest: try Digest("sha256:" + String(repeating: "a", count: 64)),
            size: ByteCount(Int64(Self.module.count)),
            path: host.root + "/loop.wasm",
            name: "loop.wasm"
        )
        let spec = DeploymentSpec(
            version: try SemanticVersion("1.0.0"),
            runtime: RuntimeSpec(plugin: WasmPlugin.name),
            artifact: ArtifactSpec(source: try ArtifactLocation("file://\(host.root)/loop.wasm")),
            stop: StopSpec(signal: .term, grace: .milliseconds(500))
        )
        let subject = ConformanceSuite.Subject(
            name: "wasm",
            dataDirectory: host.data,
            spec: spec,
            artifact: artifact
        ) { WasmPlugin(ShimHost(options)) }
        return await ConformanceSuite(subject).run()
    }

    private func failed(_ report: ConformanceReport) -> Set<String> {
        Set(report.entries.filter { if case .failed = $0.result { true } else { false } }.map(\.id))
    }

    @Test func `with an engine that hides variables it passes`() async throws {
        try await ConformanceHost.with { host in
            let path = host.plugins + "/wasmtime"
            try Self.standIn.write(toFile: path, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
            let report = try await report(host)
            #expect(report.isPassed, "\(report.text)")
        }
    }

    @Test(.enabled(if: wasmkit != nil, "wasmkit is not in the PATH; the Swift toolchain has it"))
    func `with wasmkit all but the secret passes, which a manifest cannot ask for there`() async throws {
        try await ConformanceHost.with { host in
            try FileManager.default.createSymbolicLink(
                atPath: host.plugins + "/wasmkit",
                withDestinationPath: try #require(Self.wasmkit)
            )
            let report = try await report(host)
            #expect(failed(report).isSubset(of: ["secrets"]), "\(report.text)")
        }
    }
}
