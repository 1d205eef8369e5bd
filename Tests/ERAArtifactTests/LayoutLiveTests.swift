import ERACore
import ERAOCI
import Foundation
import Glibc
import Testing

@testable import ERAArtifact

/// The store as skopeo sees it, and what skopeo makes as the store sees it.
@Suite(
    .enabled(
        if: access("/usr/bin/skopeo", X_OK) == 0,
        "skopeo is not installed here (apt-get install skopeo)"
    ),
    .timeLimit(.minutes(2))
)
struct LayoutLiveTests {
    private static let name = "registry.example.org/apps/hello:1.2"

    private func skopeo(_ words: String..., in fixture: Fixture) throws {
        let tool = try Tool(["skopeo", "--insecure-policy"] + words, in: fixture.directory)
        #expect(tool.waitForExit() == 0, "skopeo \(words)")
    }

    /// An image whose layer is a real one, which skopeo unpacks and packs.
    private func image(_ fixture: Fixture) async throws -> ERACore.Digest {
        let tar = TarBuilder.tar { $0.add("bin/app", content: payload(5000), mode: 0o755) }
        let config =
            #"{"os":"linux","architecture":"\#(Platform.host.architecture)","#
            + #""rootfs":{"type":"layers","diff_ids":["\#(try sha256(tar))"]}}"#
        // Compressed, since skopeo compresses what is not, which gives it another digest.
        let packed = fixture.directory + "/layer.tgz"
        try Compression.gzip.apply(to: [tar], packed)
        var content = RegistryContent()
        let parts = [
            try content.blob(Array(config.utf8), MediaType.imageConfig.rawValue),
            try content.blob(try read(packed), "application/vnd.oci.image.layer.v1.tar+gzip"),
        ]
        let digest = try content.manifest(
            #"{"schemaVersion":2,"mediaType":"\#(MediaType.imageManifest)","config":\#(parts[0]),"#
                + #""layers":[\#(parts[1])]}"#,
            .imageManifest
        )
        var layout = LayoutBuilder()
        try layout.add(content, digest, name: Self.name)
        try await fixture.bringIn(layout)
        return digest
    }

    @Test func `skopeo reads an image from the store by its name`() async throws {
        try await Fixture.run { fixture in
            let digest = try await image(fixture)
            let out = fixture.directory + "/out.tar"
            try skopeo(
                "copy",
                "oci:artifacts:\(Self.name)",
                "oci-archive:out.tar:localhost/again:1",
                in: fixture
            )
            let other = Fixture(fixture.directory + "/other")
            mkdir(other.directory, 0o700)
            let imported = try await other.bringIn(out)
            #expect(imported.map(\.name) == ["localhost/again:1"])
            #expect(imported.map(\.digest) == [digest])
        }
    }

    @Test func `what skopeo copies into the store has a name there, and is kept`() async throws {
        try await Fixture.run { fixture in
            let digest = try await image(fixture)
            let out = fixture.directory + "/layout"
            try? FileManager.default.removeItem(atPath: out)
            _ = try await ArtifactExport(fixture.store).run(Self.name, to: out)
            #expect(try fixture.store.remove(Self.name) == [Self.name])
            try skopeo("copy", "oci:layout:\(Self.name)", "oci:artifacts:127.0.0.1:1/team/app:3", in: fixture)
            try fixture.store.pin([])
            fixture.time.setWallClock(by: .seconds(100_000_000))
            try fixture.store.collect()
            let spec = try ArtifactSpec("oci://127.0.0.1:1/team/app:3", nil)
            let stored = try await fixture.fetching { try await $0.fetch(spec) }
            #expect(stored.digest == digest)
        }
    }

    @Test func `an artifact of a file goes through skopeo and back`() async throws {
        try await Fixture.run { fixture in
            let path = fixture.directory + "/app.wasm"
            try write(payload(2000), to: path)
            try await fixture.bringIn(path, as: "localhost/app:1")
            let out = fixture.directory + "/exported.tar"
            _ = try await ArtifactExport(fixture.store).run("localhost/app:1", to: out)
            try skopeo(
                "copy",
                "oci-archive:exported.tar:localhost/app:1",
                "oci-archive:copied.tar:localhost/app:2",
                in: fixture
            )
            let imported = try await fixture.bringIn(fixture.directory + "/copied.tar")
            #expect(imported.map(\.name) == ["localhost/app:2"])
            #expect(imported.map(\.digest) == [try sha256(payload(2000))])
        }
    }

    @Test func `a docker-archive is converted by what its refusal says`() async throws {
        try await Fixture.run { fixture in
            _ = try await image(fixture)
            let path = fixture.directory + "/docker.tar"
            try skopeo("copy", "oci:artifacts:\(Self.name)", "docker-archive:docker.tar:x/y:1", in: fixture)
            let refusal = try await fixture.refusal { try await fixture.bringIn(path) }
            let command = "skopeo copy docker-archive:\(path) oci-archive:NEW.tar"
            #expect(refusal?.contains(command) == true, "\(refusal ?? "")")
            try skopeo("copy", "docker-archive:\(path)", "oci-archive:NEW.tar", in: fixture)
            let imported = try await fixture.bringIn(fixture.directory + "/NEW.tar", as: "localhost/new:1")
            #expect(imported.map(\.kind) == [.image])
        }
    }
}
