import ERACore
import ERAManifest
import Testing

/// One mebibyte of trouble, answered in bounded time.
///
/// The promise is 100 ms in release mode, which the measurements in the report hold; the bound here allows
/// for debug mode on a busy machine, and still fails for anything quadratic.
@Suite struct HostileSizeTests {
    static let size = ManifestLimits.fileSizeLimit

    static func filled(_ part: String, from start: String = "", to end: String = "") -> String {
        let count = (size - start.utf8.count - end.utf8.count) / part.utf8.count
        return start + String(repeating: part, count: count) + end
    }

    static let texts: [(name: String, text: String)] = [
        ("opening brackets", filled("[")),
        ("opening braces", filled("{")),
        ("block lists inside each other", filled("- ")),
        ("explicit keys", filled("? ")),
        ("a long flow list", filled("1,", from: "a: [", to: "]")),
        ("a long flow list of pairs", filled("a: b,", from: "a: [", to: "]")),
        ("a long flow mapping with one key", filled("a: 1,", from: "{", to: "}")),
        ("a long block list", filled("- 1\n")),
        ("a long block mapping with one key", filled("a: 1\n")),
        ("different keys", (0..<100_000).map { "k\($0): 1\n" }.joined()),
        ("one plain text", filled("x", from: "a: ")),
        ("one text of many lines", filled("  x\n", from: "a:\n")),
        ("one quoted text with escapes", filled("\\x41", from: "a: \"", to: "\"")),
        ("a block text", filled("  x\n", from: "a: |\n")),
        ("many aliases", filled("*a,", from: "a: &a x\nb: [", to: "]")),
        ("many aliases of a list", filled("*a,", from: "a: &a [1,2,3,4,5,6,7,8,9]\nb: [", to: "]")),
        ("many anchors", (0..<80_000).map { "- &a\($0) 1\n" }.joined()),
        ("one long anchor", filled("a", from: "&")),
        ("one long tag", filled("a", from: "!")),
        ("tag directives", (0..<70_000).map { "%TAG !\($0)! a\n" }.joined()),
        ("documents", filled("---\n")),
        ("broken documents", filled("--- [\n")),
        ("broken documents of other kinds", filled("--- 'x\n")),
        ("comments", filled("#\n")),
        ("line breaks", filled("\n")),
        ("spaces", filled(" ")),
        ("tabs", filled("\t")),
        ("a long key", filled("k", from: "", to: ": 1")),
        ("colons", filled(": ")),
        ("a long number", filled("9", from: "a: ")),
        ("NUL", filled("\u{0}")),
        ("bidirectional controls", filled("\u{202E}")),
        ("unknown fields", filled("{x: [1]},", from: manifest(spec: "  ports: ["), to: "]\n")),
        (
            "wrong deployments",
            filled(
                "---\napiVersion: era.dev/v1\nkind: Deployment\nmetadata: {nme: [x]}\nspec: {versoin: 1, prts: []}\n"
            )
        ),
        (
            "sound deployments",
            filled("---\n" + fullManifest.replacingFirst("  name: hello\n", with: "  name: h\n"))
        ),
    ]

    @Test(arguments: texts.map(\.name))
    func `a mebibyte of anything is answered in time`(_ name: String) throws {
        let text = try #require(Self.texts.first { $0.name == name }?.text)
        #expect(text.utf8.count <= Self.size)
        for file in ["f.yaml", "f.json"] {
            let bytes = Array(text.utf8)
            let clock = ContinuousClock()
            let start = clock.now
            let read = ManifestFile(reading: bytes, file: file)
            let elapsed = clock.now - start
            #expect(elapsed < .seconds(20), "\(file) took \(elapsed)")
            #expect(read.diagnostics.count <= ManifestLimits.diagnosticLimit + 1)
            #expect(read.diagnostics.allSatisfy { $0.rendered.utf8.count < 4000 })
        }
    }
}
