import ERACore
import ERAManifest
import Testing

/// Rows of reliability.md, section 2, "YAML".
@Suite struct HostileTextTests {
    /// The text, and what the only diagnostic must contain.
    @Test(
        arguments: [
            ("a: \u{0}b\n", "1:4: error: a NUL character"),
            ("a: b\u{7F}\n", "1:5: error: a control character (U+007F)"),
            ("# \u{9B}\n", "1:3: error: a control character (U+009B)"),
            ("a: x\u{202E}y # \u{2066}\n", "1:5: error: a bidirectional control character (U+202E)"),
            ("a: \u{200F}\n", "1:4: error: a bidirectional control character (U+200F)"),
            ("a: b\u{2028}c\n", "1:5: error: a line separator (U+2028)"),
            ("a: \u{FEFF}b\n", "1:4: error: a byte order mark (U+FEFF) inside the file"),
            ("a:\n\t- b\n", "YAML allows no tabs there"),
            ("a: b: c\n", "put a text that contains \": \" in quotes"),
            ("a: @b\n", "put the text in quotes"),
            ("a: [b\n", "a bracket is not closed"),
            ("a: \"b\n", "a quote is not closed"),
            ("a: *b\n", "1:4: error: no anchor &b stands before the alias *b"),
            ("a: &a [*a]\n", "1:8: error: the alias *a stands inside what it names"),
            (
                "a: !!python/object/apply:os.system [x]\n",
                "the tag !!python/object/apply:os.system is not allowed; remove it"
            ),
            ("a: !foo bar\n", "1:4: error: the tag !foo is not allowed; remove it"),
            ("a: !!binary aGk=\n", "the tag !!binary is not allowed"),
            ("a: !!int x\n", "\"x\" has not the form of its tag !!int"),
            ("? [a]\n: b\n", "1:3: error: a key must be a plain or quoted text"),
            ("a: &x b\n*x : c\n", "a key must be a plain or quoted text"),
            ("%YAML 3.0\n---\na: b\n", "found incompatible YAML document"),
        ] as [(String, String)]
    )
    func `a text that is no plain YAML is refused with a place`(_ text: String, _ expected: String) {
        #expect(problems(text).contains { $0.contains(expected) }, "\(problems(text))")
        #expect(file(text).entries.isEmpty)
    }

    @Test func `every hidden character is reported`() {
        #expect(problems("a: \u{7}\nb: \u{8}x\u{202A}\n").count == 3)
    }

    @Test func `a byte order mark at the start is no error, and moves no column`() {
        let marked = [0xEF, 0xBB, 0xBF] + Array(manifest(spec: "  port: 1").utf8)
        #expect(
            ManifestFile(reading: [0xEF, 0xBB, 0xBF] + Array(manifest().utf8), file: "f.yaml").entries.count
                == 1
        )
        #expect(problems(marked).first?.hasPrefix("8:3: error: spec.port: unknown field") == true)
    }

    /// UTF-16 in both orders, with and without a mark, and UTF-32.
    @Test(
        arguments: [
            ("a: b", "UTF-16", [0xFF, 0xFE], true), ("a: b", "UTF-16", [0xFE, 0xFF], false),
            ("a: b", "UTF-16", [], true), ("a: b", "UTF-16", [], false),
            ("a", "UTF-32", [0xFF, 0xFE, 0, 0], true),
        ] as [(text: String, encoding: String, mark: [UInt8], isLittleEndian: Bool)]
    )
    func `another encoding is named`(_ text: String, _ encoding: String, mark: [UInt8], isLittleEndian: Bool)
    {
        let units = text.utf16.flatMap { unit -> [UInt8] in
            let byte = UInt8(truncatingIfNeeded: unit)
            return isLittleEndian ? [byte, 0] : [0, byte]
        }
        let bytes = mark + units
        #expect(problems(bytes) == ["1:1: error: the file is \(encoding); save it as UTF-8"])
    }

    /// A lone continuation, an overlong form, a surrogate, a truncated sequence, bytes that never occur.
    @Test(
        arguments: [
            [0x80], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xE2, 0x82], [0xFF], [0xF5, 0x80, 0x80, 0x80],
        ] as [[UInt8]]
    )
    func `invalid UTF-8 is refused at its place`(_ bytes: [UInt8]) {
        let text = Array("a: é\nb: ".utf8) + bytes + Array("\n".utf8)
        #expect(
            problems(text).first?.hasPrefix("2:4: error: invalid UTF-8: byte ") == true,
            "\(problems(text))"
        )
    }

    @Test(arguments: ["\r\n", "\r", "\n"])
    func `line breaks of every system count as one`(_ lineBreak: String) {
        let text = manifest(spec: "  port: 1").split(separator: "\n").joined(separator: lineBreak) + lineBreak
        let diagnostics = file(text).diagnostics
        #expect(diagnostics.map(\.position) == [SourcePosition(line: 8, column: 3)])
        #expect(diagnostics.first?.sourceLine == "  port: 1")
        #expect(file(manifest().split(separator: "\n").joined(separator: lineBreak)).entries.count == 1)
    }

    @Test func `a key that stands there twice is an error at the second place`() {
        let text = manifest(spec: "  user: a\n  env: [{name: A, value: x, value: y}]\n  user: b")
        #expect(
            problems(text) == [
                "9:29: error: spec.env[0].value: stands there twice; the first is in line 9, column 19",
                "10:3: error: spec.user: stands there twice; the first is in line 8, column 3",
            ]
        )
        let config = manifest().replacingFirst("process}", with: "process, config: {a: 1, a: 2}}")
        #expect(problems(config).count == 1 && problems(config)[0].contains("config.a: stands there twice"))
        let json = "{\"apiVersion\": \"era.dev/v1\", \"kind\": \"Deployment\", \"kind\": \"Deployment\"}"
        #expect(problems(json, file: "f.json").contains { $0.contains("kind: stands there twice") })
    }

    @Test func `merge keys are refused wherever they stand`() {
        let text = manifest().replacingFirst(
            "{name: hello}",
            with: "{name: hello, labels: &l {a: b}, annotations: {<<: *l}}"
        )
        #expect(problems(text).count == 1)
        #expect(problems(text).first?.contains("merge keys are not part of YAML 1.2") == true)
    }

    @Test func `billion laughs are refused at once`() {
        var text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
        for level in 1...9 {
            let alias = "*a\(level - 1)"
            text +=
                "a\(level): &a\(level) [" + Array(repeating: alias, count: 9).joined(separator: ", ") + "]\n"
        }
        #expect(problems(text).first?.contains("the aliases stand for more than 10000 values") == true)
    }

    @Test func `an alias cannot go deeper than the text itself may`() {
        var text = "a0: &a0 [x]\n"
        for level in 1...70 { text += "a\(level): &a\(level) [*a\(level - 1)]\n" }
        #expect(problems(text).first?.contains("more than 64 lists and mappings inside each other") == true)
    }

    @Test(arguments: ["[", "{a: ", "- "])
    func `nesting of ten thousand levels is refused`(_ opening: String) {
        let text = String(repeating: opening, count: 10_000) + "\n"
        #expect(problems(text).first?.contains("more than 64 lists and mappings inside each other") == true)
    }

    @Test func `nesting up to the limit is read`() {
        let depth = ManifestLimits.depthLimit - 3  // below the document, spec, runtime
        func text(_ depth: Int) -> String {
            manifest().replacingFirst(
                "process}",
                with: "process, config: " + String(repeating: "{a: ", count: depth) + "1"
                    + String(repeating: "}", count: depth + 1)
            )
        }
        #expect(problems(text(depth)) == [])
        #expect(problems(text(depth + 1)).first?.contains("more than 64") == true)
    }

    @Test func `a file above one mebibyte is refused, one of just that size is read`() {
        let comment = String(repeating: "#", count: ManifestLimits.fileSizeLimit - manifest().utf8.count)
        #expect(file(manifest() + comment).entries.count == 1)
        let problem = "error: the file has 1048577 bytes, of at most 1048576; split it"
        #expect(
            ManifestFile(reading: Array((manifest() + comment + "#").utf8), file: "f.yaml").diagnostics.map(
                \.summary
            ) == ["f.yaml: " + problem]
        )
    }

    @Test func `documents and directives have limits`() {
        let documents = String(repeating: "---\n", count: ManifestLimits.documentLimit + 1)
        #expect(problems(documents) == ["1001:1: error: more than 1000 documents in one file"])
        let directives = (0...ManifestLimits.directiveLimit).map { "%TAG !t\($0)! x\n" }.joined()
        #expect(problems(directives) == ["1:1: error: more than 16 lines that begin with %"])
    }

    @Test func `anchors have a limit`() {
        let anchors = (0...ManifestLimits.anchorLimit).map { "- &a\($0) x\n" }.joined()
        #expect(problems(anchors) == ["1001:3: error: more than 1000 anchors in one document"])
    }

    @Test func `a list above its limit is refused`() {
        let words = Array(repeating: "x", count: ManifestLimits.listLimit + 1).joined(separator: ",")
        #expect(
            problems(manifest(spec: "  args: [\(words)]")) == [
                "8:9: error: spec.args: has 1001 elements, of at most 1000"
            ]
        )
        #expect(problems(manifest(spec: "  args: [\(words.dropLast(2))]")) == [])
    }
}
