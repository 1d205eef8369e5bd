import ERACore
import ERAContracts
import Foundation
import Testing

@testable import ERAArtifact

@Suite struct FileFetchTests {
    private func failure(_ fixture: Fixture, _ path: String, _ digest: Digest? = nil) async throws -> Failure?
    {
        try await fixture.fetching { try await $0.failure(ArtifactSpec("file://" + path, digest)) }
    }

    @Test func `a file is copied, and the copy is what counts afterwards`() async throws {
        try await Fixture.run { fixture in
            let path = fixture.directory + "/my app"
            let bytes = payload(600_000)
            try write(bytes, to: path)
            let digest = try sha256(bytes)
            let spec = try ArtifactSpec("file://" + fixture.directory + "/my%20app", digest)
            let stored = try await fixture.fetching { try await $0.fetch(spec) }
            #expect(stored.name == "my app")
            // Swapped between verification and use.
            try write([6, 6, 6], to: path)
            #expect(try read(stored.path) == bytes)
            try FileManager.default.removeItem(atPath: path)
            #expect(try await fixture.fetching { try await $0.fetch(spec) } == stored)
        }
    }

    @Test func `a file without a digest is stored as what it is now`() async throws {
        try await Fixture.run { fixture in
            let path = fixture.directory + "/app"
            let spec = try ArtifactSpec("file://" + path, nil)
            for bytes in [[UInt8](), [1], [2]] {
                try write(bytes, to: path)
                let stored = try await fixture.fetching { try await $0.fetch(spec) }
                let digest = try sha256(bytes)
                #expect(stored.digest == digest)
                #expect(try read(stored.path) == bytes)
            }
        }
    }

    @Test func `a file that is not what was declared is refused`() async throws {
        try await Fixture.run { fixture in
            let path = fixture.directory + "/app"
            try write([1, 2, 3, 4], to: path)
            for digest in [try sha256([1, 2, 3]), try sha512([1, 2, 3])] {
                let failure = try await failure(fixture, path, digest)
                #expect(failure?.code == .digestMismatch && failure?.persistence == .permanent)
            }
            #expect(fixture.leftovers.isEmpty)
            #expect(tree(fixture.directory + "/artifacts/blobs/sha256").isEmpty)
        }
    }

    @Test func `only regular files are taken, and links are not followed`() async throws {
        try await Fixture.run { fixture in
            let directory = fixture.directory
            try write([1], to: directory + "/app")
            symlink(directory + "/app", directory + "/link")
            mkfifo(directory + "/fifo", 0o600)
            mkdir(directory + "/folder", 0o700)
            for name in ["link", "fifo", "folder"] {
                let failure = try await failure(fixture, directory + "/" + name)
                #expect(failure?.code == .fetchRefused && failure?.persistence == .permanent, "\(name)")
            }
            #expect(try await failure(fixture, "/dev/zero")?.code == .fetchRefused)
            #expect(try await failure(fixture, directory + "/none")?.persistence == .permanent)
            #expect(try await failure(fixture, directory + "/a%00b")?.code == .fetchRefused)
            #expect(try await failure(fixture, directory + "/a%zz")?.code == .fetchRefused)
        }
    }

    @Test func `a file above the limit is refused`() async throws {
        try await Fixture.run { fixture in
            let path = fixture.directory + "/app"
            try write(payload(1001), to: path)
            var options = fixture.options
            options.sizeLimit = ByteCount(1000)
            let failure = try await fixture.fetching(options) {
                try await $0.failure(ArtifactSpec("file://" + path, nil))
            }
            #expect(failure?.code == .artifactTooLarge)
        }
    }

    @Test(
        arguments: [
            ("file:///a/b.tar.gz", "b.tar.gz"), ("https://h/a/b%20c", "b c"), ("https://h/a/b?c=/d#e", "b"),
            ("https://h/", "artifact"), ("https://h", "artifact"), ("https://h/%2e%2e", "artifact"),
            ("https://h/a%2Fb", "artifact"), ("https://h/%00", "artifact"), ("https://h/%", "artifact"),
        ])
    func `the name is the last component of the path`(url: String, name: String) throws {
        #expect(artifactName(try ArtifactLocation(url)) == name)
    }
}
