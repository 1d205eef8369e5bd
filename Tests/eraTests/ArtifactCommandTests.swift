import ArgumentParser
import ERAContracts
import ERACore
import ERAOCI
import Testing

@testable import ERAArtifact
@testable import era

@Suite struct ArtifactCommandTests {
    private static let digest = String(repeating: "a", count: 64)

    @Test(arguments: [
        ("oci://r.example/a:1", "r.example/a:1", nil),
        ("oci://r.example/a", "r.example/a:latest", nil),
        ("oci://r.example/a@sha256:\(digest)", nil, nil),
        ("https://r.example/a.tgz@sha256:\(digest)", nil, "sha256:\(digest)"),
        ("https://user.example/a@b@sha256:\(digest)", nil, "sha256:\(digest)"),
    ])
    func `a source that can be pulled says its name and its digest`(
        text: String,
        name: String?,
        digest: String?
    ) throws {
        let source = try PullSource(text)
        #expect(source.name?.description == name)
        #expect(source.digest?.description == digest)
        #expect((source.reference == nil) == (digest != nil))
    }

    @Test(arguments: [
        "https://r.example/a.tgz", "file:///a", "a:1", "", "https://r.example/a@sha256:1", "oci://",
        "oci://a",
    ])
    func `what cannot be pulled is refused`(text: String) {
        #expect(throws: InvalidValue.self) { try PullSource(text) }
    }

    @Test func `the store is where the daemon put the blob`() throws {
        let path = "/var/lib/my era/artifacts/blobs/sha256/\(Self.digest)"
        #expect(try PullArtifactCommand.store(of: path) == "/var/lib/my era/artifacts")
        for wrong in ["", "blobs/sha256/a", "/a/b/c/d/e", "/blobs"] {
            #expect(throws: CommandFailure.self, "\(wrong)") { try PullArtifactCommand.store(of: wrong) }
        }
    }

    @Test(arguments: ["registry.example.org/a:1@sha256:\(digest)", "a", "r.example/UPPER"])
    func `a name with a digest, or without a host, is refused`(name: String) {
        #expect(throws: (any Error).self) { try ImportArtifactCommand.parse(["x", "--as", name]) }
    }

    @Test func `the list says who uses what, each deployment once, for its best reason`() throws {
        let digest = try Digest("sha256:" + Self.digest)
        let other = try Digest("sha256:" + String(repeating: "b", count: 64))
        let item = StoredItem(
            digest: digest,
            manifest: other,
            kind: .file,
            size: ByteCount(2048),
            names: ["localhost/a:1"],
            title: "a\u{1B}[31m",
            lastUsed: WallTime(sinceEpoch: .seconds(1000)),
            identities: [digest, other]
        )
        func use(_ name: String, _ role: ArtifactUse.Role, _ digest: Digest) throws -> ArtifactUse {
            ArtifactUse(digest: digest, key: DeploymentKey(name: try DeploymentName(name)), role: role)
        }
        let list = ArtifactList(
            Inventory(items: [item], size: ByteCount(2048)),
            [
                try use("web", .history, digest), try use("web", .current, other),
                try use("api", .previous, digest), try use("job", .history, digest),
            ],
            now: WallTime(sinceEpoch: .seconds(1120))
        )
        let lines = list.table(isWide: false).lines(Style(usesColour: false))
        #expect(
            lines.last
                == "sha256:aaaaaaaaaaaa   file   2.0 KiB   2m          "
                + "default/api (previous), default/job (history) and 1 more   localhost/a:1"
        )
        // What a file is called was written by somebody else.
        #expect(!list.table(isWide: true).text(Style(usesColour: false)).contains("\u{1B}"))
        #expect(list.summary == "1 artifact, 2.0 KiB in the store")
        #expect(list.names == ["localhost/a:1"])
        let uses = list.json["items"]?.array?.first?["usedBy"]?.array ?? []
        #expect(uses.compactMap { $0["role"]?.string } == ["previous", "history", "current"])
    }
}
