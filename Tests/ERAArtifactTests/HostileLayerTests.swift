import ERAContracts
import ERACore
import Foundation
import Glibc
import Testing

@testable import ERAArtifact

/// Layers that want out, or too much.
@Suite(.enabled(if: geteuid() == 0, "only root may give files away"))
struct HostileLayerTests {
    struct Attack: Sendable, CustomTestStringConvertible {
        let name: String
        let layers: [[UInt8]]
        var testDescription: String { name }

        init(_ name: String, _ layers: ((inout TarBuilder) -> Void)...) {
            self.name = name
            self.layers = layers.map { TarBuilder.tar($0) }
        }
    }

    static let refused: [Attack] = [
        Attack("a path that climbs", { $0.add("../evil") }),
        Attack("a path that climbs in the middle", { $0.add("a/../../evil") }),
        Attack("a whiteout of the parent", { $0.add("a/.wh...") }),
        Attack("a whiteout of the directory itself", { $0.add("a/.wh..") }),
        Attack("a whiteout of nothing", { $0.add("a/.wh.") }),
        Attack("an entry below a whiteout", { $0.add("a/.wh.b/c") }),
        Attack("a hard link to a file outside", { $0.add("a", type: "1", link: "../../secret") }),
        Attack("a hard link to nothing", { $0.add("a", type: "1", link: "b") }),
        Attack(
            "a hard link to a directory",
            { $0.add("d/", type: "5") },
            { $0.add("a", type: "1", link: "d") }
        ),
        Attack("a file below a file", { $0.add("a") }, { $0.add("a/b") }),
        Attack(
            "links in a circle",
            {
                $0.add("a", type: "2", link: "b"); $0.add("b", type: "2", link: "a")
            },
            { $0.add("a/c") }
        ),
        Attack("a root that is a file", { $0.add(".") }),
    ]

    @Test(arguments: refused)
    func `is refused, with nothing left behind`(_ attack: Attack) async throws {
        try await LayerFixture.run { fixture in
            try write([42], to: fixture.directory + "/secret")
            await #expect {
                switch attack.layers.count {
                case 1: try await fixture.unpack(attack.layers[0])
                default: try await fixture.unpack(attack.layers[0], attack.layers[1])
                }
            } throws: { error in
                (error as? Failure)?.code == .unsafeArchive && (error as? Failure)?.persistence == .permanent
            }
            #expect(tree(fixture.box) == [])
        }
    }

    static let contained: [Attack] = [
        Attack("an absolute path", { $0.add("/evil", content: [1]) }),
        Attack(
            "a link out, and a file through it",
            { $0.add("up", type: "2", link: "../..") },
            { $0.add("up/evil") }
        ),
        Attack(
            "an absolute link, and a file through it",
            { $0.add("up", type: "2", link: "/") },
            { $0.add("up/evil") }
        ),
        Attack(
            "a link out in place of a directory",
            { $0.add("d/", type: "5") },
            {
                $0.add("d", type: "2", link: "../../.."); $0.add("d/evil")
            }
        ),
        Attack(
            "a whiteout through a link out",
            {
                $0.add("evil"); $0.add("up", type: "2", link: "../../..")
            },
            {
                $0.add("up/.wh.secret"); $0.add("up/.wh.box")
            }
        ),
        Attack(
            "an opaque directory through a link out",
            { $0.add("up", type: "2", link: "../..") },
            {
                $0.add("up/.wh..wh..opq"); $0.add("evil")
            }
        ),
        Attack(
            "a hard link to a link out, and a file of its name",
            { $0.add("up", type: "2", link: "../../secret") },
            {
                $0.add("evil", type: "1", link: "up"); $0.add("evil", content: [1])
            }
        ),
    ]

    @Test(arguments: contained)
    func `stays inside`(_ attack: Attack) async throws {
        try await LayerFixture.run { fixture in
            try write([42], to: fixture.directory + "/secret")
            switch attack.layers.count {
            case 1: try await fixture.unpack(attack.layers[0])
            default: try await fixture.unpack(attack.layers[0], attack.layers[1])
            }
            #expect(fixture.exists("evil"))
            #expect(try read(fixture.directory + "/secret") == [42])
            #expect(Set(tree(fixture.box).compactMap { $0.split(separator: "/").first }) == ["out"])
        }
    }

    @Test func `devices are left out`() async throws {
        try await LayerFixture.run { fixture in
            try await fixture.unpack(
                TarBuilder.tar {
                    $0.add("disk", type: "4")
                    $0.add("null", type: "3")
                    $0.add("pipe", type: "6")
                }
            )
            #expect(tree(fixture.out) == ["pipe"])
        }
    }

    @Test func `a layer that is not what the configuration says is refused`() async throws {
        try await LayerFixture.run { fixture in
            let other = try Digest("sha256:" + String(repeating: "a", count: 64))
            await #expect {
                try await fixture.unpack(TarBuilder.tar { $0.add("a") }, diffIDs: [other])
            } throws: { ($0 as? Failure)?.code == .digestMismatch }
            #expect(tree(fixture.box) == [])
        }
    }

    @Test func `entries, sizes and ratios of all layers have their limits`() async throws {
        try await LayerFixture.run { fixture in
            var limits = ArchiveLimits.image
            limits.entryLimit = 3
            let two = TarBuilder.tar {
                $0.add("a"); $0.add("b")
            }
            await #expect { try await fixture.unpack(two, two, limits: limits) } throws: {
                "\($0)".contains("entries")
            }
            limits.entryLimit = 100
            limits.sizeLimit = ByteCount(1500)
            let large = TarBuilder.tar { $0.add("a", content: [UInt8](repeating: 1, count: 1000)) }
            await #expect { try await fixture.unpack(large, large, limits: limits) } throws: {
                "\($0)".contains("more than 1500 bytes")
            }
            limits = .image
            limits.ratioFloor = ByteCount(0)
            let zeros = TarBuilder.tar { $0.add("a", content: [UInt8](repeating: 0, count: 4 << 20)) }
            await #expect { try await fixture.unpack(zeros, compression: .zstd, limits: limits) } throws: {
                "\($0)".contains("limit for its size")
            }
            #expect(tree(fixture.box) == [])
        }
    }

    @Test func `damage and truncation are refused`() async throws {
        try await LayerFixture.run { fixture in
            let whole = TarBuilder.tar { $0.add("a", content: [UInt8](repeating: 1, count: 4000)) }
            await #expect(throws: Failure.self) { try await fixture.unpack(Array(whole.prefix(2000))) }
            await #expect(throws: Failure.self) { try await fixture.unpack(Array("no tar at all".utf8)) }
            #expect(tree(fixture.box) == [])
        }
    }
}
