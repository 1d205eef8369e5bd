import CLibArchive
import ERAContracts
import ERACore
import Foundation
import Glibc
import Testing

@testable import ERAArtifact

/// Root file systems out of layers. As root only: files get the owners that the layers say.
@Suite(.enabled(if: geteuid() == 0, "only root may give files away"))
struct LayerTests {
    private static let base = TarBuilder.tar { tar in
        tar.add("./", type: "5", mode: 0o755)
        tar.add("usr/", type: "5", mode: 0o755)
        tar.add("usr/lib/", type: "5", mode: 0o755)
        tar.add("usr/lib/libc.so", content: Array("libc".utf8))
        tar.add("lib", type: "2", link: "usr/lib")
        tar.add("etc/", type: "5", mode: 0o755)
        tar.add("etc/passwd", content: Array("root".utf8))
        tar.add("etc/cache/", type: "5", mode: 0o755)
        tar.add("etc/cache/old", content: [1])
        tar.add("tmp/", type: "5", mode: 0o1777)
        tar.add("bin/su", content: [1], mode: 0o4755)
    }

    @Test func `layers are put onto each other, the lowest first`() async throws {
        try await LayerFixture.run { fixture in
            try await fixture.unpack(
                Self.base,
                .tar { tar in
                    tar.add("etc/passwd", content: Array("other".utf8))
                    tar.add("etc/group", content: Array("group".utf8))
                }
            )
            #expect(fixture.text("etc/passwd") == "other")
            #expect(fixture.text("etc/group") == "group")
            #expect(fixture.text("usr/lib/libc.so") == "libc")
        }
    }

    @Test(arguments: [Compression.none, .gzip, .zstd])
    func `a layer is unpacked, however it is compressed`(_ compression: Compression) async throws {
        try await LayerFixture.run { fixture in
            try await fixture.unpack(Self.base, compression: compression)
            #expect(fixture.text("etc/passwd") == "root")
        }
    }

    @Test func `modes stay as they are, with what gives power inside the container`() async throws {
        try await LayerFixture.run { fixture in
            try await fixture.unpack(Self.base)
            #expect(fixture.mode("tmp") == 0o1777)
            #expect(fixture.mode("bin/su") == 0o4755)
            #expect(fixture.mode("bin") == 0o755)
        }
    }

    @Test func `owners, times and the capabilities of programs are kept, other attributes are not`()
        async throws
    {
        try await LayerFixture.run { fixture in
            let capability: [UInt8] = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
            let text = String(decoding: capability, as: Unicode.UTF8.self)
            try await fixture.unpack(
                .tar { tar in
                    tar.addPax([
                        ("uid", "1234"), ("gid", "4321"), ("mtime", "1000000000.5"),
                        ("SCHILY.xattr.security.capability", text),
                        ("SCHILY.xattr.trusted.overlay.opaque", "y"),
                    ])
                    tar.add("ping", content: [1], mode: 0o755)
                }
            )
            let status = try fixture.status("ping")
            #expect(status.st_uid == 1234)
            #expect(status.st_gid == 4321)
            #expect(status.st_mtim.tv_sec == 1_000_000_000)
            #expect(fixture.attributes("ping") == ["security.capability"])
        }
    }

    @Test func `files of users and groups beyond those that there are become root's`() async throws {
        try await LayerFixture.run { fixture in
            try await fixture.unpack(
                .tar { tar in
                    for (name, user, group) in [("a", "9", "10"), ("b", "10", "9"), ("c", "9", "9")] {
                        tar.addPax([("uid", user), ("gid", group)])
                        tar.add(name, content: [1])
                    }
                    tar.addPax([("uid", "1234"), ("gid", "1234")])
                    tar.add("link", type: "2", link: "a")
                },
                owners: OwnerLimits(users: 10, groups: 10)
            )
            let owners = try ["a", "b", "c", "link"].map { try fixture.status($0) }
            #expect(owners.map(\.st_uid) == [9, 0, 9, 0])
            #expect(owners.map(\.st_gid) == [0, 9, 9, 0])
        }
    }

    // MARK: Whiteouts

    @Test func `a whiteout removes what lower layers have, a directory with all in it`() async throws {
        try await LayerFixture.run { fixture in
            try await fixture.unpack(
                Self.base,
                .tar { tar in
                    tar.add("etc/.wh.passwd")
                    tar.add("usr/.wh.lib")
                    tar.add("nowhere/.wh.nothing")
                }
            )
            #expect(!fixture.exists("etc/passwd"))
            #expect(!fixture.exists("usr/lib"))
            #expect(fixture.exists("etc/cache/old"))
            #expect(!fixture.exists("etc/.wh.passwd"))
        }
    }

    @Test func `a whiteout and an opaque directory mean lower layers only, in whatever order they come`()
        async throws
    {
        try await LayerFixture.run { fixture in
            try await fixture.unpack(
                Self.base,
                .tar { tar in
                    tar.add("etc/cache/new", content: [2])
                    tar.add("etc/cache/.wh..wh..opq")
                    tar.add("etc/passwd", content: Array("mine".utf8))
                    tar.add("etc/.wh.passwd")
                }
            )
            #expect(fixture.exists("etc/cache/new"))
            #expect(!fixture.exists("etc/cache/old"))
            #expect(fixture.text("etc/passwd") == "mine")
        }
    }

    @Test func `an opaque root leaves nothing of the layers below`() async throws {
        try await LayerFixture.run { fixture in
            try await fixture.unpack(
                Self.base,
                .tar { tar in
                    tar.add(".wh..wh..opq")
                    tar.add("hello", content: [1])
                }
            )
            #expect(tree(fixture.out) == ["hello"])
        }
    }

    @Test func `records of aufs mean nothing`() async throws {
        try await LayerFixture.run { fixture in
            try await fixture.unpack(
                .tar { tar in
                    tar.add(".wh..wh.aufs")
                    tar.add(".wh..wh.plnk/", type: "5")
                    tar.add(".wh..wh.plnk/1.2")
                    tar.add("hello")
                }
            )
            #expect(tree(fixture.out) == ["hello"])
        }
    }

    // MARK: One kind in place of another

    @Test func `a file takes the place of a directory, and a directory that of a link`() async throws {
        try await LayerFixture.run { fixture in
            try await fixture.unpack(
                Self.base,
                .tar { tar in
                    tar.add("etc/cache", content: [7])
                    tar.add("lib/", type: "5", mode: 0o750)
                }
            )
            #expect(fixture.kind("etc/cache") == S_IFREG)
            #expect(fixture.kind("lib") == S_IFDIR)
            #expect(fixture.mode("lib") == 0o750)
            #expect(fixture.exists("usr/lib/libc.so"))
        }
    }

    @Test func `a new file with an old name leaves other names of the old one alone`() async throws {
        try await LayerFixture.run { fixture in
            try await fixture.unpack(
                .tar { tar in
                    tar.add("first", content: [1])
                    tar.add("second", type: "1", link: "first")
                },
                .tar { tar in
                    tar.add("first", content: [2])
                    tar.add("third", type: "1", link: "second")
                }
            )
            #expect(fixture.bytes("first") == [2])
            #expect(fixture.bytes("second") == [1])
            #expect(fixture.bytes("third") == [1])
        }
    }

    @Test func `an entry below a link of a lower layer lands where the link leads`() async throws {
        try await LayerFixture.run { fixture in
            try await fixture.unpack(Self.base, .tar { $0.add("lib/new.so", content: [1]) })
            #expect(fixture.exists("usr/lib/new.so"))
            #expect(fixture.kind("lib") == S_IFLNK)
        }
    }

    @Test func `directories have the time that the layer says, whatever is put into them`() async throws {
        try await LayerFixture.run { fixture in
            try await fixture.unpack(
                .tar { tar in
                    tar.addPax([("mtime", "1000000000")])
                    tar.add("cache/", type: "5", mode: 0o755)
                    tar.add("cache/file", content: [1])
                }
            )
            #expect(try fixture.status("cache").st_mtim.tv_sec == 1_000_000_000)
        }
    }

    /// Source: OCI image specification 1.1, "Layer ChainID": the example's rule, with digests of our own.
    @Test func `a root file system is named by the chain of its layers`() throws {
        let unpacker = ImageUnpacker()
        func layer(_ digit: Character) throws -> ImageLayer {
            let digest = try Digest("sha256:" + String(repeating: digit, count: 64))
            return ImageLayer(path: "", size: ByteCount(0), diffID: digest)
        }
        let (a, b) = (try layer("a"), try layer("b"))
        #expect(try unpacker.chainID(of: [a]) == a.diffID)
        let both = try unpacker.chainID(of: [a, b])
        #expect(both.hex == hexadecimalSHA256(of: "\(a.diffID) \(b.diffID)"))
        #expect(try unpacker.chainID(of: [b, a]) != both)
        #expect(throws: Failure.self) { try unpacker.chainID(of: []) }
    }

    @Test func `a layer of nothing changes nothing`() async throws {
        try await LayerFixture.run { fixture in
            try await fixture.unpack(Self.base, TarBuilder.tar { _ in })
            #expect(fixture.exists("etc/passwd"))
        }
    }

    @Test func `what is there already is left alone`() async throws {
        try await LayerFixture.run { fixture in
            try await fixture.unpack(Self.base)
            try await fixture.unpack(.tar { $0.add("other") })
            #expect(fixture.exists("etc/passwd"))
            #expect(!fixture.exists("other"))
        }
    }
}

extension [UInt8] {
    fileprivate static func tar(_ body: (inout TarBuilder) -> Void) -> [UInt8] { TarBuilder.tar(body) }
}

/// A place for the layers of one image: `box/` is what they must not leave `box/out` into.
struct LayerFixture {
    let directory: String
    var box: String { directory + "/box" }
    var out: String { box + "/out" }

    static func run(_ body: (LayerFixture) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let fixture = LayerFixture(directory: directory)
            try FileManager.default.createDirectory(atPath: fixture.box, withIntermediateDirectories: true)
            try await body(fixture)
        }
    }

    func unpack(
        _ tars: [UInt8]...,
        compression: Compression = .none,
        limits: ArchiveLimits = .image,
        owners: OwnerLimits = .none,
        diffIDs: [Digest]? = nil
    ) async throws {
        var layers: [ImageLayer] = []
        for (index, tar) in tars.enumerated() {
            let path = "\(directory)/layer\(index)"
            try compression.apply(to: [tar], path)
            var hash = ContentHash()
            tar.withUnsafeBytes { hash.update($0) }
            layers.append(
                ImageLayer(
                    path: path,
                    size: ByteCount(Int64(try Data(contentsOf: URL(filePath: path)).count)),
                    diffID: try diffIDs?[index] ?? hash.digests().sha256
                )
            )
        }
        try await ImageUnpacker(limits: limits, owners: owners).unpack(layers, into: out) { _ in }
    }

    func status(_ path: String) throws -> stat {
        var status = stat()
        guard lstat("\(out)/\(path)", &status) == 0 else { throw Failure.transient(.fileSystemError, path) }
        return status
    }

    // Nil where there is nothing: the expectation then fails.
    func mode(_ path: String) -> mode_t? { (try? status(path)).map { $0.st_mode & 0o7777 } }
    func kind(_ path: String) -> mode_t? { (try? status(path)).map { $0.st_mode & S_IFMT } }
    func exists(_ path: String) -> Bool { kind(path) != nil }
    func bytes(_ path: String) -> [UInt8]? { try? read("\(out)/\(path)") }
    func text(_ path: String) -> String? { bytes(path).map { String(decoding: $0, as: Unicode.UTF8.self) } }

    func attributes(_ path: String) -> [String] {
        var names = [CChar](repeating: 0, count: 4096)
        let count = fixtureListAttributes("\(out)/\(path)", &names, names.count)
        return names.prefix(max(0, count)).split(separator: 0).map {
            String(decoding: $0.map(UInt8.init(bitPattern:)), as: Unicode.UTF8.self)
        }
    }
}

@_silgen_name("llistxattr")
private func fixtureListAttributes(
    _ path: UnsafePointer<CChar>,
    _ list: UnsafeMutablePointer<CChar>,
    _ size: Int
) -> Int
