import ERACore
import ERAManifest
import Testing

@Suite struct SignatureFieldTests {
    private static func read(_ signature: String, checks: ManifestChecks = .none) -> ManifestFile {
        let text = """
            apiVersion: era.dev/v1
            kind: Deployment
            metadata: {name: hello}
            spec:
              version: "1.2.0"
              command: [hello]
              runtime: {plugin: process}
              artifact:
                source: file:///hello
                signature: \(signature)
            """
        return ManifestFile(reading: Array(text.utf8), file: "hello.yaml", checks: checks)
    }

    @Test func `keys are inline, in files, or named`() throws {
        let file = Self.read(
            "{type: ssh, keys: [{publicKey: ssh-ed25519 AAAA}, {file: /k.pub}, {name: release}], allowDowngrade: true}"
        )
        #expect(file.diagnostics.map(\.summary) == [])
        let signature = try #require(file.entries.first?.deployment.spec.artifact?.signature)
        let keys: [SignatureKey] = [
            .text("ssh-ed25519 AAAA"), .file("/k.pub"), .named(PartName(checked: "release")),
        ]
        #expect(signature == SignatureSpec(type: .ssh, keys: keys, allowDowngrade: true))
    }

    @Test func `publicKey is short for one key, and no key is the trust policy's`() throws {
        let short = Self.read("{type: minisign, publicKey: RWQ}").entries.first?.deployment
        let long = Self.read("{type: minisign, keys: [{publicKey: RWQ}]}").entries.first?.deployment
        #expect(short?.spec.artifact?.signature?.keys == [.text("RWQ")])
        #expect(short == long)
        #expect(Self.read("{type: cosign}").entries.first?.deployment.spec.artifact?.signature?.keys == [])
    }

    private static let field = "spec.artifact.signature"

    @Test(
        arguments: [
            ("{type: gpg}", "hello.yaml:10:23: error: \(field).type: \"gpg\" is not one of"),
            ("{publicKey: RWQ}", "hello.yaml:10:16: error: \(field).type: is missing"),
            ("{type: ssh, publicKey: \"\"}", "\(field).publicKey: \"\" is not a text that is not empty"),
            (
                "{type: ssh, publicKey: a, keys: [{name: b}]}",
                "hello.yaml:10:48: error: \(field).keys: stands beside publicKey"
            ),
            ("{type: ssh, keys: [{}]}", "\(field).keys[0]: one of publicKey, file or name is missing"),
            ("{type: ssh, keys: [{file: a.pub}]}", "\(field).keys[0].file: \"a.pub\" is not an absolute"),
            ("{type: ssh, keys: [{file: /a/../b}]}", "\(field).keys[0].file:"),
            ("{type: ssh, keys: [{file: /a, name: b}]}", "\(field).keys[0].name: stands beside file"),
            ("{type: ssh, keys: [{name: A}]}", "\(field).keys[0].name: \"A\" is not a name"),
            ("{type: ssh, key: a}", "\(field).key: unknown field; did you mean keys?"),
            ("{type: ssh, source: a}", "\(field).source: \"a\" is not a URL"),
            ("{type: ssh, allowDowngrade: yes}", "\(field).allowDowngrade: \"yes\" is not a boolean"),
            (
                "{type: ssh, keys: [\(Array(repeating: "{name: a}", count: 17).joined(separator: ", "))]}",
                "\(field).keys: has 17 keys, of at most 16"
            ),
        ]
    )
    func `what is wrong with a signature is said with its place`(_ text: String, _ message: String) {
        let file = Self.read(text)
        #expect(file.entries.isEmpty)
        #expect(file.diagnostics.contains { $0.summary.contains(message) }, "\(file.diagnostics)")
    }

    /// Keys of ssh begin with `ssh-`, and all others are none.
    private static let checks = ManifestChecks { text, type in
        type == .ssh && text.hasPrefix("ssh-") ? nil : "no key: \(type.rawValue)"
    }

    @Test(
        arguments: [
            ("{type: ssh, publicKey: RWQ}", ["10:39: error: \(field).publicKey: no key: ssh"]),
            ("{type: cosign, publicKey: ssh-a}", ["10:42: error: \(field).publicKey: no key: cosign"]),
            (
                "{type: ssh, keys: [{publicKey: a}]}",
                ["10:47: error: \(field).keys[0].publicKey: no key: ssh"]
            ),
            (
                "{type: ssh, keys: [{publicKey: a}, {name: b}, {publicKey: ssh-a}, {publicKey: c}]}",
                [
                    "10:47: error: \(field).keys[0].publicKey: no key: ssh",
                    "10:94: error: \(field).keys[3].publicKey: no key: ssh",
                ]
            ), ("{type: ssh, keys: [{publicKey: ssh-a}, {file: /a}]}", []),
        ]
    )
    func `what is no key by who knows keys is refused where it stands`(_ text: String, _ told: [String]) {
        let file = Self.read(text, checks: Self.checks)
        #expect(file.diagnostics.map(\.summary) == told.map { "hello.yaml:" + $0 })
        #expect(file.entries.isEmpty == !told.isEmpty)
        #expect(file.diagnostics.allSatisfy { $0.rendered.hasSuffix("^") })
    }
}
