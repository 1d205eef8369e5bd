import ERACore
import ERAOCI
import Foundation
import Glibc
import Testing

@testable import ERAArtifact

/// Layouts that somebody made to do harm: nothing outside is read, nothing gets a name.
@Suite struct HostileLayoutTests {
    private static let name = "registry.example.org/team/app:1.0"

    private func layout() throws -> LayoutBuilder {
        var layout = LayoutBuilder()
        try layout.image([1, 2, 3], name: Self.name)
        return layout
    }

    private func expectRefused(
        _ fixture: Fixture,
        _ word: String,
        _ body: () async throws -> Void
    ) async throws {
        let refusal = try await fixture.refusal(body)
        #expect(refusal?.contains(word) == true, "\(refusal ?? "it was taken")")
        #expect(try fixture.names.isEmpty)
        #expect(fixture.leftovers.isEmpty)
    }

    @Test(arguments: [false, true])
    func `a blob that is not what its name says is refused`(isTar: Bool) async throws {
        try await Fixture.run { fixture in
            var layout = try layout()
            layout.files[LayoutBuilder.path(try sha256([1, 2, 3]))] = [1, 2, 4]
            try await expectRefused(fixture, "damaged") {
                try await fixture.bringIn(layout, isTar: isTar)
            }
            #expect(try !fixture.has(sha256([1, 2, 3])))
        }
    }

    @Test(arguments: [false, true])
    func `a manifest that lies about a size is refused`(isTar: Bool) async throws {
        try await Fixture.run { fixture in
            var content = RegistryContent()
            let layer = try content.blob([1, 2, 3], "application/octet-stream")
                .replacingOccurrences(of: "\"size\":3", with: "\"size\":4")
            let config = try content.blob([9], MediaType.emptyJSON.rawValue)
            let top = try content.manifest(
                #"{"schemaVersion":2,"config":\#(config),"layers":[\#(layer)]}"#,
                .imageManifest
            )
            var layout = LayoutBuilder()
            try layout.add(content, top, name: Self.name)
            try await expectRefused(fixture, "has 3 bytes") {
                try await fixture.bringIn(layout, isTar: isTar)
            }
        }
    }

    /// Descriptors in `index.json` that are no descriptors.
    @Test(arguments: [
        #"{"mediaType":"a/b","digest":"sha256:../../../../etc/passwd","size":1}"#,
        #"{"mediaType":"a/b","digest":"../sha256:\#(String(repeating: "a", count: 64))","size":1}"#,
        #"{"mediaType":"a/b","digest":"sha256:\#(String(repeating: "A", count: 64))","size":1}"#,
        #"{"mediaType":"a/b","digest":"sha256:\#(String(repeating: "a", count: 64))","size":-1}"#,
        #"[]"#, #"null"#,
    ])
    func `an index with a wrong entry is refused`(entry: String) async throws {
        try await Fixture.run { fixture in
            var layout = try layout()
            layout.entry(entry)
            for isTar in [false, true] {
                try await expectRefused(fixture, "index.json cannot be used") {
                    try await fixture.bringIn(layout, isTar: isTar)
                }
            }
        }
    }

    @Test(arguments: [false, true])
    func `an index above 4 MiB, or of more than 1000 entries, is refused`(isTar: Bool) async throws {
        try await Fixture.run { fixture in
            var huge = try layout()
            huge.files["index.json"]? += [UInt8](repeating: 0x20, count: 4 << 20)
            try await expectRefused(fixture, "more than 4194304 bytes") {
                try await fixture.bringIn(huge, isTar: isTar)
            }
            var many = LayoutBuilder()
            let hex = String(repeating: "a", count: 64)
            for _ in 0...1000 { many.entry(#"{"mediaType":"a/b","digest":"sha256:\#(hex)","size":1}"#) }
            try await expectRefused(fixture, "more than 1000") {
                try await fixture.bringIn(many, isTar: isTar)
            }
        }
    }

    @Test func `links in a directory are not followed`() async throws {
        try await Fixture.run { fixture in
            let path = fixture.directory + "/layout"
            let blob = path + "/" + LayoutBuilder.path(try sha256([1, 2, 3]))
            let outside = fixture.directory + "/outside"
            try write([1, 2, 3], to: outside)
            // The blob itself, though what it leads to has the right content.
            try layout().writeDirectory(path)
            unlink(blob)
            symlink(outside, blob)
            try await expectRefused(fixture, "is a link") { try await fixture.bringIn(path) }
            // A FIFO is not waited for.
            unlink(blob)
            mkfifo(blob, 0o600)
            try await expectRefused(fixture, "is a link or no file") { try await fixture.bringIn(path) }
            // A directory above.
            unlink(blob)
            try write([1, 2, 3], to: blob)
            rename(path + "/blobs", fixture.directory + "/elsewhere")
            symlink(fixture.directory + "/elsewhere", path + "/blobs")
            try await expectRefused(fixture, "is a link") { try await fixture.bringIn(path) }
            // The control: without the link it is taken.
            unlink(path + "/blobs")
            rename(fixture.directory + "/elsewhere", path + "/blobs")
            try await fixture.bringIn(path)
            #expect(try fixture.names.count == 1)
        }
    }

    @Test(arguments: ["index.json", "oci-layout"])
    func `the files that say what a directory is are no links`(file: String) async throws {
        try await Fixture.run { fixture in
            let path = fixture.directory + "/layout"
            try layout().writeDirectory(path)
            rename(path + "/" + file, fixture.directory + "/outside")
            symlink(fixture.directory + "/outside", path + "/" + file)
            try await expectRefused(fixture, "its \(file) is a link") { try await fixture.bringIn(path) }
        }
    }

    /// Entries that no layout has, by their type in the header of tar.
    @Test(
        arguments: [
            ("blobs/sha256/x", "1"), ("blobs/sha256/x", "2"), ("dev", "3"), ("dev", "4"), ("pipe", "6"),
        ] as [(String, Character)]
    )
    func `links and devices in an archive are refused`(name: String, type: Character) async throws {
        try await Fixture.run { fixture in
            let layout = try layout()
            let bytes = TarBuilder.tar { tar in
                tar.add("oci-layout", content: layout.files["oci-layout"] ?? [])
                tar.add(name, type: type, link: "/etc/passwd")
            }
            let path = fixture.directory + "/hostile.tar"
            try write(bytes, to: path)
            try await expectRefused(fixture, "no regular file") { try await fixture.bringIn(path) }
        }
    }

    @Test(arguments: [
        "../escaped", "/tmp/era-escaped", "blobs/../../escaped", "blobs/sha256/../../../escaped",
    ])
    func `a path that leaves the archive is refused, and nothing is written there`(name: String)
        async throws
    {
        try await Fixture.run { fixture in
            let layout = try layout()
            let bytes = TarBuilder.tar { tar in
                tar.add("oci-layout", content: layout.files["oci-layout"] ?? [])
                tar.add(name, content: [6, 6, 6])
            }
            let path = fixture.directory + "/hostile.tar"
            try write(bytes, to: path)
            try await expectRefused(fixture, "the path") { try await fixture.bringIn(path) }
            #expect(!tree(fixture.directory).contains { $0.contains("escaped") })
            #expect(access("/tmp/era-escaped", F_OK) != 0)
        }
    }

    @Test func `a truncated archive is refused`() async throws {
        try await Fixture.run { fixture in
            var layout = try layout()
            try layout.image(payload(10_000), name: Self.name)
            let path = fixture.directory + "/cut.tar"
            try write(Array(layout.tar.prefix(9000)), to: path)
            try await expectRefused(fixture, "damaged or truncated") { try await fixture.bringIn(path) }
        }
    }

    @Test func `an archive of more entries than its limit is refused`() async throws {
        try await Fixture.run { fixture in
            let path = fixture.directory + "/many.tar"
            try write(try layout().tar, to: path)
            var limits = ImportLimits()
            limits.entryLimit = 3
            try await expectRefused(fixture, "more than 3 entries") {
                _ = try await ArtifactImport(fixture.store, limits: limits).run(path)
            }
        }
    }

    @Test(arguments: [false, true])
    func `a layout above the limit of size is refused`(isTar: Bool) async throws {
        try await Fixture.run { fixture in
            var layout = LayoutBuilder()
            try layout.image(payload(100_000), name: Self.name)
            let path = fixture.directory + "/large"
            if isTar {
                try write(layout.tar, to: path)
            } else {
                try layout.writeDirectory(path)
            }
            var limits = ImportLimits()
            limits.sizeLimit = ByteCount(50_000)
            let refusal = try await fixture.refusal {
                _ = try await ArtifactImport(fixture.store, limits: limits).run(path)
            }
            #expect(refusal != nil)
            #expect(try fixture.names.isEmpty)
        }
    }

    @Test func `indexes inside indexes are followed two deep`() async throws {
        try await Fixture.run { fixture in
            var content = RegistryContent()
            var inner = try content.image([[1]])
            var type = MediaType.imageManifest
            for _ in 0..<3 {
                let size = content.manifests["\(inner)"]?.bytes.count ?? 0
                inner = try content.manifest(
                    #"{"schemaVersion":2,"manifests":[{"mediaType":"\#(type)","digest":"\#(inner)","size":\#(size)}]}"#,
                    .imageIndex
                )
                type = .imageIndex
            }
            var layout = LayoutBuilder()
            try layout.add(content, inner, name: Self.name)
            try await expectRefused(fixture, "more than 2 indexes") { try await fixture.bringIn(layout) }
        }
    }

    @Test(arguments: [#"{"imageLayoutVersion":"2.0.0"}"#, "", "[]", "{"])
    func `a layout of another version is refused`(marker: String) async throws {
        try await Fixture.run { fixture in
            var layout = try layout()
            layout.files["oci-layout"] = Array(marker.utf8)
            for isTar in [false, true] {
                try await expectRefused(fixture, "version 1.0.0") {
                    try await fixture.bringIn(layout, isTar: isTar)
                }
            }
        }
    }

    @Test func `a directory that is no layout is refused with what is missing`() async throws {
        try await Fixture.run { fixture in
            let path = fixture.directory + "/empty"
            mkdir(path, 0o700)
            try await expectRefused(fixture, "oci-layout") { try await fixture.bringIn(path) }
            try await expectRefused(fixture, "No such file") { try await fixture.bringIn(path + "/none") }
            try await expectRefused(fixture, "neither a file nor a directory") {
                try await fixture.bringIn("/dev/null")
            }
        }
    }
}
