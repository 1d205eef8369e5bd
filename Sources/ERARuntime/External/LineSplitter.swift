/// Makes lines of what arrives in pieces.
struct LineSplitter {
    /// What of a line is kept, in bytes.
    static let lineLimit = 4096

    /// The last line that was whole.
    private(set) var last = ""
    private var pending: [UInt8] = []

    /// - Returns: The lines that are whole now, without control characters.
    mutating func add(_ bytes: [UInt8]) -> [String] {
        var lines: [String] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                lines += end()
            } else if pending.count < Self.lineLimit {
                pending.append(byte)
            }
        }
        return lines
    }

    /// - Returns: The line that nothing ended.
    mutating func end() -> [String] {
        let text = plainText(pending)
        pending = []
        guard !text.isEmpty else { return [] }
        last = text
        return [text]
    }
}

/// A text for people: what is no UTF-8 and what controls a terminal is replaced.
func plainText(_ bytes: some Collection<UInt8>) -> String {
    var text = String.UnicodeScalarView()
    for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: text.append(" ")
        default: text.append(scalar)
        }
    }
    let trimmed = String(text).drop { $0 == " " }
    return String(trimmed.reversed().drop { $0 == " " }.reversed())
}
