import ERACore
import Testing

@testable import ERAManifest

@Suite struct EmittingTests {
    /// Reads what the emitter wrote as any reader of files would.
    private static func read(_ yaml: String) -> JSONValue? {
        let text = SourceText(Array(yaml.utf8))
        guard text.flaws(limit: 1).isEmpty else { return nil }
        let documents = YAMLDocument.all(in: text)
        guard documents.count == 1, documents[0].problem == nil else { return nil }
        return documents[0].root?.json
    }

    @Test func `YAML text reads back equal, whatever the value`() {
        for seed in 0..<3000 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let value = random.json()
            #expect(Self.read(value.yamlText) == value, "seed \(seed):\n\(value.yamlText)")
        }
    }

    @Test func `JSON text reads back equal, pretty or not`() throws {
        for seed in 0..<3000 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let value = random.json()
            for text in [value.canonicalText, value.text(pretty: true)] {
                #expect(try JSONValue(jsonText: Array(text.utf8)) == value, "seed \(seed): \(text)")
            }
        }
    }

    @Test func `equal values have one canonical text`() {
        let value: JSONValue = ["b": 1, "a": [true, nil, .number(2), "x\"\n\u{1}"], "é": [:], "z": []]
        #expect(
            value.canonicalText == "{\"a\":[true,null,2.0,\"x\\\"\\n\\u0001\"],\"b\":1,\"z\":[],\"é\":{}}"
        )
        #expect(JSONValue.array([.number(.infinity), .number(.nan)]).canonicalText == "[null,null]")
        #expect(value.text(pretty: true).hasPrefix("{\n  \"a\": [\n    true,\n    null,\n"))
    }

    @Test func `YAML that other readers would take for something else is quoted`() {
        for text in ["no", "On", "y", "22:22", "1_000", "0123", "2026-01-02", "1.10", "null", ""] {
            #expect(JSONValue.string(text).yamlText == "\"\(text)\"\n")
        }
        #expect(JSONValue.string("bin/hello-1.2").yamlText == "bin/hello-1.2\n")
    }

    @Test func `a text of several lines is a block`() {
        let value: JSONValue = ["script": "a\n  b\n", "x": ["one\ntwo"]]
        #expect(value.yamlText == "script: |\n  a\n    b\nx:\n- |-\n  one\n  two\n")
    }

    @Test func `a deployment's fields stand in the schema's order, others in the alphabet's`() throws {
        let declared = try #require(file(fullManifest).entries.first).declared
        var withStatus = try #require(declared.object)
        withStatus["status"] = ["phase": "Running", "conditions": []]
        let lines = JSONValue.object(["items": [.object(withStatus)]]).yamlText.split(separator: "\n")
        let top = lines.filter {
            $0.hasPrefix("- ") || $0.hasPrefix("  ") && !$0.hasPrefix("   ") && !$0.hasPrefix("  -")
        }
        #expect(
            top == ["- apiVersion: era.dev/v1", "  kind: Deployment", "  metadata:", "  spec:", "  status:"]
        )
        let spec = lines.filter { $0.hasPrefix("    ") && !$0.hasPrefix("     ") && !$0.hasPrefix("    -") }
        #expect(
            spec.map { $0.split(separator: ":")[0] }.prefix(5) == [
                "    name", "    namespace", "    labels", "    annotations", "    version",
            ]
        )
        #expect(lines.contains("      - name: MODE") == false && lines.contains("    - name: MODE"))
    }

    @Test func `a key longer than YAML readers look ahead is written so that they read it`() {
        let value: JSONValue = [
            String(repeating: "k", count: 3000): ["a": 1], "b": [[String(repeating: "é", count: 900): 2]],
        ]
        #expect(Self.read(value.yamlText) == value)
    }
}
