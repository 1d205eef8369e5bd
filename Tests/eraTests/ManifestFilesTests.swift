import ERACore
import ERAManifest
import Glibc
import Testing

@testable import era

@Suite struct `Manifests that are named on the command line` {
    /// Runs something in a directory of its own, which is removed afterwards.
    private func inDirectory(_ body: (String) throws -> Void) throws {
        let template = try #require(strdup("/tmp/era-manifests-XXXXXX"))
        defer { free(template) }
        let made = try #require(mkdtemp(template))
        let path = String(cString: made)
        defer {
            for name in (try? FileBytes.names(in: path)) ?? [] { unlink("\(path)/\(name)") }
            rmdir(path)
        }
        try body(path)
    }

    private func write(_ text: String, _ path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        try #require(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    }

    private func manifest(_ name: String, needs: [String] = [], plugin: String = "process") -> String {
        let list = needs.map { "{name: \($0)}" }.joined(separator: ", ")
        return """
            apiVersion: era.dev/v1
            kind: Deployment
            metadata: {name: \(name)}
            spec:
              version: 1.0.0
              runtime: {plugin: \(plugin)}
              command: [/bin/true]
              dependsOn: [\(list)]
            """
    }

    @Test(
        arguments: [
            ("minisign", "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3", nil),
            ("minisign", "RWQ", "give the second line of minisign.pub"),
            ("ssh", "ssh-ed25519 AAAA", "its type and its base64 do not agree"),
            ("cosign", "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3", "cosign public key"),
        ] as [(String, String, String?)]
    )
    func `are wrong where a public key in them is none of its tool`(
        _ type: String,
        _ key: String,
        _ problem: String?
    ) throws {
        try inDirectory { path in
            let artifact = "{source: file:///a, signature: {type: \(type), publicKey: \(key)}}"
            try write(manifest("web") + "\n  artifact: \(artifact)", "\(path)/web.yaml")
            let diagnostics = try ManifestFiles([path]).diagnostics
            #expect(diagnostics.isEmpty == (problem == nil))
            guard let problem, let diagnostic = diagnostics.first else { return }
            #expect(diagnostic.field == "spec.artifact.signature.publicKey")
            #expect(diagnostic.message.contains(problem))
            #expect(diagnostic.rendered.hasSuffix("^") && diagnostic.position?.line == 9)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `are refused where they are no regular files, and never waited for`() throws {
        try inDirectory { path in
            try #require(mkfifo("\(path)/fifo.yaml", 0o600) == 0)
            try #require(symlink("/dev/zero", "\(path)/device.yaml") == 0)
            try #require(symlink("/", "\(path)/directory.yaml") == 0)
            try write(manifest("web"), "\(path)/web.yaml")
            let files = try ManifestFiles([path])
            #expect(
                files.diagnostics.map(\.summary)
                    == ["device", "directory", "fifo"].map {
                        "\(path)/\($0).yaml: error: it is not a regular file; remove it"
                    }
            )
            #expect(files.entries.map(\.deployment.key.description) == ["default/web"])
            #expect(files.count == 4)
        }
    }

    @Test func `tell of a circle in each file that is part of it, and of no other`() throws {
        try inDirectory { path in
            let both = manifest("a", needs: ["b"]) + "\n---\n" + manifest("c", needs: ["a", "elsewhere"])
            try write(both, "\(path)/1.yaml")
            try write(manifest("b", needs: ["c"]), "\(path)/2.yaml")
            try write(manifest("web", needs: ["a", "elsewhere"]), "\(path)/3.yaml")
            let files = try ManifestFiles([path])
            #expect(files.diagnostics.isEmpty)
            let circles = files.circles
            #expect(circles.map(\.file) == ["1.yaml", "1.yaml", "2.yaml"].map { "\(path)/\($0)" })
            #expect(circles.map(\.position?.line) == [1, 10, 1])
            #expect(circles.allSatisfy { $0.severity == .error && $0.field == "spec.dependsOn" })
            #expect(circles[0].message.contains("default/a → default/b → default/c → default/a;"))
            #expect(circles[2].message.contains("default/b → default/c → default/a → default/b;"))
        }
    }

    @Test func `warn of a plugin that this program has not`() throws {
        try inDirectory { path in
            try write(manifest("a", plugin: "docker"), "\(path)/a.yaml")
            try write(manifest("b", plugin: "proces"), "\(path)/b.yaml")
            try write(manifest("c"), "\(path)/c.yaml")
            let warnings = try ManifestFiles([path]).unknownPlugins(besides: ["/nonexistent"])
            #expect(warnings.map(\.severity) == [.warning, .warning])
            #expect(warnings.map(\.field) == ["spec.runtime.plugin", "spec.runtime.plugin"])
            let known = Composition.pluginNames.map(\.rawValue).joined(separator: ", ")
            #expect(known.hasPrefix("process, "))
            #expect(warnings[0].message == "this era has no plugin docker; it has: \(known)")
            #expect(warnings[1].message == "this era has no plugin proces; did you mean process?")
            try write("#!/bin/sh\n", "\(path)/era-plugin-docker")
            #expect(try ManifestFiles([path]).unknownPlugins(besides: [path]).count == 2, "not executable")
            #expect(chmod("\(path)/era-plugin-docker", 0o755) == 0)
            let rest = try ManifestFiles([path]).unknownPlugins(besides: ["/nonexistent", path])
            #expect(rest.map(\.message) == [warnings[1].message])
        }
    }

    // Each row: who depends on whom, one letter each, and who is on a circle.
    @Test(arguments: [
        ("", ""), ("ab bc", ""), ("ax", ""), ("aa", "a"), ("ab ba", "ab"), ("ab ba bc dc da", "ab"),
        // Between two circles, and on none.
        ("ab ba bm mc cd dc", "abcd"),
        // Two circles that share a part.
        ("ab bc ca ad dc", "abcd"),
    ])
    func `find all that is on circles`(_ graph: String, _ expected: String) throws {
        var edges: [DeploymentKey: [DeploymentKey]] = [:]
        for edge in graph.split(separator: " ") {
            let keys = try edge.map { DeploymentKey(name: try DeploymentName(String($0))) }
            edges[keys[0], default: []].append(keys[1])
        }
        let circles = ManifestFiles.circles(edges)
        #expect(circles.keys.map(\.name.rawValue).sorted().joined() == expected)
        for (key, circle) in circles {
            #expect(circle.first == key && circle.last == key)
            #expect(zip(circle, circle.dropFirst()).allSatisfy { edges[$0]?.contains($1) ?? false })
        }
    }

    /// Too many for a search that calls itself, or that begins anew for each.
    @Test(.timeLimit(.minutes(1)))
    func `find a circle at the end of thousands`() throws {
        let keys = try (0..<20_000).map { DeploymentKey(name: try DeploymentName("d\($0)")) }
        var edges = Dictionary(uniqueKeysWithValues: zip(keys, keys.dropFirst().map { [$0] }))
        #expect(ManifestFiles.circles(edges).isEmpty)
        edges[keys[19_999]] = [keys[19_990]]
        #expect(ManifestFiles.circles(edges).count == 10)
    }
}
