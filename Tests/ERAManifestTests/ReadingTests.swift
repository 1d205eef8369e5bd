import ERACore
import ERAManifest
import Testing

@Suite struct ReadingTests {
    @Test func `every field of the schema reaches the deployment`() throws {
        let read = file(fullManifest)
        #expect(read.diagnostics == [])
        let deployment = try #require(read.entries.first?.deployment)
        #expect(deployment.key.description == "shop/hello")
        #expect(deployment.metadata.labels["example.org/tier"] == "front")
        #expect(deployment.metadata.annotations == ["example.org/note": "any: text"])
        let spec = deployment.spec
        #expect(spec.version.description == "1.2.0")
        #expect(spec.dependsOn.map(\.name.rawValue) == ["database", "queue"])
        #expect(spec.dependsOn[1].namespace?.rawValue == "infra")
        #expect(spec.runtime.pluginVersion?.description == ">=1.0.0 <2.0.0")
        #expect(spec.runtime.config == ["nested": ["list": [1, .number(2.5), true, nil, "text"]]])
        #expect(spec.artifact?.source.scheme == .https)
        #expect(spec.artifact?.digest?.algorithm == .sha256)
        #expect(spec.artifact?.format == .tar)
        #expect(spec.artifact?.signature?.type == .minisign)
        #expect(spec.artifact?.pullSecret?.rawValue == "registry-login")
        #expect(spec.command + spec.args == ["bin/hello", "--port", "8080"])
        #expect(spec.env[0].source == .value("prod"))
        #expect(spec.env[1].source == .secret(name: try PartName("api"), key: "token"))
        #expect(spec.ports[0].passSocket)
        #expect(spec.ports[1].transport == .udp)
        #expect(spec.volumes[0].source == .persistent(retain: true))
        #expect(spec.volumes[1].source == .hostPath(path: "/srv/site", readOnly: true))
        #expect(spec.volumes[2].source == .tmpfs(sizeLimit: ByteCount(16 << 20)))
        #expect(spec.volumes[3].source == .secret(name: try PartName("api")))
        #expect(
            spec.resources
                == ResourceLimits(memory: ByteCount(256 << 20), cpu: CPUShare(millicores: 500), pids: 64)
        )
        #expect(spec.user == "hello")
        #expect(spec.health.readiness?.successThreshold == 2)
        #expect(spec.health.minReadySeconds == 3)
        #expect(spec.restart.policy == .onFailure)
        #expect(spec.update.strategy == .blueGreen)
        #expect(!spec.rollback.enabled)
        #expect(spec.stop == StopSpec(signal: .int, grace: .seconds(90)))
        #expect(spec.revisionHistoryLimit == 3)
    }

    @Test func `what is left out is at the model's own defaults`() throws {
        let deployment = try #require(file(manifest()).entries.first?.deployment)
        let expected = Deployment(
            metadata: Metadata(name: try DeploymentName("hello")),
            spec: DeploymentSpec(
                version: try SemanticVersion("1.0.0"),
                runtime: RuntimeSpec(plugin: .process),
                command: ["true-program"]
            )
        )
        #expect(deployment == expected)
    }

    @Test func `a probe has the defaults of Kubernetes`() throws {
        let text = manifest(spec: "  health: {liveness: {httpGet: {port: 80}}}")
        let probe = try #require(file(text).entries.first?.deployment.spec.health.liveness)
        #expect(probe == ProbeSpec(handler: .httpGet(.init(port: .number(80)))))
        #expect(probe.periodSeconds == 10 && probe.timeoutSeconds == 1 && probe.failureThreshold == 3)
    }

    @Test func `several documents are several deployments, and empty ones none`() {
        let text =
            "---\n# nothing\n---\n" + manifest(name: "a") + "---\n" + manifest(name: "b") + "...\n---\n~\n"
        let read = file(text)
        #expect(read.diagnostics == [])
        #expect(read.entries.map(\.deployment.key.name.rawValue) == ["a", "b"])
        #expect(read.entries.map(\.position.line) == [4, 12])
        #expect(file("").diagnostics == [] && file("# only a comment\n").entries.isEmpty)
    }

    @Test func `an entry keeps what was written, without defaults`() {
        #expect(
            file(manifest()).entries.first?.declared["spec"]?.object?.keys.sorted() == [
                "command", "runtime", "version",
            ]
        )
    }

    @Test func `a JSON file is read as JSON`() throws {
        let text = try #require(file(fullManifest).entries.first).declared.text(pretty: true)
        let read = file(text, name: "f.json")
        #expect(read.diagnostics == [])
        #expect(read.entries.first?.deployment == file(fullManifest).entries.first?.deployment)
        #expect(
            problems("{\"kind\": 1,}", file: "f.json") == [
                "1:12: error: a key in double quotes should be here"
            ]
        )
        // Surrogate pairs, as ASCII-only writers emit them; libyaml refuses them.
        let emoji = text.split(separator: "\n").joined(separator: "\n").replacingFirst(
            "any: text",
            with: "\\ud83d\\ude00"
        )
        #expect(
            file(emoji, name: "f.json").entries.first?.deployment.metadata.annotations.values.first
                == "\u{1F600}"
        )
    }

    @Test func `anchors and aliases stand for what they name`() throws {
        let text =
            manifest(
                spec: "  args: &words [a, b]\n  env: [{name: X, value: &v text}, {name: Y, value: *v}]\n"
            )
            + "  health: {startup: {exec: {command: *words}}}\n"
        let spec = try #require(file(text).entries.first?.deployment.spec)
        #expect(spec.health.startup?.handler == .exec(command: ["a", "b"]))
        #expect(spec.env[1].source == .value("text"))
    }

    @Test func `what a server has added is accepted with a warning`() {
        let text = manifest().replacingFirst(
            "{name: hello}",
            with: "{name: hello, uid: x, creationTimestamp: null, managedFields: [{a: b}]}"
        )
        let read = file(text + "status: {phase: Running}\n")
        #expect(read.entries.count == 1 && !read.hasErrors)
        #expect(read.diagnostics.map(\.severity) == [.warning, .warning, .warning, .warning])
        #expect(read.diagnostics.last?.field == "status")
    }

    @Test func `a broken document is not taken for a deletion`() {
        let text =
            manifest(name: "a") + "---\n" + manifest(name: "b", spec: "  port: 1\n") + "---\n"
            + manifest(name: "c", spec: "  args: [x\n") + "---\n" + manifest(name: "d")
        let read = file(text)
        #expect(read.entries.map(\.deployment.key.name.rawValue) == ["a", "d"])
        #expect(read.keysSeen.map(\.name.rawValue) == ["a", "b", "c", "d"])
        #expect(!read.mayHideKeys)
        #expect(read.diagnostics.map(\.position?.line) == [16, 28])
    }

    @Test func `a document whose name cannot be read may hide a deployment`() {
        #expect(file("a: b\n").mayHideKeys)
        #expect(file("metadata: {name: [}\n").mayHideKeys)
        #expect(file("\u{7}").mayHideKeys)
        let many = (0...ManifestLimits.nodeLimit).map { _ in "1" }.joined(separator: ",")
        #expect(file("metadata: {name: a}\nx: [\(many)]\n---\n" + manifest(name: "b")).mayHideKeys)
        #expect(!file(manifest()).mayHideKeys)
    }

    @Test func `a deployment that is declared twice in a file is applied from neither place`() {
        let read = file(manifest() + "---\n" + manifest() + "---\n" + manifest(name: "other"))
        #expect(read.entries.map(\.deployment.key.name.rawValue) == ["other"])
        #expect(
            read.diagnostics.map(\.summary) == [
                "f.yaml:9:1: error: deployment default/hello is declared twice; the first is in line 1"
            ]
        )
        #expect(read.keysSeen.count == 2)
    }
}

extension String {
    func replacingFirst(_ part: String, with other: String) -> String {
        guard let range = firstRange(of: part) else { return self }
        return replacingCharacters(in: range, with: other)
    }

    private func firstRange(of part: String) -> Range<Index>? {
        indices.first { self[$0...].hasPrefix(part) }.map { $0..<index($0, offsetBy: part.count) }
    }

    private func replacingCharacters(in range: Range<Index>, with other: String) -> String {
        String(self[..<range.lowerBound]) + other + self[range.upperBound...]
    }
}
