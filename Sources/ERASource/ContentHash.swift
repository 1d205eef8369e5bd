/// FNV-1a with 128 bits: names content, stable across processes and machines.
///
/// Not cryptographic: whoever may write manifests has nothing to gain from two that hash alike.
/// Source: draft-eastlake-fnv, sections 2 and 5 (offset basis and prime).
struct ContentHash: Hashable {
    private(set) var value: UInt128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d
    private static let prime: UInt128 = 0x0000_0000_0100_0000_0000_0000_0000_013b

    init() {}

    init(_ bytes: [UInt8]) { combine(bytes) }

    mutating func combine(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { value = (value ^ UInt128(byte)) &* Self.prime }
    }

    /// Adds a text with an end, so that no two sequences of texts are added alike.
    mutating func combine(_ text: String) {
        combine(text.utf8)
        combine(CollectionOfOne(0xFF))  // never part of UTF-8
    }

    mutating func combine(_ other: ContentHash) {
        combine((0..<16).map { UInt8(truncatingIfNeeded: other.value >> ($0 * 8)) })
    }

    /// 32 hexadecimal digits.
    var text: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 32 - digits.utf8.count) + digits
    }
}
