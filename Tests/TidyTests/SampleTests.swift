import ERACore
import ERAManifest
import Testing

@Suite struct `Samples and manifests belong together` {
    /// What `make run` puts on the daemon's PATH: programs of this package, scripts and modules.
    static let programs: Set<String> = {
        let package = Repository.files.first { $0.path == "Package.swift" }
        let targets = (package?.lines ?? []).compactMap { line -> String? in
            guard let start = line.firstRange(of: "sample(\"") else { return nil }
            return String(line[start.upperBound...].prefix { $0 != "\"" })
        }
        let scripts = Repository.files.filter { $0.path.hasPrefix("samples/bin/") }.map { String($0.name) }
        // A module's text lies beside it.
        let modules = Repository.files.map(\.path)
            .filter { $0.hasPrefix("samples/wasm/") && $0.hasSuffix(".wat") }
            .map { "\($0.dropFirst("samples/wasm/".count).dropLast("wat".count))wasm" }
        return Set(targets + scripts + modules)
    }()

    /// Each manifest, read as the daemon reads it.
    static let manifests = Repository.manifests.map { file in
        (file: file, content: ManifestFile(reading: Array(file.text.utf8), file: file.path))
    }

    static let specs = manifests.flatMap { manifest in
        manifest.content.entries.map { (path: manifest.file.path, deployment: $0.deployment) }
    }

    @Test func `there are samples, and manifests`() {
        #expect(Self.programs.count >= 3)
        #expect(Self.manifests.count >= 6 && Self.specs.count >= 7)
    }

    @Test(arguments: Repository.manifests.map(\.path))
    func `a manifest has no mistake`(_ path: String) throws {
        let manifest = try #require(Self.manifests.first { $0.file.path == path })
        #expect(!manifest.content.entries.isEmpty)
        for diagnostic in manifest.content.diagnostics { Issue.record("\(diagnostic.rendered)") }
    }

    @Test(arguments: specs.map(\.deployment.key.description))
    func `a manifest runs a sample`(_ key: String) throws {
        let spec = try #require(Self.specs.first { $0.deployment.key.description == key }).deployment.spec
        let command = try #require(spec.command.first)
        #expect(Self.programs.contains(command), "\(command) is no sample")
    }

    @Test func `the image of a manifest is made by what runs the manifests`() throws {
        let containers = Self.specs.map(\.deployment.spec).filter { $0.runtime.plugin == .container }
        #expect(!containers.isEmpty)
        for spec in containers {
            let name = try #require(spec.artifact).source.url.dropFirst("oci://".count)
            for path in ["Makefile", "docs/images/session.sh"] {
                let file = try #require(Repository.files.first { $0.path == path })
                #expect(file.text.contains("samples/image.sh \(name) "), "\(path) does not make \(name)")
            }
        }
    }

    @Test func `every sample is run by a manifest`() {
        let used = Set(Self.specs.compactMap(\.deployment.spec.command.first))
        #expect(Self.programs.subtracting(used).isEmpty)
    }

    @Test(arguments: Repository.manifests.map(\.path))
    func `a manifest says on top what to watch and what to try`(_ path: String) throws {
        let manifest = try #require(Repository.manifests.first { $0.path == path })
        let comment = manifest.lines.prefix { $0.hasPrefix("#") }
        #expect(comment.contains { $0.hasPrefix("# Watch:") })
        #expect(comment.contains { $0.hasPrefix("# Try:") })
    }

    @Test func `no two manifests want the same name or port`() {
        let names = Self.specs.map(\.deployment.key)
        #expect(Set(names).count == names.count)
        let ports = Self.specs.flatMap { $0.deployment.spec.ports.map(\.port) }
        #expect(!ports.isEmpty && Set(ports).count == ports.count)
    }

    @Test func `every secret that a manifest names is there`() {
        for (path, deployment) in Self.specs {
            let directory = "samples/secrets/\(deployment.metadata.namespace)"
            for variable in deployment.spec.env {
                guard case .secret(let name, let key) = variable.source else { continue }
                #expect(Repository.exists("\(directory)/\(name)/\(key)"), "\(path): \(name)/\(key)")
            }
            for volume in deployment.spec.volumes {
                guard case .secret(let name) = volume.source else { continue }
                #expect(Repository.exists("\(directory)/\(name)"), "\(path): \(name)")
            }
        }
    }
}

@Suite struct `Manifests in the documents can be used as they stand` {
    /// The fenced YAML blocks that declare deployments, with where they begin.
    static let blocks = Repository.documents.flatMap { document in
        var blocks: [(place: String, text: String)] = []
        var current: [Substring]?
        for (index, line) in document.lines.enumerated() {
            if line == "```", let lines = current {
                let text = lines.joined(separator: "\n")
                if text.hasPrefix("apiVersion: era.dev/v1") {
                    blocks.append(("\(document.path):\(index - lines.count)", text))
                }
                current = nil
            } else if line == "```yaml" {
                current = []
            } else {
                current?.append(line)
            }
        }
        return blocks
    }

    @Test func `there are some`() { #expect(!Self.blocks.isEmpty) }

    @Test(arguments: blocks.map(\.place))
    func `each is read without a mistake`(_ place: String) throws {
        let block = try #require(Self.blocks.first { $0.place == place })
        if block.text.contains("\nkind: TrustPolicy\n") {
            let file = TrustPolicyFile(reading: Array(block.text.utf8), file: place)
            #expect(file.policy != nil, "\(file.diagnostics.map(\.rendered))")
            return
        }
        let manifest = ManifestFile(reading: Array(block.text.utf8), file: place)
        #expect(!manifest.entries.isEmpty)
        for diagnostic in manifest.diagnostics { Issue.record("\(diagnostic.rendered)") }
    }
}
