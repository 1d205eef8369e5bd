import Glibc
import Testing

@testable import ERAManifest

@Suite struct `Addresses are read as the host reads them` {
    static let addresses = [
        "0.0.0.0", "127.0.0.1", "255.255.255.255", "::", "::1", "1::", "1::8", "1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7::",
        "::2:3:4:5:6:7:8", "1:2:3::5:6:7:8", "fe80::ABCD:ef01", "::ffff:127.0.0.1", "1:2:3:4:5:6:1.2.3.4",
        "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "1::0000", "::1.2.3.4",
    ]

    static let others = [
        "", ".", "...", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3", "256.0.0.1", "01.2.3.4",
        "00.0.0.0", "+1.2.3.4",
        "-1.2.3.4", " 1.2.3.4", "1.2.3.4 ", "1.2.3.4/8", "0x7f.0.0.1", "1.2.3.١", "127.1", "2130706433",
        "1.2.3.4:80",
        ":", ":::", "::::", "1", "1:", ":1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8:",
        ":1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:8::", "1:2:3:4::5:6:7:8", "1::2::3", "1:::2", ":::1", "1:::", "12345::", "g::",
        "::1%lo", "::1%1",
        "[::1]", "1.2.3.4::", "::1.2.3.4:1", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3", "::256.1.1.1", "::01.2.3.4",
        "::1 ",
        "::\u{FF11}", String(repeating: "0", count: 100_000), String(repeating: ":", count: 100_000),
        "::" + String(repeating: "0", count: 44),
    ]

    @Test(arguments: addresses)
    func `an address is one`(_ text: String) {
        #expect(AddressText.isAddress(text))
        #expect(Self.hostReads(text))
    }

    @Test(arguments: others)
    func `what only looks like an address is none`(_ text: String) {
        #expect(!AddressText.isAddress(text))
        #expect(!Self.hostReads(text))
    }

    @Test func `both agree on 20,000 damaged addresses`() {
        var random = SeededRandom(seed: 42)
        let alphabet = Array(":::...0125afF6%g ").map(String.init)
        for _ in 0..<20_000 {
            var characters = random.pick(Self.addresses).map(String.init)
            for _ in 0...Int.random(in: 0...2, using: &random) {
                let place = Int.random(in: 0...characters.count, using: &random)
                if random.chance(50) || place == characters.count {
                    characters.insert(random.pick(alphabet), at: place)
                } else {
                    characters.remove(at: place)
                }
            }
            let text = characters.joined()
            #expect(AddressText.isAddress(text) == Self.hostReads(text), "\(text)")
        }
    }

    private static func hostReads(_ text: String) -> Bool {
        var (four, six) = (in_addr(), in6_addr())
        return inet_pton(AF_INET, text, &four) == 1 || inet_pton(AF_INET6, text, &six) == 1
    }
}
