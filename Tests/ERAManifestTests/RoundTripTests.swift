import ERACore
import ERAManifest
import Testing

@Suite struct RoundTripTests {
    static let seeds: Range<UInt64> = 0..<1000

    @Test func `every deployment reads back equal from its object`() throws {
        for seed in Self.seeds {
            var random = SeededRandom(seed: seed)
            let deployment = try random.deployment()
            for includingDefaults in [true, false] {
                let object = ManifestEncoding.object(deployment, includingDefaults: includingDefaults)
                let read = ManifestDecoding.deployment(from: object)
                #expect(read.problems == [], "seed \(seed)")
                #expect(read.deployment == deployment, "seed \(seed)")
            }
        }
    }

    @Test func `every deployment reads back equal from a file, YAML or JSON`() throws {
        for seed in Self.seeds {
            var random = SeededRandom(seed: seed)
            let deployment = try random.deployment()
            let object = ManifestEncoding.object(deployment, includingDefaults: random.chance(50))
            for (text, name) in [(object.yamlText, "f.yaml"), (object.text(pretty: true), "f.json")] {
                let read = file(text, name: name)
                #expect(read.diagnostics == [], "seed \(seed), \(name)")
                #expect(read.entries.map(\.deployment) == [deployment], "seed \(seed), \(name)")
            }
        }
    }

    @Test func `defaults are written only when asked for`() throws {
        let deployment = try #require(file(manifest()).entries.first?.deployment)
        let short = ManifestEncoding.object(deployment, includingDefaults: false)
        #expect(short == file(manifest()).entries.first?.declared)
        let long = ManifestEncoding.object(deployment, includingDefaults: true)
        #expect(
            long["spec"]?["restart"] == [
                "policy": "Always", "initialDelay": "1s", "maxDelay": "5m", "resetAfter": "10m",
            ]
        )
        #expect(long["metadata"]?["namespace"] == "default")
        #expect(long["spec"]?["env"] == nil && long["spec"]?["resources"] == nil)
        #expect(ManifestEncoding.spec(deployment.spec, includingDefaults: true) == long["spec"])
    }

    @Test func `through the API, unknown fields are refused or passed over`() {
        let object: JSONValue = [
            "apiVersion": "era.dev/v1", "kind": "Deployment", "status": ["phase": "Running"],
            "metadata": ["name": "x", "uid": "1", "managedFields": [["a": "b"]], "odd": 1],
            "spec": [
                "version": "1.0.0", "runtime": ["plugin": "process"], "command": ["x"], "prots": [],
                "health": ["liveness": ["exec": ["command": ["x"]], "grpc": [:]]],
            ],
        ]
        let strict = ManifestDecoding.deployment(from: object)
        #expect(strict.deployment == nil)
        #expect(strict.problems.allSatisfy { $0.kind == .unknown })
        #expect(
            strict.problems.map(\.field).sorted() == [
                "metadata.odd", "spec.health.liveness.grpc", "spec.prots",
            ]
        )
        #expect(ManifestDecoding.unknownFields(of: object).count == 3)
        #expect(
            ManifestDecoding.deployment(from: object, ignoringUnknown: true).deployment?.key.name.rawValue
                == "x"
        )
    }

    @Test func `through the API, every problem is reported with its field and kind`() {
        let object: JSONValue = [
            "apiVersion": "era.dev/v1", "kind": "Deployment", "metadata": ["name": "x"],
            "spec": [
                "runtime": ["plugin": "process"], "command": ["x"], "user": [],
                "ports": [["name": "a", "port": 1], ["name": "a", "port": 2]],
            ],
        ]
        let problems = ManifestDecoding.deployment(from: object).problems
        let found = Dictionary(uniqueKeysWithValues: problems.map { ($0.field, $0.kind) })
        #expect(
            found == ["spec.version": .required, "spec.user": .invalid, "spec.ports[1].name": .duplicate]
        )
        for odd in [.null, "x", [], 1] as [JSONValue] {
            #expect(ManifestDecoding.deployment(from: odd).problems.count == 1)
        }
    }
}
