import Testing

@Suite struct `Samples and manifests belong together` {
    /// What `make run` puts on the daemon's PATH: programs of this package and scripts.
    static let programs: Set<String> = {
        let package = Repository.files.first { $0.path == "Package.swift" }
        let targets = (package?.lines ?? []).compactMap { line -> String? in
            guard let start = line.firstRange(of: "sample(\"") else { return nil }
            return String(line[start.upperBound...].prefix { $0 != "\"" })
        }
        let scripts = Repository.files.filter { $0.path.hasPrefix("samples/bin/") }.map { String($0.name) }
        return Set(targets + scripts)
    }()

    /// The first word of each document's `spec.command`.
    static func commands(_ manifest: TextFile) -> [String] {
        manifest.lines.filter { $0.hasPrefix("  command: [") }.map { line in
            String(line.dropFirst("  command: [".count).prefix { $0 != "," && $0 != "]" })
        }
    }

    @Test func `there are samples, and manifests`() {
        #expect(Self.programs.count >= 3)
        #expect(Repository.manifests.count >= 5)
    }

    @Test(arguments: Repository.manifests.map(\.path))
    func `every document of a manifest runs a sample`(_ path: String) throws {
        let manifest = try #require(Repository.manifests.first { $0.path == path })
        let documents = manifest.lines.filter { $0.hasPrefix("kind: Deployment") }.count
        let commands = Self.commands(manifest)
        #expect(documents > 0 && commands.count == documents)
        for command in commands { #expect(Self.programs.contains(command), "\(command) is no sample") }
    }

    @Test func `every sample is run by a manifest`() {
        let used = Set(Repository.manifests.flatMap(Self.commands))
        #expect(Self.programs.subtracting(used).isEmpty)
    }

    @Test(arguments: Repository.manifests.map(\.path))
    func `every manifest says on top what to watch and what to try`(_ path: String) throws {
        let manifest = try #require(Repository.manifests.first { $0.path == path })
        let comment = manifest.lines.prefix { $0.hasPrefix("#") }
        #expect(comment.contains { $0.hasPrefix("# Watch:") })
        #expect(comment.contains { $0.hasPrefix("# Try:") })
    }

    @Test func `no two manifests want the same port`() {
        var owners: [String: [String]] = [:]
        for manifest in Repository.manifests {
            for line in manifest.lines where line.contains("- {name: ") {
                guard let port = line.firstRange(of: ", port: ") else { continue }
                let number = line[port.upperBound...].prefix { $0.isNumber }
                owners[String(number), default: []].append(manifest.path)
            }
        }
        #expect(owners.count >= 5)
        for (port, manifests) in owners { #expect(manifests.count == 1, "port \(port): \(manifests)") }
    }
}
