public import ERACore

extension JSONValue {
    /// The one text of this value: no white space, keys in the order of their UTF-8 bytes.
    ///
    /// Equal values have equal texts, and reading the text gives an equal value. A number that JSON cannot
    /// write (infinity, not a number) becomes `null`.
    public var canonicalText: String { text(pretty: false) }

    /// The value as JSON text (RFC 8259).
    /// - Parameter pretty: Two spaces of indentation and a line per member; else one line. Keys are sorted
    ///   either way.
    public func text(pretty: Bool) -> String { String(decoding: utf8Text(pretty: pretty), as: UTF8.self) }

    /// ``text(pretty:)`` as the bytes that are sent.
    public func utf8Text(pretty: Bool) -> [UInt8] {
        var writer = JSONWriter(isPretty: pretty)
        writer.write(self, depth: 0)
        return writer.bytes
    }
}

private struct JSONWriter {
    let isPretty: Bool
    var bytes: [UInt8] = []

    init(isPretty: Bool) { self.isPretty = isPretty }

    mutating func write(_ value: JSONValue, depth: Int) {
        switch value {
        case .null: bytes += "null".utf8
        case .boolean(let flag): bytes += (flag ? "true" : "false").utf8
        case .integer(let integer): bytes += String(integer).utf8
        case .number(let number): bytes += (number.isFinite ? numberText(number) : "null").utf8
        case .string(let text): write(text)
        case .array(let elements):
            writeParts("[", "]", elements, depth: depth) { writer, element in
                writer.write(element, depth: depth + 1)
            }
        case .object(let members):
            // Sorting by bytes: String's own order is that of Unicode normal forms, and dearer.
            let sorted = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            writeParts("{", "}", sorted, depth: depth) { writer, member in
                writer.write(member.key)
                writer.bytes += (writer.isPretty ? ": " : ":").utf8
                writer.write(member.value, depth: depth + 1)
            }
        }
    }

    private mutating func writeParts<Part>(
        _ open: String,
        _ close: String,
        _ parts: [Part],
        depth: Int,
        _ writePart: (inout JSONWriter, Part) -> Void
    ) {
        bytes += open.utf8
        for (index, part) in parts.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            breakLine(depth + 1)
            writePart(&self, part)
        }
        if !parts.isEmpty { breakLine(depth) }
        bytes += close.utf8
    }

    private mutating func breakLine(_ depth: Int) {
        guard isPretty else { return }
        bytes.append(UInt8(ascii: "\n"))
        bytes += repeatElement(UInt8(ascii: " "), count: depth * 2)
    }

    private mutating func write(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        if text.utf8.allSatisfy({ $0 < 0x80 }) { writeBytes(text) } else { writeScalars(text) }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func writeBytes(_ text: String) {
        // Most need no escape, and are copied in one piece.
        guard text.utf8.contains(where: { $0 < 0x20 || $0 == 0x22 || $0 == 0x5C || $0 == 0x7F }) else {
            bytes += text.utf8
            return
        }
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0x0A: bytes += #"\n"#.utf8
            case 0x0D: bytes += #"\r"#.utf8
            case 0x09: bytes += #"\t"#.utf8
            case 0x00...0x1F, 0x7F: bytes += "\\u\(hex(byte, 4))".utf8
            default: bytes.append(byte)
            }
        }
    }

    /// Escapes what a manifest file may not contain, too, so that every object can be written into one.
    private mutating func writeScalars(_ text: String) {
        for scalar in text.unicodeScalars {
            if scalar.isASCII || !isHidden(scalar.value) {
                writeBytes(String(Character(scalar)))
            } else {
                bytes += "\\u\(hex(scalar.value, 4))".utf8
            }
        }
    }
}

/// The shortest text that reads back as the same number, and not as an integer: `2.0`, `1e+100`.
func numberText(_ number: Double) -> String {
    let text = "\(number)"
    return text.utf8.allSatisfy({ $0 == UInt8(ascii: "-") || (0x30...0x39).contains($0) })
        ? text + ".0" : text
}
