/// Texts that came from elsewhere, made fit for a terminal: what a workload or a server wrote must not move
/// the cursor.
enum DisplayText {
    /// On one line: line ends become spaces, control characters are shown as their pictures.
    static func line(_ text: String) -> String { shown(text, keepingLines: false) }

    /// Line ends stay; every other control character is shown as its picture.
    static func multiline(_ text: String) -> String { shown(text, keepingLines: true) }

    private static func shown(_ text: String, keepingLines: Bool) -> String {
        guard text.unicodeScalars.contains(where: isHostile) else { return text }
        var shown = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x0A where keepingLines: shown.append(scalar)
            case 0x09, 0x0A, 0x0D: shown.append(" ")
            // Unicode, "Control Pictures": U+2400 and after, in the order of the controls.
            case 0..<0x20: shown.append(Unicode.Scalar(0x2400 + scalar.value) ?? "\u{FFFD}")
            default: shown.append(isHostile(scalar) ? "\u{FFFD}" : scalar)
            }
        }
        return String(shown)
    }

    /// Controls, and what turns the direction of writing (Unicode, UAX #9).
    private static func isHostile(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    /// How many columns of a terminal the text takes.
    static func width(_ text: String) -> Int {
        // Most texts are ASCII.
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
        return text.reduce(0) { $0 + width($1) }
    }

    private static func width(_ character: Character) -> Int {
        guard let scalar = character.unicodeScalars.first else { return 0 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        switch scalar.value {
        // The blocks whose characters are wide or full width (Unicode, UAX #11).
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3,
            0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F,
            0x1F680...0x1F6FF, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
            return 2
        default:
            return scalar.properties.isEmojiPresentation ? 2 : 1
        }
    }

    /// The text in at most so many columns, with `…` where something was cut off.
    static func cut(_ text: String, to columns: Int) -> String {
        guard width(text) > columns else { return text }
        guard columns > 0 else { return "" }
        var kept = ""
        var used = 0
        for character in text {
            let next = width(character)
            guard used + next <= columns - 1 else { break }
            kept.append(character)
            used += next
        }
        return kept + "…"
    }
}
