/// An IPv4 address.
struct IPv4Address: Hashable, Sendable, CustomStringConvertible {
    let value: UInt32

    init(_ value: UInt32) { self.value = value }

    /// Reads four numbers with dots; nil for anything else, as for numbers with a zero before them.
    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard part.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let byte = UInt8(part),
                part == String(byte)
            else { return nil }
            value = value << 8 | UInt32(byte)
        }
        self.value = value
    }

    var description: String { [24, 16, 8, 0].map { String(value >> $0 & 0xFF) }.joined(separator: ".") }

    var isLoopback: Bool { value >> 24 == 127 }
}

/// A range of IPv4 addresses: `10.80.4.0/22`.
struct CNISubnet: Hashable, Sendable, CustomStringConvertible {
    let base: IPv4Address
    /// Bits that all of its addresses share; 0 to 32.
    let length: Int

    /// - Parameter address: Any of it.
    init(_ address: UInt32, _ length: Int) {
        self.length = length
        base = IPv4Address(address & Self.mask(length))
    }

    private static func mask(_ length: Int) -> UInt32 { length == 0 ? 0 : ~0 << UInt32(32 - length) }

    var mask: UInt32 { Self.mask(length) }
    /// The bridge's own address, by which its containers reach everything else.
    var gateway: IPv4Address { IPv4Address(base.value + 1) }
    var description: String { "\(base)/\(length)" }

    func overlaps(_ other: CNISubnet) -> Bool {
        let common = Self.mask(min(length, other.length))
        return base.value & common == other.base.value & common
    }

    // MARK: The choice

    /// How many addresses a bridge has: 1021 containers, and three that are none's.
    static let prefixLength = 22
    /// Where subnets are taken from, in this order: what neither podman, nor Docker, nor Kubernetes takes
    /// first.
    static let pools = [
        CNISubnet(0x0A50_0000, 14),  // 10.80.0.0
        CNISubnet(0xAC1C_0000, 14),  // 172.28.0.0
        CNISubnet(0xC0A8_8000, 17),  // 192.168.128.0
    ]

    /// The subnet of a bridge: the one that it has, else the first of the pools that no route touches.
    ///
    /// - Parameters:
    ///   - kept: The address that the bridge has; nil where there is no bridge.
    ///   - routes: All of the host.
    ///   - seed: Where in a pool it begins to look, so that two ERAs rarely choose alike.
    /// - Returns: Nil where all is taken.
    static func choose(
        for bridge: String,
        kept: IPv4Address?,
        among routes: [HostRoute],
        seed: UInt32
    ) -> CNISubnet? {
        let candidates = pools.flatMap { pool in
            let count = UInt32(1) << UInt32(prefixLength - pool.length)
            return (0..<count).map { index in
                let number = (index &+ seed) % count
                return CNISubnet(pool.base.value + number << UInt32(32 - prefixLength), prefixLength)
            }
        }
        if let own = candidates.first(where: { $0.gateway == kept }) { return own }
        let others = routes.filter { $0.interface != bridge }.map(\.subnet)
        return candidates.first { candidate in !others.contains { $0.overlaps(candidate) } }
    }
}

/// A route of the host but the default one.
struct HostRoute: Hashable, Sendable {
    /// The most lines of the table that are looked at.
    static let tableLimit = 10_000

    let interface: String
    let subnet: CNISubnet

    /// Reads `/proc/net/route`: interface, destination and, eighth, mask, in hexadecimal, least byte first.
    static func parse(_ table: String) -> [HostRoute] {
        table.split(separator: "\n").dropFirst().prefix(tableLimit).compactMap { line in
            let fields = line.split(whereSeparator: \.isWhitespace)
            guard fields.count >= 8, let destination = UInt32(fields[1], radix: 16),
                let mask = UInt32(fields[7], radix: 16), mask != 0
            else { return nil }
            let subnet = CNISubnet(destination.byteSwapped, mask.nonzeroBitCount)
            return HostRoute(interface: String(fields[0]), subnet: subnet)
        }
    }
}
