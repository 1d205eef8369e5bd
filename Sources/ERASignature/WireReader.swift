/// Reads the data types of the SSH protocol, and never past the end.
///
/// Source: RFC 4251, section 5.
struct WireReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    var isAtEnd: Bool { rest.isEmpty }

    /// The next `count` bytes; nil where there are fewer.
    mutating func bytes(_ count: Int) -> [UInt8]? {
        guard count <= rest.count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    mutating func uint32() -> UInt32? {
        bytes(4).map { $0.reduce(0) { $0 << 8 | UInt32($1) } }
    }

    /// A `string`: its length in four bytes, then as many bytes.
    mutating func string() -> [UInt8]? {
        guard let count = uint32() else { return nil }
        return bytes(Int(count))
    }

    /// A `string` that is a name.
    mutating func name() -> String? {
        string().flatMap { String(validating: $0, as: UTF8.self) }
    }

    /// An `mpint` that is not negative, without leading zeros; nil where it is not in its only form.
    mutating func magnitude() -> [UInt8]? {
        guard let bytes = string() else { return nil }
        guard let first = bytes.first else { return [] }
        guard first < 0x80 else { return nil }
        guard first == 0 else { return bytes }
        return bytes.count > 1 && bytes[1] >= 0x80 ? Array(bytes.dropFirst()) : nil
    }

    /// The bytes of a `string`.
    static func string(_ bytes: some Collection<UInt8>) -> [UInt8] {
        (0..<4).reversed().map { UInt8(truncatingIfNeeded: bytes.count >> ($0 * 8)) } + bytes
    }
}
