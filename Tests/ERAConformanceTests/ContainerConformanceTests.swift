import ERAArtifact
import ERAConformance
import ERAContracts
import ERACore
import ERARuntime
import Foundation
import Testing

/// The container plugin passes the suite, with a real image below the real runc.
@Suite struct ContainerConformanceTests {
    private static let busybox = "/bin/busybox"
    private static let searchPath = [
        "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
    ]
    private static let isPossible =
        geteuid() == 0 && FileManager.default.isExecutableFile(atPath: busybox)
        && searchPath.contains { FileManager.default.isExecutableFile(atPath: $0 + "/runc") }

    /// Ignores SIGTERM, and leaves a process in a session of its own, as the suite's own deployment does.
    private static let script = """
        trap '' TERM; echo "line of $ERA_CONFORMANCE"; (setsid sleep 3600 &); while :; do sleep 3600; done
        """

    @Test(.enabled(if: isPossible, "needs root, and: apt-get install runc busybox-static"))
    func `the container plugin passes`() async throws {
        try await ConformanceHost.with { host in
            let spec = DeploymentSpec(
                version: try SemanticVersion("1.0.0"),
                runtime: RuntimeSpec(plugin: try PluginName("container")),
                artifact: ArtifactSpec(source: try ArtifactLocation("oci://registry.invalid/busybox:1")),
                command: ["/bin/sh", "-c", Self.script],
                stop: StopSpec(signal: .term, grace: .milliseconds(500))
            )
            let shims = try host.shims(searchPath: Self.searchPath)
            let subject = ConformanceSuite.Subject(
                name: "container",
                dataDirectory: host.data,
                spec: spec,
                artifact: try await image(host)
            ) { ContainerPlugin(ShimHost(shims), unpacker: ImageUnpacker()) }
            let report = await ConformanceSuite(subject).run()
            #expect(report.isPassed, "\(report.text)")
            let skipped = report.entries.filter { if case .skipped = $0.result { true } else { false } }
            #expect(Set(skipped.map(\.id)) == ConformanceTests.executableChecks)
            // Of any check: neither a root file system, nor what the engine remembers, nor a mount.
            let roots = try FileManager.default.contentsOfDirectory(atPath: host.data + "/rootfs")
            #expect(roots == [])
            for boot in try FileManager.default.contentsOfDirectory(atPath: host.root + "/run/containers") {
                let path = "\(host.root)/run/containers/\(boot)"
                #expect(try FileManager.default.contentsOfDirectory(atPath: path) == [])
            }
            let mounts = try String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)
            #expect(!mounts.contains(host.root))
        }
    }

    /// An image of busybox in the store, made as everybody makes one, and imported.
    private func image(_ host: ConformanceHost) async throws -> StoredArtifact {
        let tree = host.root + "/tree/bin"
        try FileManager.default.createDirectory(atPath: tree, withIntermediateDirectories: true)
        for name in ["sh", "sleep", "setsid"] {
            try FileManager.default.createSymbolicLink(
                atPath: "\(tree)/\(name)",
                withDestinationPath: "/usr/local/bin/busybox"
            )
        }
        let make = Process()
        make.executableURL = URL(filePath: "/bin/sh")
        make.arguments = [
            ConformanceHost.repository + "/samples/image.sh", "registry.invalid/busybox:1",
            host.root + "/image.tar", "-f", host.root + "/tree", Self.busybox,
        ]
        try make.run()
        make.waitUntilExit()
        try #require(make.terminationStatus == 0)
        let store = ContentStore(
            directory: host.data + "/artifacts",
            now: { Timestamp(uptime: Uptime(sinceBoot: .zero), wall: WallTime(sinceEpoch: .zero)) }
        )
        let imported = try await ArtifactImport(store).run(host.root + "/image.tar")
        let digest = try #require(imported.first).digest
        return StoredArtifact(
            digest: digest,
            size: ByteCount(0),
            path: "\(host.data)/artifacts/blobs/sha256/\(digest.hex)",
            name: "busybox",
            content: .image
        )
    }
}
