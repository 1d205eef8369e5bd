/// The bytes of a file: whether they are text that ERA reads, and what stands where.
struct SourceText {
    /// Without a byte order mark.
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
    }

    /// Something that is not text, by its offset in bytes.
    struct Flaw: Equatable {
        let offset: Int
        let message: String
    }

    /// What keeps the bytes from being UTF-8 text without hidden characters, in order; at most `limit` flaws.
    func flaws(limit: Int) -> [Flaw] {
        if let encoding = foreignEncoding {
            return [Flaw(offset: 0, message: "the file is \(encoding); save it as UTF-8")]
        }
        var flaws: [Flaw] = []
        bytes.withUnsafeBufferPointer { bytes in
            var offset = 0
            while offset < bytes.count, flaws.count < limit {
                let byte = bytes[offset]
                if byte >= 0x20 && byte < 0x7F || byte == 0x0A || byte == 0x0D || byte == 0x09 {
                    offset += 1
                    continue
                }
                guard let (value, length) = Self.codePoint(in: bytes, at: offset) else {
                    flaws.append(Flaw(offset: offset, message: "invalid UTF-8: byte \(hex(byte, 2))"))
                    // One flaw for a run of bytes that cannot start a character.
                    offset += 1
                    while offset < bytes.count, bytes[offset] & 0xC0 == 0x80 { offset += 1 }
                    continue
                }
                if isHidden(value) {
                    flaws.append(Flaw(offset: offset, message: Self.refusal(of: value)))
                }
                offset += length
            }
        }
        return flaws
    }

    private static func refusal(of value: UInt32) -> String {
        let name = "U+" + hex(value, 4)
        return switch value {
        case 0: "a NUL character; the file is binary or damaged"
        case 0xFEFF: "a byte order mark (\(name)) inside the file; remove it"
        case 0x2028, 0x2029:
            "a line separator (\(name)), which YAML versions read differently; "
                + "write it as \\u\(hex(value, 4)) in double quotes"
        case 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069:
            "a bidirectional control character (\(name)), which can make a text look other than it is; "
                + "write it as \\u\(hex(value, 4)) in double quotes"
        default: "a control character (\(name)); write it as an escape in double quotes"
        }
    }

    /// UTF-16 or UTF-32, by its mark or by its zero bytes.
    private var foreignEncoding: String? {
        let head = Array(bytes.prefix(4))
        guard head.count >= 2 else { return nil }
        if head == [0xFF, 0xFE, 0, 0] || head == [0, 0, 0xFE, 0xFF] { return "UTF-32" }
        if head[0] == 0xFF && head[1] == 0xFE || head[0] == 0xFE && head[1] == 0xFF { return "UTF-16" }
        if (head[0] == 0) != (head[1] == 0), head.count < 4 || (head[2] == 0) != (head[3] == 0) {
            return "UTF-16"
        }
        return nil
    }

    /// The code point at `offset`, and its length in bytes; nil unless it is well-formed (RFC 3629).
    static func codePoint(in bytes: UnsafeBufferPointer<UInt8>, at offset: Int) -> (UInt32, Int)? {
        let lead = bytes[offset]
        let (length, minimum): (Int, UInt32)
        switch lead {
        case 0x00...0x7F: return (UInt32(lead), 1)
        case 0xC2...0xDF: (length, minimum) = (2, 0x80)
        case 0xE0...0xEF: (length, minimum) = (3, 0x800)
        case 0xF0...0xF4: (length, minimum) = (4, 0x10000)
        default: return nil
        }
        guard offset + length <= bytes.count else { return nil }
        var value = UInt32(lead) & (0xFF >> UInt32(length + 1))
        for index in offset + 1..<offset + length {
            guard bytes[index] & 0xC0 == 0x80 else { return nil }
            value = value << 6 | UInt32(bytes[index] & 0x3F)
        }
        guard value >= minimum, Unicode.Scalar(value) != nil else { return nil }
        return (value, length)
    }
}

/// Upper-case hexadecimal digits, at least `width`.
func hex(_ value: some BinaryInteger, _ width: Int) -> String {
    let digits = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
}
