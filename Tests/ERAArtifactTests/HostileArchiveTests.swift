import ERACore
import Foundation
import Testing

@testable import ERAArtifact

/// Archives that want out, or too much: each is refused, with nothing written outside and nothing left.
@Suite struct HostileArchiveTests {
    struct Hostile: Sendable, CustomTestStringConvertible {
        let name: String
        /// A word of the message.
        let word: String
        let bytes: [UInt8]
        var testDescription: String { name }

        init(_ name: String, _ word: String, _ body: (inout TarBuilder) -> Void) {
            self.name = name
            self.word = word
            bytes = TarBuilder.tar(body)
        }
    }

    static let hostile: [Hostile] = [
        Hostile("parent", "..") { $0.add("../evil") },
        Hostile("parent in the middle", "..") { $0.add("a/../../evil") },
        Hostile("parent that stays inside", "..") { $0.add("a/../b") },
        Hostile("absolute", "absolute") { $0.add("/evil") },
        Hostile("absolute directory", "absolute") { $0.add("//evil/", type: "5") },
        Hostile("file through a link", "link") { tar in
            tar.add("a", type: "2", link: "..")
            tar.add("a/evil")
        },
        Hostile("file through a link inside", "link") { tar in
            tar.add("b/", type: "5")
            tar.add("a", type: "2", link: "b")
            tar.add("a/evil")
        },
        Hostile("file over a link", "twice") { tar in
            tar.add("a", type: "2", link: "evil")
            tar.add("a", content: [1])
        },
        Hostile("directory replaced by a link", "twice") { tar in
            tar.add("a/", type: "5")
            tar.add("a/b")
            tar.add("a", type: "2", link: "x")
        },
        Hostile("link before its parent is a link", "\"a") { tar in
            tar.add("a/b", type: "2", link: "c")
            tar.add("a", type: "2", link: "d")
        },
        Hostile("link out", "leads out") { $0.add("a", type: "2", link: "../evil") },
        Hostile("link to the root of the host", "absolute") { $0.add("a", type: "2", link: "/etc/passwd") },
        Hostile("link to nothing", "empty") { $0.add("a", type: "2", link: "") },
        Hostile("link out through a link", "leads out") { tar in
            tar.add("d/e/up", type: "2", link: "../..")
            tar.add("x", type: "2", link: "d/e/up/../evil")
        },
        Hostile("links in a circle", "circle") { tar in
            tar.add("a", type: "2", link: "b")
            tar.add("b", type: "2", link: "a")
        },
        Hostile("hard link out", "..") { $0.add("a", type: "1", link: "../secret") },
        Hostile("hard link to the host", "absolute") { $0.add("a", type: "1", link: "/etc/passwd") },
        Hostile("hard link to what comes later", "no file before it") { tar in
            tar.add("a", type: "1", link: "b")
            tar.add("b")
        },
        Hostile("hard link to a directory", "no file before it") { tar in
            tar.add("d/", type: "5")
            tar.add("a", type: "1", link: "d")
        },
        Hostile("hard link through a link", "no file before it") { tar in
            tar.add("a", type: "2", link: "..")
            tar.add("b", type: "1", link: "a/secret")
        },
        Hostile("character device", "device") { $0.add("null", type: "3") },
        Hostile("block device", "device") { $0.add("disk", type: "4") },
        Hostile("FIFO", "FIFO") { $0.add("pipe", type: "6") },
        Hostile("twice", "twice") { tar in
            tar.add("a", content: [1])
            tar.add("./a", content: [2])
        },
        Hostile("directory over a file", "directory") { tar in
            tar.add("a")
            tar.add("a/", type: "5")
        },
        Hostile("file over a directory", "twice") { tar in
            tar.add("a/b")
            tar.add("a")
        },
        Hostile("negative size in base 256", "negative") { tar in
            tar.add("a", content: [1], size: [UInt8](repeating: 0xFF, count: 12))
        },
        Hostile("huge size in base 256", "size") { tar in
            tar.add("a", content: [1], size: [0x80, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])
        },
        Hostile("negative size in pax", "negative") { tar in
            tar.addPax([("size", "-5")])
            tar.add("a", content: [1])
        },
        Hostile("pax path out", "..") { tar in
            tar.addPax([("path", "a/../../evil")])
            tar.add("harmless")
        },
        Hostile("pax link out", "leads out") { tar in
            tar.addPax([("linkpath", "../../evil")])
            tar.add("a", type: "2", link: "harmless")
        },
        Hostile("10,000 directories deep", "longer than 1024") { tar in
            tar.addPax([("path", String(repeating: "d/", count: 10_000) + "f")])
            tar.add("f")
        },
        Hostile("101 directories deep", "deeper") { tar in
            tar.addPax([("path", String(repeating: "d/", count: 100) + "f")])
            tar.add("f")
        },
        Hostile("a long name", "255") { tar in
            tar.addPax([("path", String(repeating: "n", count: 256))])
            tar.add("f")
        },
        Hostile("the root as a file", "root") { $0.add("./.") },
    ]

    @Test(arguments: hostile)
    func `a hostile tar is refused and leaves nothing`(hostile: Hostile) async throws {
        try await UnpackingFixture.run { fixture in
            try write([9], to: fixture.box + "/secret")
            let failure = try await fixture.refusal(hostile.bytes, format: .tar)
            #expect(failure.code == .unsafeArchive && failure.persistence == .permanent)
            #expect(failure.message.contains(hostile.word), "\(failure.message)")
        }
    }

    /// libarchive ends the name at the NUL; what is made then must be inside, under a name that was checked.
    @Test func `a NUL in a pax path reaches nothing outside`() async throws {
        try await UnpackingFixture.run { fixture in
            var tar = TarBuilder()
            tar.addPax([("path", "a\u{0}/../../evil")])
            tar.add("a", content: [1])
            try? await fixture.unpack(tar.finished)
            #expect(tree(fixture.box).allSatisfy { $0 == "out" || $0 == "out/a" })
        }
    }

    @Test(arguments: ["../evil", "/evil", "a/../../evil"])
    func `a zip that wants out is refused`(name: String) async throws {
        try await UnpackingFixture.run { fixture in
            try writeZip(
                [ZipEntry(name: "ok", content: [1]), ZipEntry(name: name, content: [1])],
                to: fixture.archive
            )
            let refusal = try await fixture.refusal()
            #expect(refusal.code == .unsafeArchive)
        }
    }

    @Test func `a zip with a link out, a file through a link, or a name twice is refused`() async throws {
        let archives = [
            [ZipEntry(name: "a", link: "../evil")],
            [ZipEntry(name: "a", link: "b"), ZipEntry(name: "a/evil", content: [1])],
            [ZipEntry(name: "a", content: [1]), ZipEntry(name: "a", content: [2])],
        ]
        for entries in archives {
            try await UnpackingFixture.run { fixture in
                try writeZip(entries, to: fixture.archive)
                let refusal = try await fixture.refusal()
                #expect(refusal.code == .unsafeArchive)
            }
        }
    }

    @Test func `an encrypted zip is refused by that name`() async throws {
        try await UnpackingFixture.run { fixture in
            try writeZip([ZipEntry(name: "a", content: payload(100))], to: fixture.archive, password: "p")
            let refusal = try await fixture.refusal()
            #expect(refusal.message.contains("encrypted"))
        }
    }

    @Test func `a zip that is cut or has something behind it is refused`() async throws {
        try await UnpackingFixture.run { fixture in
            try writeZip([ZipEntry(name: "a", content: payload(100_000))], to: fixture.archive)
            let whole = try read(fixture.archive)
            for bytes in [Array(whole.dropLast()), Array(whole[..<50_000]), whole + [1], whole + [0]] {
                let failure = try await fixture.refusal(bytes)
                #expect(failure.code == .unsafeArchive)
            }
        }
    }

    @Test func `a zip whose data is not what its checksum says is refused`() async throws {
        try await UnpackingFixture.run { fixture in
            try writeZip([ZipEntry(name: "a", content: payload(100_000))], to: fixture.archive)
            var bytes = try read(fixture.archive)
            bytes[50_000] ^= 1
            let refusal = try await fixture.refusal(bytes)
            #expect(refusal.code == .unsafeArchive)
        }
    }

    @Test(arguments: Compression.allCases)
    func `a tar that is cut or has garbage behind it is refused`(compression: Compression) async throws {
        try await UnpackingFixture.run { fixture in
            let tar = TarBuilder.tar { $0.add("a", content: payload(100_000)) }
            try compression.apply(to: [tar], fixture.archive)
            let whole = try read(fixture.archive)
            for bytes in [Array(whole[..<60_000]), whole + payload(700)] {
                let failure = try await fixture.refusal(bytes, format: .tar)
                #expect(failure.code == .unsafeArchive)
            }
            try compression.apply(to: [tar, payload(700)], fixture.archive)
            let refusal = try await fixture.refusal(format: .tar)
            #expect(refusal.code == .unsafeArchive)
        }
    }

    @Test func `zeros behind a tar are padding`() async throws {
        try await UnpackingFixture.run { fixture in
            let tar = TarBuilder.tar { $0.add("a") }
            try await fixture.unpack(tar + [UInt8](repeating: 0, count: 20 * 512))
            #expect(tree(fixture.out) == ["a"])
        }
    }

    @Test(arguments: Compression.allCases)
    func `a bomb is refused by its ratio`(compression: Compression) async throws {
        try await UnpackingFixture.run { fixture in
            // A header that declares 200 MiB, in base 256, and as many zeros.
            var tar = TarBuilder()
            tar.add("zeros", size: [0x80, 0, 0, 0, 0, 0, 0, 0, 0x0C, 0x80, 0, 0])
            let zeros = repeatElement(
                [UInt8](repeating: 0, count: 1 << 20),
                count: compression == .none ? 1 : 200
            )
            try compression.apply(to: [tar.bytes] + zeros, fixture.archive)
            let refusal = try await fixture.refusal()
            #expect(refusal.message.contains("becomes more than"))
        }
    }

    @Test func `a bomb between the entries is refused too`() async throws {
        try await UnpackingFixture.run { fixture in
            let zeros = repeatElement([UInt8](repeating: 0, count: 1 << 20), count: 100)
            try Compression.gzip.apply(to: [TarBuilder.tar { $0.add("a") }] + zeros, fixture.archive)
            let refusal = try await fixture.refusal()
            #expect(refusal.message.contains("becomes more than"))
        }
    }

    @Test func `a zip bomb is refused`() async throws {
        try await UnpackingFixture.run { fixture in
            try writeZip(
                [ZipEntry(name: "zeros", content: [UInt8](repeating: 0, count: 40 << 20))],
                to: fixture.archive
            )
            let refusal = try await fixture.refusal()
            #expect(refusal.message.contains("becomes more than"))
        }
    }

    @Test func `files together may not exceed the limit`() async throws {
        var limits = ArchiveLimits()
        limits.sizeLimit = ByteCount(10_000)
        let tar = TarBuilder.tar { tar in for number in 0..<3 { tar.add("\(number)", content: payload(3000)) }
        }
        let zip = (0..<4).map { ZipEntry(name: "\($0)", content: payload(3000)) }
        try await UnpackingFixture.run { fixture in
            #expect(
                try await fixture.refusal(tar, limits: limits).message.contains("becomes more than 10000")
            )
            try writeZip(zip, to: fixture.archive)
            let refusal = try await fixture.refusal(limits: limits)
            #expect(refusal.message.contains("becomes more than 10000"))
            limits.sizeLimit = ByteCount(20_000)
            try await fixture.unpack(limits: limits)
            #expect(tree(fixture.out).count == 4)
        }
    }

    @Test func `one entry more than the limit is refused`() async throws {
        var limits = ArchiveLimits()
        limits.entryLimit = 10
        try await UnpackingFixture.run { fixture in
            let eleven = TarBuilder.tar { tar in for number in 0..<11 { tar.add("\(number)") } }
            #expect(
                try await fixture.refusal(eleven, limits: limits).message.contains("more than 10 entries")
            )
            try await fixture.unpack(
                TarBuilder.tar { tar in for number in 0..<10 { tar.add("\(number)") } },
                limits: limits
            )
            #expect(tree(fixture.out).count == 10)
        }
    }

    @Test func `links may not fill the memory`() async throws {
        var limits = ArchiveLimits()
        limits.linkTextLimit = ByteCount(100)
        try await UnpackingFixture.run { fixture in
            let tar = TarBuilder.tar { tar in
                for number in 0..<20 { tar.add("l\(number)", type: "2", link: "abcdef") }
            }
            let refusal = try await fixture.refusal(tar, limits: limits)
            #expect(refusal.message.contains("symbolic links"))
        }
    }

    @Test func `what claims to be an archive and is none is refused`() async throws {
        try await UnpackingFixture.run { fixture in
            for format in [ArtifactSpec.Format.tar, .zip] {
                for bytes in [payload(5000), [], [0x50, 0x4B, 3, 4]] {
                    let refusal = try await fixture.refusal(bytes, format: format)
                    #expect(refusal.code == .unsafeArchive)
                }
            }
        }
    }

    @Test func `a compressed file without a tar asks what is meant`() async throws {
        try await UnpackingFixture.run { fixture in
            try Compression.gzip.apply(to: [payload(5000)], fixture.archive)
            let refusal = try await fixture.refusal()
            #expect(refusal.message.contains("format: raw"))
        }
    }

    @Test(arguments: ["", ".", "..", "a/b", "/a", String(repeating: "n", count: 256)])
    func `a raw file under a bad name is refused`(name: String) async throws {
        try await UnpackingFixture.run { fixture in
            await #expect(throws: Failure.self) { try await fixture.unpack([1], name: name, format: .raw) }
            #expect(tree(fixture.box).isEmpty)
        }
    }
}
