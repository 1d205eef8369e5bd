import ERACore
import ERAContracts
import ERAOCI
import Foundation
import Testing

@testable import ERAArtifact

/// Images and artifacts whose signatures lie in the registry beside them.
@Suite struct ImageSignatureTests {
    private let signer = Signer("images")
    private let other = Signer("other")

    private var policy: TrustPolicy { TrustPolicy(keys: [signer.trusted]) }

    /// Runs `body` against a registry with this content; `referrers` is what its API answers.
    private func serving(
        _ content: RegistryContent,
        referrers: String? = nil,
        _ body: (Fixture, RawServer, FetchOptions) async throws -> Void
    ) async throws {
        try await Fixture.run { fixture in
            try await RawServer.run { _, request, connection in
                let parts = path(request).split(separator: "/")
                guard parts.count == 5, parts[3] == "referrers" else {
                    return content.answer(request, connection)
                }
                guard let referrers, let (type, bytes) = content.manifests[referrers] else {
                    return connection.answer("404 Not Found")
                }
                connection.answer("200 OK", ["Content-Type: \(type)"], bytes)
            } _: { server in
                try await body(fixture, server, fixture.options(insecure: server))
            }
        }
    }

    private func image(_ server: RawServer, _ tag: String = "1") throws -> ArtifactSpec {
        try ArtifactSpec("oci://\(server.host)/team/app:\(tag)", nil)
    }

    @Test func `a signature under the tag of the digest is found, with its version`() async throws {
        var content = RegistryContent()
        let digest = try content.image([payload(1000)], tag: "1")
        // One of several suffices: keys are rotated.
        try content.sign(digest, [other, signer], version: "v1.4.0")
        try await serving(content) { fixture, server, options in
            let spec = try image(server)
            let stored = try await fixture.fetch(spec, policy, options)
            #expect(stored.digest == digest)
            let signature = try #require(stored.signature)
            #expect(signature.signedBy.first?.hasPrefix("images (cosign key sha256:") == true)
            #expect(signature.version?.description == "1.4.0")
            // The same revision again asks nobody: what showed it is in the store.
            let count = server.requests.count
            #expect(try await fixture.fetch(spec, policy, known: stored, options) == stored)
            #expect(server.requests.count == count)
            // Against other keys it is looked for anew, and refused.
            let stranger = TrustPolicy(keys: [Signer("new").trusted])
            #expect(
                try await fixture.failure(spec, stranger, known: stored, options)?.code == .signatureInvalid
            )
        }
    }

    @Test func `an image without a signature is refused before its layers are fetched`() async throws {
        var content = RegistryContent()
        let layer = payload(1000)
        try content.image([layer], tag: "1")
        try await serving(content) { fixture, server, options in
            let failure = try await fixture.failure(try image(server), policy, options)
            #expect(failure?.code == .signatureMissing && failure?.persistence == .permanent)
            #expect(failure?.message.contains(".sig") == true)
            let digest = try sha256(layer)
            #expect(!server.requests.contains { path($0).contains(digest.hex) })
        }
    }

    @Test func `a signature by another key, over another image or of another kind is refused`() async throws {
        let rows: [(String, (inout RegistryContent, ERACore.Digest) throws -> Void)] = [
            ("another key", { try $0.sign($1, [other]) }),
            (
                "another image",
                { try $0.sign($1, [signer], payload: signer.payload(for: try sha256([1]))) }
            ),
            (
                "not a signature of an image",
                {
                    let text = String(decoding: signer.payload(for: $1), as: UTF8.self)
                    let bytes = Array(text.replacing("cosign container", with: "some other").utf8)
                    try $0.sign($1, [signer], payload: bytes)
                }
            ),
            ("no JSON", { try $0.sign($1, [signer], payload: Array("signed".utf8)) }),
            (
                "a key twice",
                {
                    let text = String(decoding: signer.payload(for: $1), as: UTF8.self)
                    let bytes = Array(
                        text.replacing(#"{"critical""#, with: #"{"critical":{},"critical""#).utf8
                    )
                    try $0.sign($1, [signer], payload: bytes)
                }
            ),
            (
                "too large",
                {
                    let more = [UInt8](repeating: 32, count: 64 << 10)
                    try $0.sign($1, [signer], payload: signer.payload(for: $1) + more)
                }
            ),
        ]
        for (name, sign) in rows {
            var content = RegistryContent()
            let digest = try content.image([payload(1000)], tag: "1")
            try sign(&content, digest)
            try await serving(content) { fixture, server, options in
                let failure = try await fixture.failure(try image(server), policy, options)
                #expect(failure?.code == .signatureInvalid, "\(name): \(failure?.message ?? "")")
                #expect(failure?.persistence == .permanent)
            }
        }
    }

    @Test(arguments: [true, false])
    func `a bundle refers to the image, by the API or by the tag that stands in for it`(_ hasAPI: Bool)
        async throws
    {
        var content = RegistryContent()
        let digest = try content.image([payload(1000)], tag: "1")
        let index = hasAPI ? "answer" : "sha256-\(digest.hex)"
        try content.refer(to: digest, signer, in: index)
        try await serving(content, referrers: hasAPI ? index : nil) { fixture, server, options in
            let signature = try await fixture.fetch(try image(server), policy, options).signature
            #expect(signature?.signedBy.count == 1)
            let stranger = TrustPolicy(keys: [other.trusted])
            #expect(
                try await fixture.failure(try image(server), stranger, options)?.code == .signatureInvalid
            )
        }
    }

    @Test func `the index or the manifest that it led to may be signed`() async throws {
        for signsIndex in [true, false] {
            var content = RegistryContent()
            let own = try content.image([payload(1000)])
            let size = content.manifests["\(own)"]?.bytes.count ?? 0
            let entry =
                #"{"mediaType":"\#(MediaType.imageManifest)","size":\#(size),"digest":"\#(own)","#
                + #""platform":{"os":"linux","architecture":"\#(Platform.host.architecture)"}}"#
            let index = try content.manifest(
                #"{"schemaVersion":2,"manifests":[\#(entry)]}"#,
                .imageIndex,
                tag: "1"
            )
            try content.sign(signsIndex ? index : own, [signer])
            try await serving(content) { fixture, server, options in
                let stored = try await fixture.fetch(try image(server), policy, options)
                #expect(stored.digest == own && stored.signature?.signedBy.count == 1)
                let count = server.requests.count
                #expect(try await fixture.fetch(try image(server), policy, known: stored, options) == stored)
                #expect(server.requests.count == count)
            }
        }
    }

    @Test func `an artifact of one file is signed in the registry, or in a place of its own`() async throws {
        var content = RegistryContent()
        let file = payload(5000)
        let empty = try content.blob(Array("{}".utf8), MediaType.emptyJSON.rawValue)
        let layer = try content.blob(file, "application/wasm", title: "hello.wasm")
        let digest = try content.manifest(
            #"{"schemaVersion":2,"config":\#(empty),"layers":[\#(layer)]}"#,
            .imageManifest,
            tag: "1"
        )
        try content.sign(digest, [signer])
        try await serving(content) { fixture, server, options in
            var spec = try image(server)
            let stored = try await fixture.fetch(spec, policy, options)
            #expect(stored.content == .file && stored.signature?.signedBy.count == 1)
            let count = server.requests.count
            #expect(try await fixture.fetch(spec, policy, known: stored, options) == stored)
            #expect(server.requests.count == count)
            // What was verified once is no pass for other keys.
            let stranger = TrustPolicy(keys: [other.trusted])
            #expect(
                try await fixture.failure(spec, stranger, known: stored, options)?.code == .signatureInvalid
            )

            let path = fixture.directory + "/hello.sig"
            try write(Array(try other.signature(of: file).utf8), to: path)
            spec.signature = other.spec
            #expect(try await fixture.failure(spec, .none, options)?.code == .signatureInvalid)
            spec.signature?.source = try ArtifactLocation("file://" + path)
            #expect(try await fixture.fetch(spec, .none, options).signature?.signedBy.count == 1)
        }
    }

    @Test func `a signature that has its name in the store is found without a registry`() async throws {
        var content = RegistryContent()
        let digest = try content.image([payload(1000)], tag: "1")
        try content.sign(digest, [signer])
        let tag = "sha256-\(digest.hex).sig"
        let signed = try #require(content.manifests[tag])
        let image = try #require(content.manifests["1"])
        try await serving(content) { fixture, server, options in
            let spec = try self.image(server)
            // What an import brings: the blobs, and their names.
            _ = try await fixture.fetch(spec, policy, options)
            func name(_ tag: String, _ manifest: (type: String, bytes: [UInt8])) throws {
                let descriptor = ContentDescriptor(
                    mediaType: .imageManifest,
                    digest: try sha256(manifest.bytes),
                    size: ByteCount(Int64(manifest.bytes.count))
                )
                try fixture.store.changeNames {
                    try $0.add(descriptor, name: "\(server.host)/team/app:\(tag)")
                }
            }
            try name("1", image)
            var count = server.requests.count
            _ = try await fixture.fetch(spec, policy, options)
            #expect(server.requests.count > count, "the control: the signature is asked for")
            try name(tag, signed)
            count = server.requests.count
            #expect(try await fixture.fetch(spec, policy, options).signature?.signedBy.count == 1)
            #expect(server.requests.count == count)
            let stranger = TrustPolicy(keys: [other.trusted])
            #expect(try await fixture.failure(spec, stranger, options)?.code == .signatureInvalid)
        }
    }

    @Test func `keys of other tools do not fit an image`() async throws {
        var content = RegistryContent()
        try content.image([payload(1000)], tag: "1")
        try await serving(content) { fixture, server, options in
            var spec = try image(server)
            let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
            spec.signature = SignatureSpec(type: .minisign, keys: [.text(key)])
            let failure = try await fixture.failure(spec, .none, options)
            #expect(failure?.code == .signatureInvalid)
            #expect(failure?.message.contains("cosign") == true)
        }
    }

    @Test func `at most 32 signatures are looked at`() async throws {
        for count in [31, 32] {
            var content = RegistryContent()
            let digest = try content.image([payload(1000)], tag: "1")
            try content.sign(digest, Array(repeating: other, count: count) + [signer])
            try await serving(content) { fixture, server, options in
                let failure = try await fixture.failure(try image(server), policy, options)
                #expect((failure == nil) == (count == 31), "\(failure?.message ?? "")")
            }
        }
    }
}
