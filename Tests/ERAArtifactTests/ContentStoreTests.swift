import ERACore
import ERAContracts
import Foundation
import Testing

@testable import ERAArtifact

@Suite struct ContentStoreTests {
    /// Puts content into the store by fetching a file.
    private func put(_ bytes: [UInt8], _ fixture: Fixture, declared: Digest? = nil) async throws
        -> StoredArtifact
    {
        let path = fixture.directory + "/source"
        try write(bytes, to: path)
        return try await fixture.fetching { try await $0.fetch(ArtifactSpec("file://" + path, declared)) }
    }

    @discardableResult
    private func collect(_ fixture: Fixture) throws -> ByteCount { try fixture.store.collect() }

    @Test func `the store is an OCI image layout`() async throws {
        try await Fixture.run { fixture in
            let stored = try await put([1, 2, 3], fixture)
            let root = fixture.directory + "/artifacts"
            #expect(
                tree(root) == [
                    "blobs", "blobs/sha256", "blobs/sha256/\(stored.digest.hex)", "blobs/sha512",
                    "index.json",
                    "ingest", "oci-layout",
                ]
            )
            let layout = try JSONSerialization.jsonObject(with: Data(try read(root + "/oci-layout")))
            #expect((layout as? [String: String]) == ["imageLayoutVersion": "1.0.0"])
            let index =
                try JSONSerialization.jsonObject(with: Data(try read(root + "/index.json"))) as? [String: Any]
            #expect(index?["schemaVersion"] as? Int == 2)
            #expect((index?["manifests"] as? [Any])?.isEmpty == true)
            #expect(try mode(root + "/blobs") == 0o700)
        }
    }

    @Test func `an index that is there is left alone`() async throws {
        try await Fixture.run { fixture in
            let root = fixture.directory + "/artifacts"
            try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
            try write(Array("{}".utf8), to: root + "/index.json")
            _ = try await put([1], fixture)
            #expect(try read(root + "/index.json") == Array("{}".utf8))
        }
    }

    @Test func `pinned and young blobs stay, the others go after an hour`() async throws {
        try await Fixture.run { fixture in
            let pinned = try await put([1], fixture)
            let old = try await put([2], fixture)
            let declared = try sha512([3])
            let pinnedBySHA512 = try await put([3], fixture, declared: declared)
            try fixture.store.pin([pinned.digest, declared])
            fixture.time.advance(by: .seconds(3599))
            #expect(try collect(fixture) == ByteCount(0))
            let young = try await put([4], fixture)
            fixture.time.advance(by: .seconds(2))
            #expect(try collect(fixture) > ByteCount(0))
            let left = tree(fixture.directory + "/artifacts/blobs/sha256")
            #expect(left == [pinned.digest.hex, pinnedBySHA512.digest.hex, young.digest.hex].sorted())
            #expect(!left.contains(old.digest.hex))
        }
    }

    @Test func `before the first pin nothing is collected`() async throws {
        try await Fixture.run { fixture in
            _ = try await put([1], fixture)
            fixture.time.advance(by: .seconds(100 * 3600))
            #expect(try collect(fixture) == ByteCount(0))
            try fixture.store.pin([])
            #expect(try collect(fixture) > ByteCount(0))
        }
    }

    @Test func `a lookup keeps a blob for another hour`() async throws {
        try await Fixture.run { fixture in
            let stored = try await put([1], fixture)
            try fixture.store.pin([])
            fixture.time.advance(by: .seconds(3590))
            #expect(try fixture.store.lookup(stored.digest) != nil)
            fixture.time.advance(by: .seconds(3590))
            try collect(fixture)
            #expect(try fixture.store.lookup(stored.digest) != nil)
        }
    }

    @Test(arguments: [10, -10])
    func `setting the clock by years loses nothing that is in use, and nothing for ever`(years: Int)
        async throws
    {
        try await Fixture.run { fixture in
            let stored = try await put([1], fixture)
            try fixture.store.pin([])
            fixture.time.setWallClock(by: .seconds(years * 365 * 86_400))
            try collect(fixture)
            #expect(try fixture.store.lookup(stored.digest) != nil)
            fixture.time.advance(by: .seconds(3601))
            try collect(fixture)
            fixture.time.advance(by: .seconds(3601))
            try collect(fixture)
            #expect(try fixture.store.lookup(stored.digest) == nil)
        }
    }

    @Test(arguments: [[UInt8](), [1, 2], [1, 2, 4], [1, 2, 3, 4]])
    func `a damaged blob is moved away and fetched again`(damage: [UInt8]) async throws {
        try await Fixture.run { fixture in
            let digest = try sha256([1, 2, 3])
            let stored = try await put([1, 2, 3], fixture, declared: digest)
            chmod(stored.path, 0o644)
            try write(damage, to: stored.path)
            #expect(try fixture.store.lookup(digest) == nil)
            #expect(fixture.leftovers.count == 1 && fixture.leftovers[0].hasPrefix("damaged-"))
            let again = try await put([1, 2, 3], fixture, declared: digest)
            #expect(try read(again.path) == [1, 2, 3])
        }
    }

    @Test func `damage from before the start is found by the first look`() async throws {
        try await Fixture.run { fixture in
            let stored = try await put([1, 2, 3], fixture)
            chmod(stored.path, 0o644)
            try write([1, 2, 4], to: stored.path)
            let later = ContentStore(
                directory: fixture.directory + "/artifacts",
                now: { [time = fixture.time] in time.now }
            )
            #expect(try later.lookup(stored.digest) == nil)
            // The control: an intact blob is found by a new store too.
            let other = try await put([5], fixture)
            #expect(try later.lookup(other.digest)?.path == other.path)
        }
    }

    @Test func `a link or a directory in a blob's place is no blob`() async throws {
        try await Fixture.run { fixture in
            let stored = try await put([1, 2, 3], fixture)
            let twin = fixture.directory + "/twin"
            try write([1, 2, 3], to: twin)
            unlink(stored.path)
            symlink(twin, stored.path)
            #expect(try fixture.store.lookup(stored.digest) == nil)
            mkdir(stored.path, 0o700)
            #expect(try fixture.store.lookup(stored.digest) == nil)
        }
    }

    @Test func `a sha512 link that says something else is not followed`() async throws {
        try await Fixture.run { fixture in
            let declared = try sha512([1])
            _ = try await put([1], fixture, declared: declared)
            let other = try await put([2], fixture)
            let link = fixture.directory + "/artifacts/blobs/sha512/" + declared.hex
            for target in ["/etc/passwd", "../sha256/" + other.digest.hex, "../../index.json"] {
                unlink(link)
                symlink(target, link)
                #expect(try fixture.store.lookup(declared) == nil)
            }
        }
    }

    @Test func `what an aborted download left goes after a day`() async throws {
        try await Fixture.run { fixture in
            let bytes = payload(1000)
            try await RawServer.run { _, _, connection in
                connection.send(connection.head("200 OK", ["Content-Length: 1000", "ETag: \"1\""]))
                connection.send(bytes[..<500])
            } _: { server in
                let spec = try ArtifactSpec(server.url + "/f", try sha256(bytes))
                _ = try await fixture.fetching { try await $0.failure(spec) }
            }
            #expect(fixture.leftovers.count == 2)
            fixture.time.advance(by: .seconds(86_400 - 5))
            try collect(fixture)
            #expect(fixture.leftovers.count == 2)
            fixture.time.advance(by: .seconds(10))
            try collect(fixture)
            #expect(fixture.leftovers.isEmpty)
        }
    }

    @Test func `files of others in the store are not touched`() async throws {
        try await Fixture.run { fixture in
            _ = try await put([1], fixture)
            try write([1], to: fixture.directory + "/artifacts/blobs/sha256/README")
            try fixture.store.pin([])
            fixture.time.advance(by: .seconds(1_000_000))
            try collect(fixture)
            #expect(tree(fixture.directory + "/artifacts/blobs/sha256") == ["README"])
        }
    }

    @Test func `lookups, fetches and collections at once lose nothing that is in use`() async throws {
        try await Fixture.run { fixture in
            try fixture.store.pin([])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in UInt8(0)..<16 {
                    let path = fixture.directory + "/source-\(number)"
                    try write([UInt8](repeating: number, count: 10_000), to: path)
                    group.addTask {
                        try await fixture.fetching { fetcher in
                            for _ in 0..<10 {
                                let stored = try await fetcher.fetch(ArtifactSpec("file://" + path, nil))
                                fixture.time.advance(by: .seconds(10))
                                #expect(try fixture.store.lookup(stored.digest) != nil)
                            }
                        }
                    }
                    group.addTask { try fixture.store.collect() }
                }
                try await group.waitForAll()
            }
        }
    }
}
