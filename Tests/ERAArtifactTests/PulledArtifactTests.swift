import ERACore
import ERAContracts
import ERAOCI
import Testing

@testable import ERAArtifact

/// What a person has the daemon fetch is there as a whole, so that it can have a name and be exported.
@Suite struct PulledArtifactTests {
    @Test func `an artifact of one file comes with its configuration`() async throws {
        try await Fixture.run { fixture in
            var content = RegistryContent()
            let config = try content.blob(Array("{}".utf8), MediaType.emptyJSON.rawValue)
            let file = try content.blob(payload(5000), "application/wasm", title: "hello.wasm")
            let digest = try content.manifest(
                #"{"schemaVersion":2,"config":\#(config),"layers":[\#(file)]}"#,
                .imageManifest,
                tag: "1"
            )
            let registry = content
            try await RawServer.run { _, request, connection in
                registry.answer(request, connection)
            } _: { server in
                let spec = try ArtifactSpec("oci://\(server.host)/team/app:1", nil)
                try await fixture.fetching(fixture.options(insecure: server)) { fetcher in
                    // A deployment needs the file alone.
                    let stored = try await fetcher.fetch(spec)
                    #expect(try fixture.store.lookup(sha256(Array("{}".utf8))) == nil)
                    let pulled = try await fetcher.pull(spec, in: .default) { _ in }
                    #expect(pulled == stored && pulled.content == .file)
                }
                let name = try ImageReference("oci://\(server.host)/team/app:1")
                #expect(try await fixture.store.add(digest, name: name).kind == .file)
            }
        }
    }
}
