import ERACore
import ERAManifest
import Testing

@Suite struct DiagnosticTests {
    @Test func `an error names file, line, column and field, and shows the line with a caret`() {
        let text = manifest(spec: "  ports:\n    - {name: a, port: 80}\n    - {name: b, port: 70000}")
        #expect(
            file(text).diagnostics.first?.rendered == """
                f.yaml:10:23: error: spec.ports[1].port: 70000 is not between 1 and 65535
                        - {name: b, port: 70000}
                                          ^
                """
        )
    }

    @Test func `tabs are kept before the caret, so that it stands below its character`() {
        let rendered = file(manifest(spec: "  user: \t \t[x]")).diagnostics.first?.rendered ?? ""
        let lines = rendered.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines.last == "            \t \t^")
    }

    @Test func `a long line is clipped around the caret`() {
        let filler = String(repeating: "é", count: 3000)
        let text = manifest(
            spec: "  env: [{name: A, value: \"\(filler)\"}, {name: B, value: 1}, {name: \(filler), x: y}]"
        )
        let diagnostics = file(text).diagnostics
        #expect(diagnostics.count == 3)
        for diagnostic in diagnostics {
            let line = diagnostic.sourceLine ?? ""
            #expect(line.count <= 202 && line.hasPrefix("…") && diagnostic.caretOffset <= 101)
        }
        let marked = diagnostics[0]
        let place = (marked.sourceLine ?? "").dropFirst(marked.caretOffset).first
        #expect(place == "1")
    }

    @Test func `all errors of a file are reported, in the order of the text`() {
        let text = """
            apiVersion: era.dev/v1
            kind: Deployment
            metadata: {name: Hello_}
            spec:
              version: 1.10
              comand: [x]
              runtime: {plugin: process}
              ports: [{name: a, port: 0}, {name: a, port: 80}]
              health: {liveness: {httpGet: {port: web}, successThreshold: 2}}
              stop: {grace: 10}
            """
        let fields = file(text).diagnostics.map { "\($0.position?.line ?? 0) \($0.field ?? "")" }
        #expect(
            fields == [
                "3 metadata.name", "5 spec.command", "5 spec.version", "6 spec.comand",
                "8 spec.ports[0].port",
                "8 spec.ports[1].name", "9 spec.health.liveness.httpGet.port",
                "9 spec.health.liveness.successThreshold",
                "10 spec.stop.grace",
            ]
        )
    }

    @Test func `hidden characters never reach a terminal`() {
        let text = manifest(spec: "  args: [\"\u{1B}[31mred\", \"\u{202E}x\"]")
        for diagnostic in file(text).diagnostics {
            #expect(!diagnostic.rendered.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{202E}" })
        }
        #expect(file(text).diagnostics.count == 2)
        let escaped = file(manifest(spec: "  \"a\\e\\u202e\": 1\n  user: \"\\e[1m\"")).diagnostics.map(
            \.rendered
        )
        #expect(escaped.count == 2)
        #expect(!escaped.joined().unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{202E}" })
    }

    @Test func `editors get a diagnostic as JSON`() {
        let json = file(manifest(spec: "  user: [x]")).diagnostics.first?.json
        #expect(json?["file"] == "f.yaml" && json?["line"] == 8 && json?["column"] == 9)
        #expect(json?["severity"] == "error" && json?["field"] == "spec.user")
        #expect(json?["message"]?.string?.isEmpty == false)
    }

    @Test func `a file with many errors shows the first hundred and says that there are more`() {
        let lines = (1...500).map { "  x\($0): 1" }.joined(separator: "\n")
        let diagnostics = file(manifest(spec: lines)).diagnostics
        #expect(diagnostics.count == ManifestLimits.diagnosticLimit + 1)
        #expect(
            diagnostics.last?.summary == "f.yaml: error: there are more errors than the 100 that are shown"
        )
        #expect(file(manifest(spec: lines)).entries.isEmpty)
    }

    @Test func `errors of later documents are counted when no more are shown`() {
        let first = manifest(name: "a", spec: (1...100).map { "  x\($0): 1" }.joined(separator: "\n"))
        let read = file(first + "---\n" + manifest(name: "b", spec: "  x: 1") + "---\n" + manifest(name: "c"))
        #expect(read.diagnostics.count == 101 && read.diagnostics.last?.position == nil)
        #expect(read.entries.map(\.deployment.key.name.rawValue) == ["c"])
        #expect(read.keysSeen.count == 3)
    }

    /// An unknown field, and the field that it should be.
    @Test(
        arguments: [
            ("  prots: []", "unknown field; did you mean ports?"),
            ("  Ports: []", "unknown field; did you mean ports?"),
            ("  working_directory: x", "unknown field; did you mean workingDirectory?"),
            ("  enviroment: []", "unknown field"),
            ("  ports: [{name: a, prot: 1}]", "unknown field; did you mean port?"),
            ("  stop: {zzzzzz: 1}", "unknown field; known here: signal and grace"),
            ("  stop: {<<: {}}", "unknown field; merge keys are not part of YAML 1.2: repeat the fields"),
        ] as [(String, String)]
    )
    func `an unknown field is refused with a suggestion`(_ spec: String, _ message: String) {
        #expect(
            file(manifest(spec: spec)).diagnostics.contains { $0.message == message },
            "\(problems(manifest(spec: spec)))"
        )
    }

    @Test func `another kind of object is refused with what is expected, and nothing else`() {
        let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {replicas: 1}\n"
        #expect(
            problems(text) == [
                "1:13: error: apiVersion: this is a \"Deployment\" of \"apps/v1\"; "
                    + "ERA reads \"Deployment\" of \"era.dev/v1\""
            ]
        )
        #expect(
            problems("apiVersion: era.dev/v1\nkind: Pod\n").first?.hasPrefix("2:7: error: kind: this is a")
                == true
        )
        #expect(
            problems("[1]\n").first?.contains("a list is not a mapping with fields such as apiVersion")
                == true
        )
    }
}
