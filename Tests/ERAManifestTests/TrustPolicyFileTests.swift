import ERACore
import ERAManifest
import Testing

@Suite struct TrustPolicyFileTests {
    private static let head = "apiVersion: era.dev/v1\nkind: TrustPolicy\n"

    private static func read(_ text: String) -> TrustPolicyFile {
        TrustPolicyFile(reading: Array(text.utf8), file: "trust.yaml")
    }

    @Test func `keys and rules are read`() throws {
        let file = Self.read(
            Self.head + """
                mode: warn
                keys:
                  - {name: release, type: minisign, publicKey: RWQ}
                  - {name: ops, type: ssh, file: /etc/era/keys/ops.pub}
                rules:
                  - {source: "https://e.org/apps/", keys: [release]}
                  - {source: "file:///", mode: off}
                """
        )
        #expect(file.diagnostics.map(\.summary) == [])
        let (release, ops) = (PartName(checked: "release"), PartName(checked: "ops"))
        let expected = TrustPolicy(
            mode: .warn,
            keys: [
                .init(name: release, type: .minisign, place: .text("RWQ")),
                .init(name: ops, type: .ssh, place: .file("/etc/era/keys/ops.pub")),
            ],
            rules: [
                .init(source: try SourcePrefix("https://e.org/apps/"), keys: [release]),
                .init(source: try SourcePrefix("file:///"), mode: .off),
            ]
        )
        #expect(file.policy == expected)
    }

    @Test func `a policy that says nothing else requires signatures`() {
        #expect(Self.read(Self.head).policy == TrustPolicy(mode: .required))
    }

    @Test(
        arguments: [
            ("", "trust.yaml: error: the file has 0 documents; a trust policy is one"),
            (head + "---\n" + head, "the file has 2 documents"),
            ("kind: TrustPolicy\n", "trust.yaml:1:1: error: apiVersion: is missing"),
            ("apiVersion: era.dev/v1\nkind: Deployment\n", "trust.yaml:2:7: error: kind:"),
            (head + "mode: on\n", "trust.yaml:3:7: error: mode: \"on\" is not one of required, warn or off"),
            (head + "mode: warn\nmode: off\n", "trust.yaml:4:1: error: mode: stands there twice"),
            (head + "rule: []\n", "trust.yaml:3:1: error: rule: unknown field; did you mean rules?"),
            (head + "keys: [{name: a, type: ssh}]\n", "keys[0]: one of publicKey or file is missing"),
            (head + "keys: [{name: a, publicKey: x}]\n", "keys[0].type: is missing"),
            (
                head + "keys:\n- {name: a, type: ssh, file: /a}\n- {name: a, type: ssh, file: /b}\n",
                "trust.yaml:5:10: error: keys[1].name: two keys have this name"
            ),
            (
                head
                    + "keys: [{name: abc, type: ssh, file: /a}]\nrules: [{source: \"file:///\", keys: [abd]}]\n",
                "rules[0].keys: there is no key abd in this policy; did you mean abc?"
            ),
            (
                head + "rules: [{source: \"https://e.org\"}, {source: \"https://E.org:443\"}]\n",
                "rules[1].source: two rules are about this source"
            ),
            (head + "rules: [{source: e.org}]\n", "rules[0].source: \"e.org\" is not the beginning of"),
            (head + "rules: [{source: \"https://e.org/../a\"}]\n", "rules[0].source:"),
            (head + "rules: [{mode: off}]\n", "rules[0].source: is missing"),
            (head + "keys: [", "trust.yaml:"), ("\u{0}", "trust.yaml:1:1"),
            (String(repeating: "#", count: (1 << 20) + 1), "more than 1048576 bytes"),
        ]
    )
    func `what is wrong is said with its place, and there is no policy`(text: String, message: String) {
        let file = Self.read(text)
        #expect(file.policy == nil)
        #expect(file.diagnostics.contains { $0.summary.contains(message) }, "\(file.diagnostics)")
    }
}
