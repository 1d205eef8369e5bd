import ERACore
import ERAOCI
import Testing

@Suite struct ImageReferenceTests {
    static let digest = "sha256:" + String(repeating: "a", count: 64)

    @Test(arguments: [
        ("oci://registry.example/app", "registry.example/app:latest"),
        ("oci://registry.example:5000/team/app:1.2", "registry.example:5000/team/app:1.2"),
        ("oci://REGISTRY.example/app", "registry.example/app:latest"),
        ("localhost/app", "localhost/app:latest"),
        ("oci://[::1]:5000/a/b:c", "[::1]:5000/a/b:c"),
        ("oci://host/app@\(digest)", "host/app@\(digest)"),
        ("oci://host/app:1@\(digest)", "host/app:1@\(digest)"),
        ("oci://host/a.b_c__d---e/f:A_.-9", "host/a.b_c__d---e/f:A_.-9"),
    ])
    func `an address is read, and shown with the tag that is meant`(_ text: String, _ shown: String) throws {
        let reference = try ImageReference(text)
        #expect(reference.description == shown)
        #expect(try ImageReference(reference.description) == reference)
    }

    @Test(arguments: [
        "", "oci://", "oci://host", "oci://host/", "oci:///app", "oci://host/App", "oci://host/a//b",
        "oci://host/a/", "oci://host/a..b", "oci://host/a___b", "oci://host/-a", "oci://host/a-",
        "oci://host/../a", "oci://host/a%2e", "oci://host/a?b", "oci://host/a#b", "oci://host/a:",
        "oci://host/a:-b", "oci://host/a:.b", "oci://host/a:b c", "oci://host/a@sha256:12", "oci://host/a@",
        "oci://host/a@md5:d41d8cd98f00b204e9800998ecf8427e", "oci://host:0/a", "oci://host:65536/a",
        "oci://host:x/a", "oci://host:/a", "oci://ho_st/a", "oci://-host/a", "oci://a..b/c", "oci://[::1/a",
        "oci://[::1]x/a", "oci://[host]/a", "oci://user:password@host/a", "oci://user@host/a",
        "https://host/a",
        "oci://hóst/a", "oci://host/a:" + String(repeating: "b", count: 129),
        "oci://host/" + String(repeating: "a", count: 251),
    ])
    func `what the specification does not allow is refused`(_ text: String) {
        #expect(throws: InvalidValue.self) { try ImageReference(text) }
    }

    @Test func `the longest repository and the longest tag are taken`() throws {
        let repository = String(repeating: "a", count: OCILimits.nameLengthLimit - 5)
        let tag = String(repeating: "b", count: ImageReference.tagLengthLimit)
        #expect(try ImageReference("oci://host/\(repository):\(tag)").tag == tag)
    }

    @Test func `a digest decides, and the tag stays for people`() throws {
        let reference = try ImageReference("oci://host/team/app:1")
        #expect(reference.manifestName == "1")
        let pinned = reference.pinned(to: try Digest(Self.digest))
        #expect(pinned.manifestName == Self.digest)
        #expect(pinned.description == "host/team/app:1@\(Self.digest)")
        #expect(pinned.name == "app")
    }
}
