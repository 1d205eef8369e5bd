import ERAConformance
import ERAContracts
import ERACore
import ERARuntime
import Foundation
import Testing

/// The plugins that come with ERA pass the suite that those of others have to pass.
@Suite struct ConformanceTests {
    private func expectPassed(_ report: ConformanceReport, skipping: Set<String>) {
        #expect(report.isPassed, "\(report.text)")
        let skipped = report.entries.filter { if case .skipped = $0.result { true } else { false } }
        #expect(Set(skipped.map(\.id)) == skipping)
        #expect(report.entries.map(\.id) == ConformanceSuite.checks.map(\.id))
    }

    /// What is asked of executables only.
    static let executableChecks: Set<String> = [
        "unknown-verb", "unknown-version", "garbage", "later-fields", "leaves-no-process",
    ]

    @Test func `the process plugin passes`() async throws {
        try await ConformanceHost.with { host in
            let options = try host.shims(searchPath: ["/usr/bin", "/bin"])
            let subject = ConformanceSuite.Subject(name: "process", dataDirectory: host.data) {
                ProcessPlugin(ShimHost(options))
            }
            expectPassed(await ConformanceSuite(subject).run(), skipping: Self.executableChecks)
        }
    }

    @Test func `the sample in shell passes`() async throws {
        try await ConformanceHost.with { host in
            let report = await ConformanceSuite(host.subject(try host.sample("interval"))).run()
            expectPassed(report, skipping: ["probe"])
        }
    }

    @Test func `the sample in Python passes`() async throws {
        try await ConformanceHost.with { host in
            try "<h1>hello</h1>".write(toFile: host.root + "/index.html", atomically: true, encoding: .utf8)
            let artifact = StoredArtifact(
                digest: try Digest("sha256:" + String(repeating: "a", count: 64)),
                size: ByteCount(14),
                path: host.root + "/index.html",
                name: "index.html"
            )
            let spec = DeploymentSpec(
                version: try SemanticVersion("1.0.0"),
                runtime: RuntimeSpec(
                    plugin: try PluginName("site"),
                    config: ["root": .string(host.root + "/www")]
                )
            )
            let subject = host.subject(try host.sample("site"), spec: spec, artifact: artifact)
            let report = await ConformanceSuite(subject).run()
            expectPassed(report, skipping: ["probe", "logs"])
        }
    }

    @Test func `every check is in the guide, with what it asks for`() throws {
        let guide = try String(
            contentsOfFile: ConformanceHost.repository + "/docs/plugins.md",
            encoding: .utf8
        )
        for check in ConformanceSuite.checks {
            #expect(guide.contains("| `\(check.id)` | \(check.title) |"))
        }
    }
}
