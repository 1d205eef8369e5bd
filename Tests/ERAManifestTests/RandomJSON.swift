import ERACore

/// Texts that YAML writers get wrong.
private let trickyTexts = [
    "", " ", "  a", "a ", "\t", "\ta", "no", "yes", "on", "off", "y", "N", "true", "True", "null", "Null",
    "~", "1", "1.0",
    "0123", "0o17", "0x1F", "1e3", ".inf", "-.inf", ".nan", ".5", "-", "- a", "-a", "--- a", "---", "...",
    "?", "? a", ":", "a:",
    "a: b", ": a", "a:b", "#", "a #b", "a#b", "&a", "*a", "!a", "!!str a", "|", ">", "%a", "@a", "`a`", "'a'",
    "\"a\"", "'", "\"",
    "a'b", "a\"b", "\\", "\\n", "a\\", "[", "]", "[a]", "{", "}", "{a: b}", ",", "a, b", "22:22", "1:2:3",
    "2026-01-02", "1_000",
    "=", "<<", "a\nb", "a\n", "a\n\n", "\na", "\n", "\n\n", "a\n b\n", " a\nb", "a\n  \nb", "a\n\tb", "a\t\n",
    "a \nb ", "a\n#b", "a\n---\nb",
    "a\r\nb", "\r", "\u{0}", "\u{1}", "\u{7F}", "\u{85}", "\u{A0}", "\u{2028}", "\u{2029}", "\u{202E}",
    "\u{FEFF}", "\u{FFFE}",
    "\u{FFFF}", "é", "e\u{301}", "日本語", "\u{1F600}", "\u{1F468}\u{200D}\u{1F469}", "\u{10FFFF}", "\u{E000}",
    "/a", "a/b", "_a", "a@b",
    "a%b", "a=b", "a~", "1.2.3", "256Mi", "12:", "0", "-0", "+1", "+", "1e", "e1", "0x", "Infinity", "NaN",
    "a  b",
]

extension SeededRandom {
    mutating func text() -> String {
        switch Int.random(in: 0..<10, using: &self) {
        case 0..<6: return pick(trickyTexts)
        case 6: return pick(trickyTexts) + pick(trickyTexts)
        case 7: return String(repeating: pick(trickyTexts), count: Int.random(in: 1...300, using: &self))
        default:
            let alphabet = Array("ab1 -:#'\"\\\n\t[]{},&*!|>%@?~é\u{1}").map(String.init)
            return (0..<Int.random(in: 0...12, using: &self)).map { _ in pick(alphabet) }.joined()
        }
    }

    mutating func json(depth: Int = 4) -> JSONValue {
        switch Int.random(in: 0..<(depth > 0 ? 9 : 6), using: &self) {
        case 0: return .null
        case 1: return .boolean(chance(50))
        case 2: return .integer(pick([0, 1, -1, .max, .min, Int64.random(in: .min ... .max, using: &self)]))
        case 3:
            let exponent = Double.random(in: -300...300, using: &self)
            return .number(
                pick([
                    0, -0.0, 0.1, 2, -1.5, 1e16, 1e300, .leastNonzeroMagnitude, .greatestFiniteMagnitude,
                    exponent,
                ])
            )
        case 4, 5: return .string(text())
        case 6: return .array(list(upTo: 5) { $0.json(depth: depth - 1) })
        default:
            let members = list(upTo: 5) { ($0.text(), $0.json(depth: depth - 1)) }
            return .object(Dictionary(members) { _, last in last })
        }
    }
}
