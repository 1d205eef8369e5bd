import ERAContracts
import ERACore
import ERAEngine
import Synchronization
import Testing

@testable import ERATestKit

/// What people do with the content store.
@Suite struct ArtifactControlTests {
    @Test func `what deployments keep is said, with why`() throws {
        let world = World()
        let key = app().key
        func uses() throws -> [ArtifactUse] {
            try world.ask { await $0.artifactUses() }.filter { $0.key == key }
        }
        // A single one that vanishes would be held back.
        world.put(app(), app(1), app(2))
        world.pass(.seconds(60))
        let first = try uses()
        #expect(first.map(\.role) == [.current])
        world.put(app { $0.minor = 1 })
        world.pass(.seconds(60))
        let second = try uses()
        #expect(Set(second.map(\.role)) == [.current, .previous])
        #expect(second.first { $0.role == .previous }?.digest == first.first?.digest)
        world.remove(app())
        world.pass(.seconds(60))
        #expect(try uses().isEmpty)
    }

    @Test func `a collection of all keeps what deployments keep`() throws {
        let world = World()
        world.put(app())
        world.pass(.seconds(60))
        let pulled = try Digest("sha256:" + String(repeating: "f", count: 64))
        let spec = ArtifactSpec(source: try ArtifactLocation("https://example.org/spare"), digest: pulled)
        let stored = try world.ask { try await $0.pullArtifact(spec, in: .default) { _ in } }
        #expect(stored.digest == pulled)
        #expect(world.host.state.withLock { $0.blobs.count } == 2)
        _ = try world.ask { try await $0.collectArtifacts(all: false) }
        // It is young.
        #expect(world.host.state.withLock { $0.blobs.count } == 2)
        world.pass(.seconds(1))
        _ = try world.ask { try await $0.collectArtifacts(all: true) }
        let kept = Set(try world.ask { await $0.artifactUses() }.map(\.digest))
        #expect(world.host.state.withLock { Set($0.blobs.keys) } == kept)
    }
}
