/// Whether a text is an IP address, as `inet_pton(3)` reads it. Read here, since which manifests are good
/// must not depend on the host.
enum AddressText {
    /// The longest: `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255`.
    private static let lengthLimit = 45

    static func isAddress(_ text: String) -> Bool { isIPv4(text) || isIPv6(text) }

    /// Four numbers up to 255, in decimal and without leading zeros. Source: RFC 6943, section 3.1.1,
    /// "strict".
    static func isIPv4(_ text: some StringProtocol) -> Bool {
        guard text.utf8.count <= lengthLimit else { return false }
        let numbers = text.split(separator: ".", omittingEmptySubsequences: false)
        return numbers.count == 4
            && numbers.allSatisfy { number in
                let digits = number.utf8
                return (1...3).contains(digits.count) && digits.allSatisfy { (0x30...0x39).contains($0) }
                    && (digits.count == 1 || digits.first != 0x30) && UInt8(number) != nil
            }
    }

    /// Eight groups of up to four hexadecimal digits; one `::` stands for one or more of them, and the last
    /// two may be an IPv4 address. No zone. Source: RFC 4291, section 2.2.
    static func isIPv6(_ text: String) -> Bool {
        guard text.utf8.count <= lengthLimit else { return false }
        // A `::` within is one empty group; at an end it is two, of which one goes here.
        var groups = text.split(separator: ":", omittingEmptySubsequences: false)[...]
        guard groups.count > 2 else { return false }
        if groups.first?.isEmpty == true {
            guard groups.dropFirst().first?.isEmpty == true else { return false }
            groups.removeFirst()
        }
        if groups.last?.isEmpty == true {
            guard groups.count == 1 || groups.dropLast().last?.isEmpty == true else { return false }
            if groups.count > 1 { groups.removeLast() }
        }
        var count = 0
        var gaps = 0
        for (index, group) in zip(groups.indices, groups) {
            if group.isEmpty {
                gaps += 1
            } else if index == groups.index(before: groups.endIndex), isIPv4(group) {
                count += 2
            } else if isHexadecimal(group) {
                count += 1
            } else {
                return false
            }
        }
        return gaps == 0 ? count == 8 : gaps == 1 && count < 8
    }

    private static func isHexadecimal(_ group: Substring) -> Bool {
        let letters: [ClosedRange<UInt8>] = [0x30...0x39, 0x41...0x46, 0x61...0x66]
        return group.utf8.count <= 4
            && group.utf8.allSatisfy { byte in letters.contains { $0.contains(byte) } }
    }
}
