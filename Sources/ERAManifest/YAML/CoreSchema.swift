import ERACore

/// The types of scalars by the core schema of YAML 1.2.
///
/// Source: YAML 1.2.2, section 10.3.2, "Tag Resolution". So `no`, `on` and `22:22` are strings, `0o17` is 15,
/// `0123` is 123 and `1e3` is a number.
enum CoreSchema {
    /// The value of a plain scalar without a tag.
    ///
    /// An integer that does not fit 64 bits becomes a number, as a JSON reader would take it.
    static func value(ofPlain text: String) -> JSONValue {
        guard let first = text.utf8.first else { return .null }
        switch first {
        case UInt8(ascii: "~"), UInt8(ascii: "n"), UInt8(ascii: "N"):
            if ["~", "null", "Null", "NULL"].contains(text) { return .null }
        case UInt8(ascii: "t"), UInt8(ascii: "T"):
            if ["true", "True", "TRUE"].contains(text) { return .boolean(true) }
        case UInt8(ascii: "f"), UInt8(ascii: "F"):
            if ["false", "False", "FALSE"].contains(text) { return .boolean(false) }
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
            return number(text) ?? .string(text)
        default: break
        }
        return .string(text)
    }

    private static func number(_ text: String) -> JSONValue? {
        guard text.utf8.count <= ManifestLimits.numberLengthLimit else { return nil }
        if text.hasPrefix("0o") { return radix(text.dropFirst(2), 8) }
        if text.hasPrefix("0x") { return radix(text.dropFirst(2), 16) }
        var rest = Substring(text)
        let sign = rest.first == "-" ? -1.0 : 1.0
        if let first = rest.first, first == "+" || first == "-" { rest = rest.dropFirst() }
        if [".inf", ".Inf", ".INF"].contains(rest) { return .number(sign * .infinity) }
        if [".nan", ".NaN", ".NAN"].contains(text) { return .number(.nan) }
        guard let isInteger = decimalForm(rest.utf8) else { return nil }
        if isInteger, let value = Int64(text) { return .integer(value) }
        return Double(text).map(JSONValue.number)
    }

    /// Whether the digits are those of an integer (true), of a number with fraction or exponent (false), or
    /// of nothing.
    private static func decimalForm(_ text: Substring.UTF8View) -> Bool? {
        var rest = text[...]
        func digits() -> Int {
            let count = rest.prefix { (0x30...0x39).contains($0) }.count
            rest = rest.dropFirst(count)
            return count
        }
        let whole = digits()
        var isInteger = true
        if rest.first == UInt8(ascii: ".") {
            isInteger = false
            rest = rest.dropFirst()
            let fraction = digits()
            guard whole + fraction > 0 else { return nil }
        } else if whole == 0 {
            return nil
        }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            isInteger = false
            rest = rest.dropFirst()
            if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
            guard digits() > 0 else { return nil }
        }
        return rest.isEmpty ? isInteger : nil
    }

    private static func radix(_ digits: Substring, _ radix: Int) -> JSONValue? {
        // Int64 accepts a sign, the core schema none.
        guard let first = digits.first, first != "+", first != "-" else { return nil }
        if let value = Int64(digits, radix: radix) { return .integer(value) }
        guard digits.allSatisfy({ $0.isASCII && ($0.hexDigitValue ?? 16) < radix }) else { return nil }
        return .number(digits.reduce(0.0) { $0 * Double(radix) + Double($1.hexDigitValue ?? 0) })
    }

    /// The prefix of the tags that YAML itself defines, written `!!`.
    static let tagPrefix = "tag:yaml.org,2002:"

    /// The value of a scalar with a tag; nil when the text has not the tag's form, or the tag is not of the
    /// core schema.
    static func value(of text: String, tag: String) -> JSONValue? {
        if tag == "!" || tag == tagPrefix + "str" { return .string(text) }
        let value = value(ofPlain: text)
        switch (value, tag.dropFirst(tagPrefix.count)) {
        case (.null, "null"), (.boolean, "bool"), (.integer, "int"), (.number, "float"): return value
        case (.integer(let integer), "float"): return .number(Double(integer))
        default: return nil
        }
    }

    /// Whether the core schema has the tag for scalars.
    static func isScalarTag(_ tag: String) -> Bool {
        tag == "!" || ["str", "null", "bool", "int", "float"].contains { tag == tagPrefix + $0 }
    }
}
