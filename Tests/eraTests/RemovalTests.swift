import ERAContracts
import ERACore
import Testing

@testable import era

/// What `era delete --all` tells while it works, and how problems of a source are shown.
@Suite struct `What takes its time` {
    @Test func `tells of each deployment that is gone, and now and then of what is not`() throws {
        let keys = try ["a", "b", "c"].map {
            DeploymentKey(namespace: .default, name: try #require(DeploymentName(rawValue: $0)))
        }
        let start = ContinuousClock.now
        var report = RemovalReport()
        func lines(_ left: [DeploymentKey], _ seconds: Int) -> [String] {
            report.lines(Set(keys), left, at: start + .seconds(seconds))
        }
        #expect(lines(keys, 0) == [])
        #expect(lines(keys, 2) == [])
        #expect(lines(keys, 3) == ["still stopping: default/a, default/b, default/c"])
        var asked = report
        #expect(
            asked.lines(Set(keys), [keys[0]], [keys[0]: "why"], at: start + .seconds(30))
                == ["deployment default/b deleted", "deployment default/c deleted"]
        )
        #expect(
            asked.lines(Set(keys), [keys[0]], [keys[0]: "why"], at: start + .seconds(60))
                == ["still stopping: default/a (why)"]
        )
        #expect(lines([keys[1]], 4) == ["deployment default/a deleted", "deployment default/c deleted"])
        #expect(lines([keys[1]], 6) == [])
        #expect(lines([keys[1]], 7) == ["still stopping: default/b"])
        #expect(lines([], 8) == ["deployment default/b deleted"])
        #expect(lines([], 20) == [])
    }

    @Test func `registries and mirrors are taken as they are named, and nothing else is`() throws {
        #expect(try RegistryName("127.0.0.1:5000").text == "127.0.0.1:5000")
        let mirror = try RegistryMirror("one.example.org=two:5000")
        #expect(mirror.registry.text == "one.example.org")
        #expect(mirror.mirror.text == "two:5000")
        for wrong in ["", "http://host", "host/repository", "host:port", "user@host", "host:5000:1"] {
            #expect(throws: InvalidValue.self) { try RegistryName(wrong) }
            #expect(throws: InvalidValue.self) { try RegistryMirror("host=\(wrong)") }
        }
        #expect(throws: InvalidValue.self) { try RegistryMirror("host") }
    }

    @Test func `a problem of a file keeps its source line and its caret`() throws {
        let problem = "web.yaml:2:1: error: spec.port: is unknown\n  2 | port: 1\n    | ^"
        let status = SourceStatus(
            id: SourceID("manifests"),
            revision: nil,
            readAt: nil,
            unavailable: nil,
            files: [SourceStatus.File(path: "web.yaml", deployments: [], problems: [problem])],
            heldPrunes: []
        )
        let lines = SourceReport(status, now: .now()).text(Samples.plain).split(separator: "\n")
        #expect(lines.suffix(2) == ["    2 | port: 1", "      | ^"])
    }
}
