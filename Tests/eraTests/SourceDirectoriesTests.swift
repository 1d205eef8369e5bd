import ArgumentParser
import ERAContracts
import Glibc
import Testing

@testable import era

@Suite struct `The directories that a daemon reads` {
    private func directories(_ ids: String...) -> SourceDirectories {
        SourceDirectories(
            ids.map { id in
                SourceStatus(
                    id: SourceID(id),
                    revision: nil,
                    readAt: nil,
                    unavailable: nil,
                    files: [],
                    heldPrunes: []
                )
            }
        )
    }

    @Test func `are those of its sources that are directories`() {
        #expect(directories("directory:/etc/a:b", "api", "directory:/srv").paths == ["/etc/a:b", "/srv"])
        #expect(directories("api").paths.isEmpty)
    }

    @Test(arguments: ["/etc", "/etc/", "/etc/../etc", "/usr/../etc"])
    func `are found however they are written`(_ path: String) {
        #expect(directories("directory:/etc").refusal(of: path) == nil)
    }

    @Test(arguments: ["/usr", "/nonexistent", "etc", ""])
    func `are told to who names another one, as wrong usage`(_ path: String) throws {
        let refusal = try #require(directories("directory:/etc").refusal(of: path))
        #expect(refusal.exit == .wrongUsage)
        #expect(refusal.message?.hasPrefix("the daemon that runs here reads /etc, not \(path);") ?? false)
    }

    @Test func `are none where it has no such source`() throws {
        let refusal = try #require(directories("api").refusal(of: "/etc"))
        #expect(refusal.message?.contains("reads no directory") ?? false)
    }

    @Test func `are asked for only where nobody named one`() throws {
        let named = try PlaceOptions.parse(["--manifests", "/srv"])
        #expect(named.givenManifests == "/srv" && named.manifests == "/srv")
        let silent = try PlaceOptions.parse([])
        #expect(silent.givenManifests == nil && silent.manifests == Defaults.current.manifestsDirectory)
    }
}

@Suite struct `A directory that ERA uses` {
    // The mode, the use, and what is advised; 0711 is what ERA itself sets for workloads with users.
    @Test(
        arguments: [
            (0o700, .data, nil), (0o711, .data, nil), (0o755, .data, "chmod go-rw"),
            (0o722, .data, "chmod go-rw"),
            (0o700, .own, nil), (0o711, .own, "chmod 700"),
        ] as [(mode_t, DirectoryCheck.Use, String?)]
    )
    func `is closed to others as far as it may be`(
        _ mode: mode_t,
        _ use: DirectoryCheck.Use,
        _ advice: String?
    ) throws {
        let template = try #require(strdup("/tmp/era-directory-XXXXXX"))
        defer { free(template) }
        let made = try #require(mkdtemp(template))
        let path = String(cString: made)
        defer { rmdir(path) }
        try #require(chmod(path, mode) == 0)
        let findings = DirectoryCheck("data", path, use, userID: geteuid()).findings
        #expect(findings.map(\.verdict) == [advice == nil ? .good : .warning])
        #expect(findings[0].message.contains(advice ?? path), "\(findings[0].message)")
    }
}
