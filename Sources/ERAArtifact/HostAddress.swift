import Glibc

/// What kind of place an IP address written in a URL leads to.
enum HostAddress: Equatable {
    /// This machine: 127.0.0.0/8, ::1, and the unspecified addresses, which reach it as well.
    case loopback
    /// Neighbours only, and where clouds keep their credentials: 169.254.0.0/16, fe80::/10, fd00:ec2::254,
    /// 100.100.100.200.
    case linkLocal
    case other

    /// Nil unless the text is four decimal parts without leading zeros.
    init?(ipv4 text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let bytes = parts.compactMap { part in
            part.utf8.allSatisfy { (0x30...0x39).contains($0) } && (part == "0" || !part.hasPrefix("0"))
                ? UInt8(part) : nil
        }
        guard parts.count == 4, bytes.count == 4 else { return nil }
        self.init(bytes)
    }

    /// Nil unless the text is an IPv6 address without brackets or zone.
    init?(ipv6 text: String) {
        var address = in6_addr()
        guard inet_pton(AF_INET6, text, &address) == 1 else { return nil }
        let bytes = withUnsafeBytes(of: address) { Array($0) }
        let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
        if isMapped {
            self.init(Array(bytes[12...]))
        } else if bytes[..<15].allSatisfy({ $0 == 0 }), bytes[15] <= 1 {
            self = .loopback
        } else if bytes[0] == 0xFE, bytes[1] & 0xC0 == 0x80 {
            self = .linkLocal
        } else if bytes == [0xFD, 0, 0x0E, 0xC2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x54] {
            self = .linkLocal
        } else {
            self = .other
        }
    }

    /// The host of a URL as ``HTTPLocation`` keeps it; a name is ``other`` unless it is a known one.
    init(host: String) {
        if host == "localhost" || host.hasSuffix(".localhost") {
            self = .loopback
        } else if host == "metadata.google.internal" || host == "metadata" {
            self = .linkLocal
        } else if host.hasPrefix("[") {
            self = HostAddress(ipv6: String(host.dropFirst().dropLast())) ?? .other
        } else {
            self = HostAddress(ipv4: host) ?? .other
        }
    }

    private init(_ bytes: [UInt8]) {
        switch (bytes[0], bytes[1]) {
        case (127, _), (0, _): self = .loopback
        case (169, 254): self = .linkLocal
        default: self = bytes == [100, 100, 100, 200] ? .linkLocal : .other
        }
    }
}
