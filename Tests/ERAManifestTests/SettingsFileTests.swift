import ERAManifest
import Testing

@Suite struct SettingsFileTests {
    private let known: Set<String> = ["dataDir", "interval", "source", "allowHttp"]

    private func read(_ text: String) -> SettingsFile {
        SettingsFile(reading: Array(text.utf8), file: "era.yaml", known: known)
    }

    @Test func `values and lists of values are read in their order`() {
        let file = read("interval: 10s\n# a comment\nallowHttp: true\nsource: [a, \"b c\"]\n")
        #expect(file.diagnostics.isEmpty)
        #expect(file.settings.map(\.name) == ["interval", "allowHttp", "source"])
        #expect(file.settings.map(\.values) == [["10s"], ["true"], ["a", "b c"]])
    }

    @Test func `an empty file sets nothing`() {
        #expect(read("").settings.isEmpty && read("").diagnostics.isEmpty)
        #expect(read("---\n# nothing\n").diagnostics.isEmpty)
    }

    @Test(
        arguments: [
            ("datadir: /x\n", "era.yaml:1:1: error: there is no setting datadir; did you mean dataDir?"),
            ("interval: 1s\ninterval: 2s\n", "era.yaml:2:1: error: interval is set twice; keep one"),
            ("interval: {a: b}\n", "era.yaml:1:11: error: interval takes a value, or a list of values"),
            ("interval:\n", "interval takes a value, or a list of values"),
            ("- a\n", "era.yaml:1:1: error: settings are written as NAME: VALUE, one a line"),
            ("interval: 1s\n---\ninterval: 1s\n", "the file has several documents; settings are one"),
            ("interval: [1s\n", "era.yaml:"), ("\u{0}", "era.yaml:1:1"),
        ]
    )
    func `what is wrong is said with its place, and nothing is set`(text: String, message: String) {
        let file = read(text)
        #expect(file.settings.isEmpty)
        #expect(file.diagnostics.first?.summary.contains(message) == true, "\(file.diagnostics)")
    }
}
