import ERACore
import ERAContracts
import ERAOCI
import Foundation
import Glibc
import Testing

@testable import ERAArtifact

/// What comes in from this machine.
@Suite struct LayoutImportTests {
    static let name = "registry.example.org/team/app:1.0"

    @Test(arguments: [false, true])
    func `a layout brings its images and their names`(isTar: Bool) async throws {
        try await Fixture.run { fixture in
            var layout = LayoutBuilder()
            let digest = try layout.image([1, 2, 3], name: Self.name)
            let imported = try await fixture.bringIn(layout, isTar: isTar)
            #expect(imported.map(\.name) == [Self.name])
            #expect(imported.map(\.kind) == [.image])
            #expect(imported.map(\.digest) == [digest])
            #expect(try fixture.names == [Self.name: digest])
            #expect(try fixture.has(sha256([1, 2, 3])))
            // Nothing is left of the way in.
            #expect(fixture.leftovers.isEmpty)
        }
    }

    @Test(arguments: Compression.allCases)
    func `a compressed archive is a layout as well`(compression: Compression) async throws {
        try await Fixture.run { fixture in
            var layout = LayoutBuilder()
            let digest = try layout.image([1, 2, 3], name: Self.name)
            let path = fixture.directory + "/archive"
            try compression.apply(to: [layout.tar], path)
            try await fixture.bringIn(path)
            #expect(try fixture.names == [Self.name: digest])
        }
    }

    @Test func `the name that is said wins over the one that it brings`() async throws {
        try await Fixture.run { fixture in
            var layout = LayoutBuilder()
            let digest = try layout.image([1], name: Self.name)
            try await fixture.bringIn(layout, as: "localhost/mine")
            #expect(try fixture.names == ["localhost/mine:latest": digest])
        }
    }

    /// What counts as a whole name.
    @Test(arguments: [
        ("1.0", nil), ("app:1.0", nil), ("docker.io/library/app", nil),
        ("docker.io/library/app:1.0", "docker.io/library/app:1.0"), ("UPPER/Case:1", nil),
    ])
    func `half a name is no name, and said`(text: String, name: String?) async throws {
        try await Fixture.run { fixture in
            var layout = LayoutBuilder()
            let digest = try layout.image([1], name: text)
            let imported = try await fixture.bringIn(layout)
            #expect(imported.map(\.name) == [name])
            #expect(imported[0].notes.isEmpty == (name != nil))
            #expect(try fixture.names == [name: digest])
        }
    }

    @Test func `a name that moves leaves what it named before`() async throws {
        try await Fixture.run { fixture in
            var first = LayoutBuilder()
            try first.image([1], name: Self.name)
            var second = LayoutBuilder()
            let digest = try second.image([2], name: Self.name)
            try await fixture.bringIn(first)
            try await fixture.bringIn(second)
            #expect(try fixture.names == [Self.name: digest])
            #expect(try fixture.store.names().entries.count == 1)
        }
    }

    @Test(arguments: [false, true])
    func `what lacks a layer gets no name, and the layer is named`(isTar: Bool) async throws {
        try await Fixture.run { fixture in
            var layout = LayoutBuilder()
            try layout.image([1, 2, 3], name: Self.name)
            layout.files[LayoutBuilder.path(try sha256([1, 2, 3]))] = nil
            let refusal = try await fixture.refusal { try await fixture.bringIn(layout, isTar: isTar) }
            #expect(refusal?.contains("lacks \(try sha256([1, 2, 3]))") == true, "\(refusal ?? "")")
            #expect(try fixture.names.isEmpty)
        }
    }

    @Test func `of two images, a missing layer of one keeps both out`() async throws {
        try await Fixture.run { fixture in
            var layout = LayoutBuilder()
            try layout.image([1], name: Self.name)
            try layout.image([2], name: "localhost/other:1")
            layout.files[LayoutBuilder.path(try sha256([2]))] = nil
            #expect(try await fixture.refusal { try await fixture.bringIn(layout) } != nil)
            #expect(try fixture.names.isEmpty)
        }
    }

    @Test(arguments: [false, true])
    func `a layer that another import brought needs not come again`(isTar: Bool) async throws {
        try await Fixture.run { fixture in
            var whole = LayoutBuilder()
            try whole.image([1, 2, 3], name: Self.name)
            try await fixture.bringIn(whole)
            whole.files[LayoutBuilder.path(try sha256([1, 2, 3]))] = nil
            try await fixture.bringIn(whole, as: "localhost/twin:1", isTar: isTar)
            #expect(try fixture.names.count == 2)
        }
    }

    @Test(arguments: [false, true])
    func `an index needs only what is for this machine, keeps its digest, and says what it lacks`(isTar: Bool)
        async throws
    {
        try await Fixture.run { fixture in
            var content = RegistryContent()
            let own = try content.image([[1]])
            let size = content.manifests["\(own)"]?.bytes.count ?? 0
            let host = Platform.host
            let other = try sha256([9])
            let type = MediaType.imageManifest.rawValue
            let index = try content.manifest(
                #"{"schemaVersion":2,"manifests":[{"mediaType":"\#(type)","digest":"\#(own)","size":\#(size),"#
                    + #""platform":{"os":"linux","architecture":"\#(host.architecture)"}},"#
                    + #"{"mediaType":"\#(type)","digest":"\#(other)","size":1,"#
                    + #""platform":{"os":"linux","architecture":"s390x"}}]}"#,
                .imageIndex
            )
            var layout = LayoutBuilder()
            try layout.add(content, index, name: Self.name)
            let imported = try await fixture.bringIn(layout, isTar: isTar)
            #expect(imported[0].notes == ["without linux/s390x"])
            #expect(try fixture.names == [Self.name: index])
        }
    }

    @Test func `any other file becomes an artifact of its own, found by its own digest`() async throws {
        try await Fixture.run { fixture in
            let path = fixture.directory + "/app.wasm"
            try write(payload(1000), to: path)
            let imported = try await fixture.bringIn(path, as: Self.name)
            let digest = try sha256(payload(1000))
            #expect(imported.map(\.digest) == [digest] && imported.map(\.kind) == [.file])
            // It is what `artifact.digest` finds, whatever the source is …
            let spec = try ArtifactSpec("https://127.0.0.1:1/gone", digest)
            #expect(try await fixture.fetching { try await $0.fetch(spec) }.digest == digest)
            // … and what its name finds, with the name of the file.
            let named = try ArtifactSpec("oci://" + Self.name, nil)
            let stored = try await fixture.fetching { try await $0.fetch(named) }
            #expect(stored.digest == digest && stored.name == "app.wasm" && stored.content == .file)
        }
    }

    @Test func `an archive of a program is a file, not a layout`() async throws {
        try await Fixture.run { fixture in
            let bytes = TarBuilder.tar { tar in
                tar.add("./", type: "5", mode: 0o755)
                tar.add("./bin/app", content: [1, 2, 3], mode: 0o755)
            }
            let path = fixture.directory + "/app.tar"
            try write(bytes, to: path)
            #expect(try await fixture.bringIn(path).map(\.digest) == [sha256(bytes)])
        }
    }

    @Test func `a docker-archive is refused with what converts it`() async throws {
        try await Fixture.run { fixture in
            let bytes = TarBuilder.tar { tar in
                tar.add(String(repeating: "a", count: 64) + ".tar", content: [1])
                // As skopeo writes it for older dockers.
                tar.add("b/layer.tar", type: "2", link: "../a.tar")
                tar.add("manifest.json", content: Array("[]".utf8))
            }
            let path = fixture.directory + "/docker.tar"
            try write(bytes, to: path)
            let refusal = try await fixture.refusal { try await fixture.bringIn(path) }
            #expect(refusal?.contains("skopeo copy docker-archive:\(path) oci-archive:NEW.tar") == true)
        }
    }

    @Test func `the store itself is not imported into itself`() async throws {
        try await Fixture.run { fixture in
            var layout = LayoutBuilder()
            try layout.image([1], name: Self.name)
            try await fixture.bringIn(layout)
            let path = fixture.directory + "/artifacts"
            let refusal = try await fixture.refusal { try await fixture.bringIn(path) }
            #expect(refusal?.contains("the store itself") == true)
        }
    }

    @Test func `a name in the store is what oci means, without a registry`() async throws {
        try await Fixture.run { fixture in
            var layout = LayoutBuilder()
            let digest = try layout.image([1, 2, 3], name: Self.name)
            let spec = try ArtifactSpec("oci://" + Self.name, nil)
            // The control: without it, the registry is asked, which is not there.
            let spare = try ArtifactSpec("oci://127.0.0.1:1/team/app:1.0", nil)
            #expect(try await fixture.fetching { try await $0.failure(spare) } != nil)
            try await fixture.bringIn(layout)
            let stored = try await fixture.fetching { try await $0.fetch(spec) }
            #expect(stored.digest == digest && stored.content == .image)
            #expect(stored.resolved == "\(Self.name)@\(digest)")
        }
    }

    @Test func `a pull asks the registry, although there is a name`() async throws {
        try await Fixture.run { fixture in
            var content = RegistryContent()
            let newer = try content.image([[7]], tag: "1.0")
            try await RawServer.run { [content] _, request, connection in
                content.answer(request, connection)
            } _: { server in
                let name = "\(server.host)/team/app:1.0"
                var layout = LayoutBuilder()
                let older = try layout.image([1], name: name)
                try await fixture.bringIn(layout)
                let spec = try ArtifactSpec("oci://" + name, nil)
                try await fixture.fetching(fixture.options(insecure: server)) { fetcher in
                    #expect(try await fetcher.fetch(spec).digest == older)
                    let pulled = try await fetcher.pull(spec, in: .default) { _ in }
                    #expect(pulled.digest == newer)
                    let named = try await fixture.store.add(newer, name: ImageReference(name))
                    #expect(named.kind == .image)
                    #expect(try await fetcher.fetch(spec).digest == newer)
                }
            }
        }
    }

    @Test func `while the names cannot be read, no tag is guessed`() async throws {
        try await Fixture.run { fixture in
            var layout = LayoutBuilder()
            try layout.image([1], name: Self.name)
            try await fixture.bringIn(layout)
            try write(Array("{".utf8), to: fixture.directory + "/artifacts/index.json")
            let failure = try await fixture.fetching {
                try await $0.failure(ArtifactSpec("oci://" + Self.name, nil))
            }
            #expect(failure?.persistence == .transient)
            #expect(failure?.message.contains("index.json") == true)
        }
    }
}
