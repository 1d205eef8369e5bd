import ERACore
import ERAContracts
import ERAOCI
import Foundation
import Glibc
import Testing

@testable import ERAArtifact

/// What names do in the store: keep, list, remove, collect, export.
@Suite struct NamedStoreTests {
    static let name = "registry.example.org/team/app:1.0"

    private func put(_ fixture: Fixture, _ bytes: [UInt8]) async throws -> ERACore.Digest {
        try await fixture.store.put(bytes).digest
    }

    @Test func `what has a name stays with all that it needs, and goes when the name is gone`() async throws {
        try await Fixture.run { fixture in
            var layout = LayoutBuilder()
            let image = try layout.image([1, 2, 3], name: Self.name)
            try await fixture.bringIn(layout)
            let stray = try await put(fixture, [9])
            try fixture.store.pin([])
            fixture.time.advance(by: .seconds(3601))
            try fixture.store.collect()
            #expect(try !fixture.has(stray))
            #expect(try fixture.has(image) && fixture.has(sha256([1, 2, 3])))
            #expect(try fixture.store.remove(Self.name) == [Self.name])
            #expect(try fixture.names.isEmpty)
            fixture.time.advance(by: .seconds(3601))
            try fixture.store.collect()
            #expect(try !fixture.has(image) && !fixture.has(sha256([1, 2, 3])))
        }
    }

    @Test(arguments: ["", "{", "{}", #"{"schemaVersion":2,"manifests":[{}]}"#])
    func `while the names cannot be read nothing is collected, and somebody is told`(text: String)
        async throws
    {
        try await Fixture.run { fixture in
            let stray = try await put(fixture, [9])
            try write(Array(text.utf8), to: fixture.directory + "/artifacts/index.json")
            try fixture.store.pin([])
            fixture.time.advance(by: .seconds(3601))
            let error = #expect(throws: Failure.self) { try fixture.store.collect(all: true) }
            #expect(error?.message.contains("index.json") == true)
            #expect(try fixture.has(stray))
        }
    }

    @Test func `above its limit of space the least recently used goes before its time`() async throws {
        try await Fixture.run { fixture in
            let store = ContentStore(
                directory: fixture.directory + "/artifacts",
                now: { [time = fixture.time] in time.now },
                spaceLimit: ByteCount(20_000)
            )
            let pinned = try await store.put(payload(8000, seed: 1)).digest
            try store.pin([pinned])
            var digests: [ERACore.Digest] = []
            for seed in UInt64(2)..<5 {
                fixture.time.advance(by: .seconds(61))
                digests.append(try await store.put(payload(8000, seed: seed)).digest)
            }
            fixture.time.advance(by: .seconds(61))
            // Used again: now it is the youngest.
            _ = try store.lookup(digests[0])
            fixture.time.advance(by: .seconds(61))
            try store.collect()
            let left = Set(tree(fixture.directory + "/artifacts/blobs/sha256"))
            #expect(left == [pinned.hex, digests[0].hex])
        }
    }

    @Test func `the plan takes the oldest first, and nothing young while something arrives`() throws {
        func candidate(_ byte: UInt8, _ age: Int) throws -> CollectionPlan.Candidate {
            .init(digest: try sha256([byte]), size: 10, age: .seconds(age))
        }
        let candidates = [
            try candidate(1, 30), try candidate(2, 100), try candidate(3, 200), try candidate(4, 4000),
        ]
        func ages(_ plan: CollectionPlan) -> [Duration] { plan.choose(candidates).map(\.age) }
        // By age alone.
        #expect(ages(.init(total: 40, all: false, isBusy: false)) == [.seconds(4000)])
        // All, but what was just used.
        #expect(
            ages(.init(total: 40, all: true, isBusy: false))
                == [.seconds(4000), .seconds(200), .seconds(100)]
        )
        // As much as is too much: 40 - 10 is still above 20, and then it is not.
        #expect(
            ages(.init(total: 40, spaceLimit: ByteCount(20), all: false, isBusy: false))
                == [.seconds(4000), .seconds(200)]
        )
        // What arrives may be among the young.
        #expect(ages(.init(total: 40, spaceLimit: ByteCount(0), all: true, isBusy: true)) == [.seconds(4000)])
    }

    @Test func `a collection of all leaves what was used within a minute`() async throws {
        try await Fixture.run { fixture in
            try fixture.store.pin([])
            let old = try await put(fixture, [1])
            fixture.time.advance(by: .seconds(61))
            let young = try await put(fixture, [2])
            try fixture.store.collect(all: true)
            #expect(try !fixture.has(old) && fixture.has(young))
        }
    }

    @Test func `nothing is collected while an import goes on`() async throws {
        try await Fixture.run { fixture in
            try fixture.store.pin([])
            let stray = try await put(fixture, [1])
            fixture.time.advance(by: .seconds(3601))
            try await fixture.store.keepingAll {
                let error = #expect(throws: Failure.self) { try fixture.store.collect() }
                #expect(error?.message.contains("import or an export") == true)
            }
            try fixture.store.collect()
            #expect(try !fixture.has(stray))
        }
    }

    @Test func `two at the same content do not write into one file`() async throws {
        try await Fixture.run { fixture in
            let other = ContentStore(
                directory: fixture.directory + "/artifacts",
                now: { [time = fixture.time] in time.now }
            )
            let bytes = payload(1000)
            let digest = try sha256(bytes)
            try await fixture.store.ingest("same", declared: nil, resume: false) { first in
                try bytes[..<500].withUnsafeBytes { try first.write($0) }
                try await other.ingest("same", declared: nil, resume: false) { second in
                    #expect(second.count == 0)
                    #expect(fixture.leftovers.count == 2)
                    try bytes.withUnsafeBytes { try second.write($0) }
                    _ = try second.commit(expecting: digest)
                }
                try bytes[500...].withUnsafeBytes { try first.write($0) }
                _ = try first.commit(expecting: digest)
            }
            #expect(try fixture.has(digest))
            #expect(fixture.leftovers.isEmpty)
        }
    }

    @Test func `names that many give at once are all there`() async throws {
        try await Fixture.run { fixture in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in UInt8(0)..<20 {
                    // Each is a process of its own, as far as the store knows.
                    let store = ContentStore(
                        directory: fixture.directory + "/artifacts",
                        now: { [time = fixture.time] in time.now }
                    )
                    group.addTask {
                        let blob = try await store.put([number])
                        _ = try await store.add(
                            file: blob.digest,
                            title: "file",
                            name: ImageReference("localhost/file:\(number)")
                        )
                    }
                }
                try await group.waitForAll()
            }
            #expect(try fixture.names.count == 20)
        }
    }

    @Test func `what others wrote into the index stays`() async throws {
        try await Fixture.run { fixture in
            let hex = String(repeating: "a", count: 64)
            let entry =
                #"{"annotations":{"x":"y"},"digest":"sha256:\#(hex)","mediaType":"\#(MediaType.imageManifest)","#
                + #""size":7,"urls":["https://example.org"]}"#
            _ = try await put(fixture, [1])
            try write(
                Array(#"{"annotations":{"of":"all"},"schemaVersion":2,"manifests":[\#(entry)]}"#.utf8),
                to: fixture.directory + "/artifacts/index.json"
            )
            let name = try ImageReference("localhost/one")
            _ = try await fixture.store.add(file: sha256([1]), title: "one", name: name)
            let text = String(decoding: try read(fixture.directory + "/artifacts/index.json"), as: UTF8.self)
            #expect(text.contains(entry))
            #expect(text.contains(#""annotations":{"of":"all"}"#))
            #expect(text.contains("localhost/one:latest"))
        }
    }

    @Test func `the list counts what is shared once, and shows what deployments keep`() async throws {
        try await Fixture.run { fixture in
            var content = RegistryContent()
            let shared = payload(10_000)
            let one = try content.image([shared, [1]])
            let two = try content.image([shared, [2]])
            var layout = LayoutBuilder()
            try layout.add(content, one, name: "localhost/one:1")
            try layout.add(content, two, name: "localhost/two:1")
            try await fixture.bringIn(layout)
            let alone = try await put(fixture, payload(500))
            let inventory = try fixture.store.inventory(used: [alone, one])
            #expect(inventory.items.map(\.names) == [["localhost/one:1"], ["localhost/two:1"], []])
            #expect(inventory.items.map(\.kind) == [.image, .image, .file])
            #expect(inventory.items[0].identities.contains(one))
            #expect(inventory.items[2].digest == alone)
            let sum = inventory.items.reduce(0) { $0 + $1.size.bytes }
            // Counted twice in the items are the layer and the configuration, which are the same.
            #expect(sum - inventory.size.bytes > 10_000)
            #expect(inventory.size.bytes > 10_500)
        }
    }

    @Test func `a thing is found by its name, its digest, and the beginning of that`() async throws {
        try await Fixture.run { fixture in
            var layout = LayoutBuilder()
            let image = try layout.image([1, 2, 3], name: Self.name)
            try await fixture.bringIn(layout)
            let store = fixture.store
            for text in [
                Self.name, "oci://" + Self.name, "\(image)", image.hex, String(image.hex.prefix(12)),
            ] {
                #expect(try store.find(text).manifest == image, "\(text)")
            }
            for text in [String(image.hex.prefix(11)), "registry.example.org/team/app", "", "sha256:"] {
                #expect(throws: Failure.self, "\(text)") { try store.find(text) }
            }
        }
    }

    @Test(arguments: [false, true])
    func `what is exported is taken in by another store, and is the same each time`(isTar: Bool)
        async throws
    {
        try await Fixture.run { fixture in
            var layout = LayoutBuilder()
            let image = try layout.image(payload(300_000), name: Self.name)
            try await fixture.bringIn(layout)
            let suffix = isTar ? ".tar" : ""
            let paths = ["/first" + suffix, "/second" + suffix].map { fixture.directory + $0 }
            for path in paths {
                let exported = try await ArtifactExport(fixture.store).run(Self.name, to: path)
                #expect(exported.digest == image && exported.notes.isEmpty)
                fixture.time.advance(by: .seconds(100))
            }
            if isTar {
                #expect(try read(paths[0]) == read(paths[1]))
            } else {
                #expect(tree(paths[0]) == tree(paths[1]))
                #expect(try read(paths[0] + "/index.json") == read(paths[1] + "/index.json"))
            }
            let other = Fixture(fixture.directory + "/other")
            mkdir(fixture.directory + "/other", 0o700)
            try await other.bringIn(paths[0])
            #expect(try other.names == [Self.name: image])
            // Nothing half-made lies beside.
            #expect(!tree(fixture.directory).contains { $0.contains(".partial") })
        }
    }

    @Test func `what is in the way of an export stays`() async throws {
        try await Fixture.run { fixture in
            var layout = LayoutBuilder()
            try layout.image([1], name: Self.name)
            try await fixture.bringIn(layout)
            let path = fixture.directory + "/there.tar"
            try write([7], to: path)
            let refusal = try await fixture.refusal {
                _ = try await ArtifactExport(fixture.store).run(Self.name, to: path)
            }
            #expect(refusal?.contains("is there already") == true)
            #expect(try read(path) == [7])
            // An empty directory is nobody's.
            mkdir(fixture.directory + "/empty", 0o700)
            _ = try await ArtifactExport(fixture.store).run(Self.name, to: fixture.directory + "/empty/")
            #expect(tree(fixture.directory + "/empty").contains("index.json"))
        }
    }

    @Test func `a damaged blob is not exported, and is fetched again`() async throws {
        try await Fixture.run { fixture in
            var layout = LayoutBuilder()
            try layout.image([1, 2, 3], name: Self.name)
            try await fixture.bringIn(layout)
            let path = fixture.directory + "/artifacts/" + LayoutBuilder.path(try sha256([1, 2, 3]))
            chmod(path, 0o644)
            try write([3, 2, 1], to: path)
            let out = fixture.directory + "/out.tar"
            let refusal = try await fixture.refusal {
                _ = try await ArtifactExport(fixture.store).run(Self.name, to: out)
            }
            #expect(refusal?.contains("lacks \(try sha256([1, 2, 3]))") == true, "\(refusal ?? "")")
            #expect(access(out, F_OK) != 0)
            try await fixture.bringIn(layout)
            _ = try await ArtifactExport(fixture.store).run(Self.name, to: out)
        }
    }
}
