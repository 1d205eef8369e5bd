import ERAContracts
import ERACore
import ERAManifest
import Foundation
import Testing

@testable import ERARuntime

private let api: (String, JSONValue) = ("apiVersion", "plugin.era.dev/v1")

/// The schemas in docs/plugin-schemas say what the code does, and a public validator agrees.
@Suite struct PluginSchemaTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private static func schema(_ name: String) throws -> JSONValue {
        let file = root.appending(path: "docs/plugin-schemas/\(name).json")
        return try JSONValue(jsonText: Array(Data(contentsOf: file)))
    }

    /// An instance that has everything.
    private func instance() throws -> PreparedInstance {
        var spec = DeploymentSpec(
            version: try SemanticVersion("1.0.0"),
            runtime: RuntimeSpec(plugin: try PluginName("stub"), config: ["a": 1]),
            command: ["run"]
        )
        spec.env = [EnvironmentVariable(name: "A", source: .secret(name: try PartName("s"), key: "k"))]
        return PreparedInstance(
            id: InstanceID(DeploymentKey(name: try DeploymentName("app")), RevisionNumber(3)),
            spec: spec,
            directory: "/data/instances/default/app/3",
            artifact: StoredArtifact(
                digest: try Digest("sha256:" + String(repeating: "a", count: 64)),
                size: ByteCount(7),
                path: "/data/blob",
                name: "app.tar.gz"
            ),
            environment: [("A", SecretText("x"))],
            volumes: [
                .init(name: try PartName("v"), hostPath: "/v", mountPath: "v", isReadOnly: true),
                .init(
                    name: try PartName("t"),
                    hostPath: "/t",
                    mountPath: "/t",
                    isReadOnly: false,
                    tmpfs: .init(sizeLimit: nil)
                ),
                .init(
                    name: try PartName("u"),
                    hostPath: "/u",
                    mountPath: "u",
                    isReadOnly: false,
                    tmpfs: .init(sizeLimit: ByteCount(4096))
                ),
            ]
        )
    }

    @Test func `every request is what its schema says`() throws {
        let whole = try instance()
        let id = whole.id
        let handle = InstanceHandle(version: 1, payload: ["x": .null])
        var requests: [PluginRequest] = [
            .describe, .validate(whole.spec),
            .whole("install", whole, directory: "/d", files: "/d/files"),
            .whole("start", whole, directory: "/d", files: nil, handle: handle),
            .whole("probe", whole, directory: "/d", files: nil),
            .about("status", id, directory: "/d"), .about("delete", id, directory: "/d"),
            .stop(id, StopSpec(), directory: "/d"), .logs(id, LogRequest(tailLines: 5), directory: "/d"),
            .logs(id, LogRequest(follow: true), directory: "/d"),
        ]
        requests += try StopSpec.Signal.allCases.map {
            .stop(try instance().id, StopSpec(signal: $0), directory: "/d")
        }
        for request in requests {
            let document = try JSONValue(jsonText: request.bytes)
            let schema = try Self.schema("\(request.verb).request")
            #expect(try Self.validate([document], by: schema) == [true], "\(request.verb)")
            // Not so loose that it accepts what is another verb's.
            var other = document.object ?? [:]
            other["verb"] = "other"
            #expect(try Self.validate([.object(other)], by: schema) == [false])
        }
        #expect(Set(requests.map(\.verb)).count == 9)
    }

    /// What a verb answers, and answers that are wrong.
    private static let answers: [String: [JSONValue]] = [
        "describe": [
            [:], ["name": "stub"], ["name": "stub", "version": "1.0.0", "configSchema": ["type": "object"]],
            ["name": "stub", "version": "1.0", "configSchema": ["type": "object"]],
            ["name": "stub", "version": "1.0.0-rc.1+5", "configSchema": ["type": "object"]],
            ["name": "stub", "version": "1.0.0", "configSchema": ["type": "string"]],
            ["name": "stub", "version": "1.0.0", "configSchema": true],
            [
                "name": "stub", "version": "1.0.0", "configSchema": ["type": "object"],
                "capabilities": ["logs", "user"],
            ],
            [
                "name": "stub", "version": "1.0.0", "configSchema": ["type": "object"],
                "capabilities": ["fly"],
            ],
            ["name": "stub", "version": "1.0.0", "configSchema": ["type": "object"], "details": ["a": "b"]],
            ["name": "stub", "version": "1.0.0", "configSchema": ["type": "object"], "details": ["a": 1]],
            ["name": "stub", "version": "1.0.0", "configSchema": ["type": "object"], "artifactForm": "blob"],
            ["name": "stub", "version": "1.0.0", "configSchema": ["type": "object"], "artifactForm": "tar"],
            ["name": "stub", "version": "1.0.0", "configSchema": ["type": "object"], "extra": 1],
        ],
        "validate": [
            [:], ["problems": []], ["problems": [["field": "a", "message": "b"]]],
            ["problems": [["field": "a"]]],
            ["problems": [["field": "a", "message": "b", "line": 1]]], ["problems": ["a"]], ["problem": []],
            ["problems": .array(Array(repeating: ["field": "a", "message": "b"], count: 101))],
        ],
        "install": [
            [:], ["handle": ["version": 1]], ["handle": ["version": 0, "payload": .null]],
            ["handle": ["version": -1]],
            ["handle": ["version": 1, "payload": ["a": [1, "b"]]]], ["handle": ["payload": 1]], ["handle": 1],
            ["handle": ["version": 1, "other": 1]], ["handle": ["version": "1"]],
        ],
        "start": [[:], ["state": "running"]],
        "status": [
            [:], ["state": "absent"], ["state": "installed"], ["state": "stopping"], ["state": "exited"],
            ["state": "running"], ["state": "gone"], ["state": "absent", "pid": 1],
            ["state": "installed", "exitCode": 1], ["state": "exited", "pid": 1],
            ["state": "running", "exitCode": 1],
            [
                "state": "running", "pid": 1, "startedAtUptime": .number(1.5), "healthy": true,
                "restrictions": ["x"],
            ],
            ["state": "running", "pid": 0], ["state": "running", "pid": .number(1.5)],
            ["state": "running", "restrictions": "x"],
            ["state": "running", "startedAtUptime": -1],
            ["state": "exited", "exitCode": 255, "endedAtUptime": 7],
            ["state": "exited", "exitCode": 256], ["state": "exited", "signal": 64],
            ["state": "exited", "signal": 0],
            ["state": "exited", "signal": 9, "exitCode": 1], ["state": "running", "healthy": 1],
        ],
        "probe": [
            [:], ["workingDirectory": "/", "environment": ["A": "b"], "user": "x", "commandPrefix": ["a"]],
            ["environment": ["A": 1]], ["commandPrefix": "a"], ["command": []],
        ],
        "error": [
            ["error": ["message": "x"]],
            ["error": ["message": "x", "code": "PortTaken", "retryAfterSeconds": .number(1.5)]],
            ["error": [:]], ["error": ["message": "x", "code": "port taken"]], ["error": ["message": 1]],
            ["error": ["message": "x", "retryAfterSeconds": -1]], ["error": ["message": "x", "exit": 1]],
            ["error": ["message": "x"], "state": "absent"],
        ],
    ]

    @Test(arguments: [
        "describe", "validate", "install", "start", "stop", "delete", "status", "probe", "error",
    ])
    func `an answer is accepted exactly if its schema accepts it`(_ verb: String) throws {
        let bodies = try #require(Self.answers[verb] ?? Self.answers["start"])
        var documents = bodies.map { body in
            JSONValue.object((body.object ?? [:]).merging([api]) { $1 })
        }
        documents.append(bodies.last ?? [:])
        documents.append(["apiVersion": "plugin.era.dev/v2"])
        let verdicts = try Self.validate(documents, by: try Self.schema("\(verb).answer"))
        #expect(verdicts.contains(true) && verdicts.contains(false))
        for (document, verdict) in zip(documents, verdicts) {
            #expect(
                Self.isAccepted(verb, document.utf8Text(pretty: false)) == verdict,
                "\(document.canonicalText)"
            )
        }
    }

    private static func isAccepted(_ verb: String, _ answer: [UInt8]) -> Bool {
        do {
            switch verb {
            case "describe": _ = try PluginAnswer.description(answer, of: PluginName(checked: "stub"))
            case "validate": _ = try PluginAnswer.problems(answer)
            case "install": _ = try PluginAnswer.handle(answer)
            case "status": _ = try PluginAnswer.status(answer, startOf: { _ in Uptime(sinceBoot: .zero) })
            case "probe": _ = try PluginAnswer.probeEnvironment(answer)
            case "error": return try PluginAnswer.error(answer, .permanent) != nil
            default: try PluginAnswer.done(answer)
            }
            return true
        } catch {
            return false
        }
    }

    // Each row: a schema that ERA supports, and values for the member `v`.
    static let configSchemas: [(JSONValue, [JSONValue])] = [
        (
            ["type": "integer", "minimum": 1, "maximum": 5],
            [0, 1, 5, 6, .number(2.0), .number(2.5), "1", .null]
        ),
        (["type": "number", "exclusiveMinimum": 1, "exclusiveMaximum": 2], [1, .number(1.5), 2]),
        (
            ["type": ["string", "null"], "minLength": 2, "maxLength": 3],
            ["a", "ab", "abcd", "äöü", "👩‍👩‍👧", .null, 1]
        ),
        (["enum": [1, "a", .null, [1]]], [1, .number(1.0), "a", .null, [1], [2], "b"]),
        (["const": ["a": 1]], [["a": 1], ["a": 2], ["a": 1, "b": 1]]),
        (
            ["type": "array", "items": ["type": "integer"], "minItems": 1, "maxItems": 2],
            [[], [1], [1, 2, 3], ["a"], 1]
        ),
        (["uniqueItems": true], [[1, 1], [1, .number(1.0)], [1, 2], [["a": 1], ["a": 1]], "x"]),
        (["minimum": 3], ["a", 2, 3]), (["type": "boolean"], [true, false, 0, "true"]),
        (
            [
                "type": "object", "required": ["a"], "properties": ["a": true, "b": false],
                "additionalProperties": false,
            ],
            [["a": 1], [:], ["a": 1, "b": 1], ["a": 1, "c": 1]]
        ),
        (
            [
                "type": "object", "additionalProperties": ["type": "string"], "minProperties": 1,
                "maxProperties": 2,
            ],
            [[:], ["a": "b"], ["a": 1], ["a": "b", "c": "d", "e": "f"]]
        ), (["$ref": "#/$defs/port"], [0, 1, 65535, 65536, "1", .null]),
        (["$ref": "#/$defs/port", "minimum": 1024], [80, 8080]),
        (
            ["$ref": "#/$defs/tree"],
            [
                ["name": "a"], ["name": "a", "below": [["name": "b"], ["name": "c", "below": []]]],
                ["name": "a", "below": [["name": "b", "below": [["nam": "c"]]]]], ["below": []],
            ]
        ), (["anyOf": [["type": "string"], ["$ref": "#/$defs/port"]]], ["x", 80, 0, .null]),
        (["oneOf": [["minimum": 3], ["maximum": 5]]], [1, 4, 9, "x"]),
        (
            ["oneOf": [["required": ["a"]], ["required": ["b"]]]],
            [["a": 1], ["b": 1], ["a": 1, "b": 1], [:]]
        ),
        (["allOf": [["minimum": 3], ["maximum": 5]]], [2, 3, 5, 6]),
        (
            ["items": ["anyOf": [["type": "integer"], ["items": ["type": "string"]]]]],
            [[1, ["a"], 2], [1, [1]], [.null]]
        ), (["pattern": "^[a-z][a-z0-9-]{0,3}$"], ["a", "ab-9", "abcde", "A", "", 5]),
        (["pattern": "b+|^x?y$"], ["abba", "y", "xy", "xxy", "a"]),
        (["pattern": "(?:ab){2,}\\.\\d\\b"], ["abab.1", "xabab.1 ", "ab.1", "abab.12", "ababx1"]),
        (["pattern": "^[^\\s/]+(/[^\\s/]+)*$"], ["a/b", "a//b", "a b", "/a", "ü/👩‍👩‍👧"]),
        (["pattern": "^(a|b)*?c{2}[\\w.-]*$"], ["abcc", "cc-1.x", "c", "abccc!"]),
    ]

    /// What `$ref` may name in them.
    static let definitions: JSONValue = [
        "port": ["type": "integer", "minimum": 1, "maximum": 65535],
        "tree": [
            "type": "object", "additionalProperties": false, "required": ["name"],
            "properties": ["name": true, "below": ["type": "array", "items": ["$ref": "#/$defs/tree"]]],
        ],
    ]

    @Test func `a config is accepted exactly if a public validator accepts it`() throws {
        for (schema, values) in Self.configSchemas {
            let whole: JSONValue = [
                "type": "object", "properties": ["v": schema], "$defs": Self.definitions,
            ]
            let documents = values.map { JSONValue.object(["v": $0]) }
            let verdicts = try Self.validate(documents, by: whole)
            let ours = try ConfigSchema(whole)
            for (document, verdict) in zip(documents, verdicts) {
                let problems = ours.problems(document)
                #expect(problems.isEmpty == verdict, "\(document.canonicalText) by \(schema.canonicalText)")
                #expect(problems.allSatisfy { $0.field.hasPrefix("spec.runtime.config.v") })
            }
        }
    }

    @Test(
        arguments: [
            ["type": "string"], true, ["type": "object", "pattern": "("], ["type": "object", "$ref": "#"],
            ["type": "object", "$ref": "#/$defs/a"], ["type": "object", "$ref": "https://example.org/a"],
            ["type": "object", "$defs": ["a/b": true], "$ref": "#/$defs/a~1b"],
            ["type": "object", "$defs": ["a": ["type": "text"]]], ["type": "object", "$defs": []],
            ["type": "object", "properties": ["a": ["$defs": [:]]]], ["type": "object", "oneOf": [1]],
            ["type": "object", "patternProperties": [:]], ["type": "object", "if": true],
            ["type": "object", "properties": ["a": ["prefixItems": [true]]]],
            ["type": "object", "properties": ["a": ["format": "uri"]]],
            ["type": "object", "properties": ["a": 1]],
            ["type": "object", "additionalProperties": ["anyOf": []]], ["type": "object", "required": "a"],
            ["type": "object", "properties": ["a": ["type": "text"]]],
            ["type": "object", "properties": ["a": ["enum": []]]],
            ["type": "object", "properties": ["a": ["minimum": "1"]]],
            ["type": "object", "properties": ["a": ["maxLength": -1]]],
            ["type": "object", "$schema": "http://json-schema.org/draft-07/schema#"],
            ["type": "object", "properties": ["a": ["items": ["not": [:]]]]],
        ] as [JSONValue]
    )
    func `a schema with what ERA does not check is refused`(_ schema: JSONValue) {
        #expect(throws: InvalidConfigSchema.self) { try ConfigSchema(schema) }
    }

    @Test func `the built-in plugins' schema is one that plugins of others may have, too`() throws {
        #expect(throws: Never.self) { try ConfigSchema(ProcessConfig.schema) }
    }

    /// Whether each document is valid, by Debian's python3-jsonschema.
    private static func validate(_ documents: [JSONValue], by schema: JSONValue) throws -> [Bool] {
        let script = """
            import json, sys
            from jsonschema import Draft202012Validator
            question = json.load(sys.stdin)
            Draft202012Validator.check_schema(question["schema"])
            validator = Draft202012Validator(question["schema"])
            print(json.dumps([validator.is_valid(document) for document in question["documents"]]))
            """
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/python3")
        process.arguments = ["-c", script]
        let input = Pipe()
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let question: JSONValue = ["schema": schema, "documents": .array(documents)]
        try input.fileHandleForWriting.write(contentsOf: Data(question.utf8Text(pretty: false)))
        try input.fileHandleForWriting.close()
        // By hand: Foundation gives up where a signal interrupts it, and other tests' children end meanwhile.
        var answer: [UInt8] = []
        var isAtEnd = false
        while !isAtEnd {
            let chunk = [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
                count = read(output.fileHandleForReading.fileDescriptor, buffer.baseAddress, 65_536)
                if count < 0, errno == EINTR { count = 0 } else if count <= 0 { count = 0; isAtEnd = true }
            }
            answer += chunk
        }
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "install Debian's python3-jsonschema (make setup does)")
        return try JSONValue(jsonText: answer).array?.compactMap(\.boolean) ?? []
    }
}
