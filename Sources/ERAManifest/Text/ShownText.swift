/// Code points that a reader cannot see or that turn the reading order: they are refused in files and
/// never printed.
///
/// C0 and C1 controls but tab and line breaks; U+2028 and U+2029, which YAML 1.1 takes for line breaks and
/// 1.2 does not; byte order marks; the non-characters that YAML excludes; and every code point with the
/// property Bidi_Control (see CVE-2021-42574, "Trojan Source").
func isHidden(_ value: UInt32) -> Bool {
    switch value {
    case 0x09, 0x0A, 0x0D: false
    case 0x00...0x1F, 0x7F...0x9F: true
    case 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
    case 0xFEFF, 0xFFFE, 0xFFFF: true
    default: false
    }
}

/// A text of the user in a message: in quotes, hidden characters escaped, and cut after 80 code points.
func quoted(_ text: some StringProtocol) -> String {
    var shown = "\""
    for (count, scalar) in text.unicodeScalars.enumerated() {
        if count == quotedLengthLimit {
            shown += "…"
            break
        }
        switch scalar {
        case "\"", "\\": shown += "\\\(Character(scalar))"
        case "\n": shown += "\\n"
        case "\r": shown += "\\r"
        case "\t": shown += "\\t"
        case _ where isHidden(scalar.value): shown += "\\u{\(String(scalar.value, radix: 16))}"
        default: shown.unicodeScalars.append(scalar)
        }
    }
    return shown + "\""
}

/// The longest part of a user's text that a message repeats, in code points.
private let quotedLengthLimit = 80

/// `a, b or c`.
func alternatives(_ words: [String], _ conjunction: String = "or") -> String {
    guard words.count > 1, let last = words.last else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " \(conjunction) \(last)"
}
