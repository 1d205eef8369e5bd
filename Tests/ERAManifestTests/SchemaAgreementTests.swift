import ERACore
import Foundation
import Testing

@testable import ERAManifest

/// Fields of `badFields` that ERA refuses and JSON Schema cannot: what concerns several fields, a size
/// written as a text, an address.
private let beyondSchema: Set<String> = [
    "dependsOn: [{name: hello}]", "dependsOn: [{name: hello, namespace: default}]",
    "dependsOn: [{name: a}, {name: a}]",
    "user: \"4294967295\"",
    "volumes: [{name: a, mountPath: ., persistent: {}}]",
    "volumes: [{name: a, mountPath: /, persistent: {}}]",
    "volumes: [{name: a, mountPath: m, tmpfs: {}}, {name: a, mountPath: n, tmpfs: {}}]",
    "volumes: [{name: a, mountPath: m/n, tmpfs: {}}, {name: b, mountPath: ./m//n/, tmpfs: {}}]",
    "ports: [{name: a, port: 80}, {name: a, port: 81}]", "ports: [{name: a, port: 80}, {name: b, port: 80}]",
    "ports: [{name: a, port: 80}, {name: b, port: 80, host: 0.0.0.0}]",
    "ports: [{name: a, port: 80, protocol: UDP, passSocket: true}]",
    "ports: [{name: a, port: 80, host: 1.2.3}]", "ports: [{name: a, port: 80, host: 1.2.3.256}]",
    "env: [{name: A, value: x}, {name: A, value: y}]",
    "stop: {grace: 9000h}", "stop: {grace: 99999999999999999999s}", "update: {progressDeadline: 999ms}",
    "restart: {initialDelay: 2s, maxDelay: 1s}", "restart: {initialDelay: 6m}", "retry: {maxDelay: 1ms}",
    "resources: {limits: {memory: 1e30}}", "resources: {limits: {memory: 99Ei}}",
    "resources: {limits: {cpu: 0.0001}}",
    "health: {liveness: {httpGet: {port: web}}}", "health: {liveness: {httpGet: {port: \"80\"}}}",
    "health: {startup: {exec: {command: []}}}",
    "artifact: {source: \"https://e.org/a\"}",
]

@Suite struct SchemaAgreementTests {
    /// One document, what ERA says of it, and whether JSON Schema cannot say the same.
    private struct Case {
        let name: String
        let document: JSONValue
        let isAccepted: Bool
        var isBeyondSchema = false
    }

    private static func cases(_ text: String, name: String, isBeyondSchema: Bool = false) -> [Case] {
        YAMLDocument.all(in: SourceText(Array(text.utf8))).compactMap { document in
            guard let root = document.root, !root.isNull else { return nil }
            let isAccepted =
                ManifestFile(reading: Array(root.json.yamlText.utf8), file: name).entries.count == 1
            return Case(
                name: name,
                document: root.json,
                isAccepted: isAccepted,
                isBeyondSchema: isBeyondSchema
            )
        }
    }

    private static func allCases() throws -> [Case] {
        var cases = cases(fullManifest, name: "full") + cases(manifest(), name: "least")
        for row in badFields {
            let text = manifest(spec: "  " + row.spec)
            cases += Self.cases(text, name: row.spec, isBeyondSchema: beyondSchema.contains(row.spec))
        }
        for spec in goodFields where !spec.hasPrefix("command") {
            cases += Self.cases(manifest(spec: "  " + spec), name: spec)
        }
        for row in wrongScalars { cases += Self.cases(manifest(field: row.field), name: row.field) }
        for row in badMetadata {
            let text = manifest().replacingFirst("{name: hello}", with: row.metadata)
            cases += Self.cases(text, name: row.metadata)
        }
        for seed in 0..<200 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let object = ManifestEncoding.object(
                try random.deployment(),
                includingDefaults: random.chance(50)
            )
            cases.append(Case(name: "seed \(seed)", document: object, isAccepted: true))
        }
        return cases + (try shippedCases())
    }

    /// The manifests that come with the repository.
    private static func shippedCases() throws -> [Case] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let folder = root.appending(path: "manifests")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
            $0.hasSuffix(".yaml")
        }
        #expect(!names.isEmpty)
        return try names.sorted().flatMap { name in
            let text = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
            #expect(problems(text, file: name) == [])
            return cases(text, name: name)
        }
    }

    @Test func `a public validator accepts the JSON Schema and agrees with ERA on every manifest`() throws {
        let cases = try Self.allCases()
        let verdicts = try Self.validate(cases.map(\.document), by: ManifestSchema.jsonSchema())
        #expect(verdicts.count == cases.count && cases.count > 300)
        for (testCase, verdict) in zip(cases, verdicts) {
            if testCase.isBeyondSchema {
                #expect(verdict && !testCase.isAccepted, "no longer beyond the schema: \(testCase.name)")
            } else {
                #expect(verdict == testCase.isAccepted, "\(testCase.name): ERA says \(testCase.isAccepted)")
            }
        }
        #expect(cases.count(where: \.isBeyondSchema) == beyondSchema.count)
        #expect(verdicts.contains(false) && verdicts.contains(true))
    }

    @Test func `the OpenAPI schema is structural as Kubernetes asks`() {
        var count = 0
        func check(_ schema: JSONValue, _ path: String) {
            count += 1
            let members = schema.object ?? [:]
            let isOpen = members["x-kubernetes-preserve-unknown-fields"] == true
            #expect(
                members["type"]?.string != nil || members["anyOf"] != nil || isOpen,
                "\(path) has no type"
            )
            #expect(members["properties"] == nil || members["additionalProperties"] == nil, "\(path)")
            for word in ["const", "propertyNames", "examples", "$schema", "$id"] {
                #expect(members[word] == nil, "\(path)")
            }
            #expect(
                path.isEmpty || path.hasSuffix("]") || path.hasSuffix("}") || members["description"] != nil,
                "\(path)"
            )
            for (name, property) in members["properties"]?.object ?? [:] {
                check(property, "\(path).\(name)")
            }
            if let items = members["items"] { check(items, path + "[]") }
            if let values = members["additionalProperties"] { check(values, path + "{}") }
        }
        let schema = ManifestSchema.openAPISchema()
        check(schema, "")
        #expect(count > 100)
        #expect(
            schema["x-kubernetes-group-version-kind"] == [
                ["group": "era.dev", "version": "v1", "kind": "Deployment"]
            ]
        )
        #expect(
            schema["properties"]?["spec"]?["properties"]?["ports"]?["items"]?["required"] == ["name", "port"]
        )
    }

    /// Whether each document is valid, by Debian's python3-jsonschema.
    private static func validate(_ documents: [JSONValue], by schema: JSONValue) throws -> [Bool] {
        let input = FileManager.default.temporaryDirectory.appending(
            path: "era-schema-\(UUID().uuidString).json"
        )
        defer { try? FileManager.default.removeItem(at: input) }  // a file of the test, gone or not
        let question: JSONValue = ["schema": schema, "documents": .array(documents)]
        try question.canonicalText.write(to: input, atomically: true, encoding: .utf8)
        let script = """
            import json, sys
            from jsonschema import Draft202012Validator
            question = json.load(open(sys.argv[1], encoding="utf-8"))
            Draft202012Validator.check_schema(question["schema"])
            validator = Draft202012Validator(question["schema"])
            print(json.dumps([validator.is_valid(document) for document in question["documents"]]))
            """
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/python3")
        process.arguments = ["-c", script, input.path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let answer = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "install Debian's python3-jsonschema (make setup does)")
        return try JSONValue(jsonText: Array(answer)).array?.compactMap(\.boolean) ?? []
    }
}
