public import ERACore

extension JSONValue {
    /// The value as YAML 1.2 text that reads back equal, with a line break at the end.
    ///
    /// The fields of a deployment stand in the order of the schema, all others in alphabetical order, after
    /// `apiVersion`, `kind` and `metadata`.
    public var yamlText: String {
        var writer = YAMLWriter()
        writer.write(self, order: FieldOrder(of: self))
        return writer.text
    }
}

/// The order in which an object's members are written.
struct FieldOrder {
    /// Nil where no schema says anything.
    private let type: SchemaType?

    init(_ type: SchemaType?) { self.type = type }

    /// The schema's order for a deployment.
    init(of value: JSONValue) {
        let isDeployment =
            value["apiVersion"]?.string == ManifestSchema.apiVersion
            && value["kind"]?.string == ManifestSchema.kind
        type = isDeployment ? ManifestSchema.root : nil
    }

    func sorted(_ members: [String: JSONValue]) -> [(key: String, value: JSONValue)] {
        let known = type?.fields.map(\.name) ?? ["apiVersion", "kind", "metadata"]
        let rank = Dictionary(uniqueKeysWithValues: known.enumerated().map { ($1, $0) })
        return members.sorted { left, right in
            let (first, second) = (rank[left.key] ?? known.count, rank[right.key] ?? known.count)
            return first != second ? first < second : left.key < right.key
        }
    }

    func member(_ name: String, _ value: JSONValue) -> FieldOrder {
        guard let type else { return FieldOrder(of: value) }
        return FieldOrder(type.field(name)?.type)
    }

    func element(_ value: JSONValue) -> FieldOrder {
        guard let type else { return FieldOrder(of: value) }
        return FieldOrder(type.element)
    }
}

/// Writes block style; empty collections and texts that need quotes in flow style.
private struct YAMLWriter {
    private var lines: [String] = []
    private var line = ""

    var text: String { (lines + (line.isEmpty ? [] : [line])).joined(separator: "\n") + "\n" }

    mutating func write(_ value: JSONValue, order: FieldOrder, indent: Int = 0) {
        switch value {
        case .array(let elements) where !elements.isEmpty:
            for element in elements {
                startLine(indent)
                line += "-"
                writeBehind(element, order: order.element(element), indent: indent + 2, isElement: true)
            }
        case .object(let members) where !members.isEmpty:
            for (name, value) in order.sorted(members) {
                startLine(indent)
                writeKey(name, indent: indent)
                writeBehind(value, order: order.member(name, value), indent: indent + 2, isElement: false)
            }
        default: line += Self.scalarText(value, indent: indent)
        }
    }

    /// Writes what follows `-` or `key:`.
    private mutating func writeBehind(_ value: JSONValue, order: FieldOrder, indent: Int, isElement: Bool) {
        switch value {
        case .array(let elements) where !elements.isEmpty:
            if isElement { line += " " }
            // Lists stand below their key without indentation of their own, as kubectl writes them.
            write(value, order: order, indent: isElement ? indent : indent - 2)
        case .object(let members) where !members.isEmpty:
            if isElement { line += " " }
            write(value, order: order, indent: indent)
        default: line += " " + Self.scalarText(value, indent: indent)
        }
    }

    /// Begins a line, unless a `- ` has just begun it.
    private mutating func startLine(_ indent: Int) {
        if line.hasSuffix("- "), line.utf8.count == indent, line.utf8.allSatisfy({ $0 == 0x20 || $0 == 0x2D })
        {
            return
        }
        if !line.isEmpty { lines.append(line) }
        line = String(repeating: " ", count: indent)
    }

    private mutating func writeKey(_ key: String, indent: Int) {
        let text = Self.isPlain(key) ? key : Self.quotedText(key)
        if text.utf8.count > Self.simpleKeyLimit {
            line += "? " + Self.quotedText(key)
            startLine(indent)
        } else {
            line += text
        }
        line += ":"
    }

    /// A longer key is written `? key`: YAML readers look ahead no further than 1024 characters.
    private static let simpleKeyLimit = 1000

    private static func scalarText(_ value: JSONValue, indent: Int) -> String {
        switch value {
        case .null: "null"
        case .boolean(let flag): flag ? "true" : "false"
        case .integer(let integer): String(integer)
        case .number(let number):
            number.isFinite ? numberText(number) : number.isNaN ? ".nan" : number < 0 ? "-.inf" : ".inf"
        case .string(let text): stringText(text, indent: indent)
        case .array: "[]"
        case .object: "{}"
        }
    }

    private static func stringText(_ text: String, indent: Int) -> String {
        if isPlain(text) { return text }
        if isLiteral(text) {
            let chomping = text.hasSuffix("\n") ? (text.hasSuffix("\n\n") ? "+" : "") : "-"
            var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            if text.hasSuffix("\n") { lines.removeLast() }
            let margin = String(repeating: " ", count: max(indent, 2))
            return "|\(chomping)\n" + lines.map { $0.isEmpty ? "" : margin + $0 }.joined(separator: "\n")
        }
        return quotedText(text)
    }

    /// Whether a text of several lines can be written as a block, as it is.
    private static func isLiteral(_ text: String) -> Bool {
        guard text.utf8.contains(0x0A), let first = text.utf8.first, first != 0x20, first != 0x09,
            first != 0x0A
        else { return false }
        return text.unicodeScalars.allSatisfy { $0 != "\r" && !isHidden($0.value) }
    }

    /// Whether a text reads back as the same string without quotes, in block and in flow, by YAML 1.1 and 1.2
    /// readers.
    private static func isPlain(_ text: String) -> Bool {
        guard let first = text.utf8.first, let last = text.utf8.last, last != UInt8(ascii: ":") else {
            return false
        }
        let isAlphanumeric = { (byte: UInt8) in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        }
        guard isAlphanumeric(first) || first == UInt8(ascii: "/") || first == UInt8(ascii: "_"), last != 0x20,
            text.utf8.allSatisfy({ isAlphanumeric($0) || " -_./+=:@%~".utf8.contains($0) }),
            !text.contains(": "), CoreSchema.value(ofPlain: text) == .string(text)
        else { return false }
        return !foreignWords.contains(text.lowercased()) && !looksNumeric(text)
    }

    /// What YAML 1.1 takes for a boolean or null.
    private static let foreignWords: Set = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"]

    /// Whether a reader may take the text for a number, a date or a base-60 number: better in quotes, for
    /// people too.
    private static func looksNumeric(_ text: String) -> Bool {
        guard let first = text.utf8.first, (0x30...0x39).contains(first) else { return false }
        return text.utf8.allSatisfy { (0x30...0x39).contains($0) || "+-_.:eExXoO".utf8.contains($0) }
    }

    private static func quotedText(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(Character(scalar))"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case _ where isHidden(scalar.value): quoted += "\\u\(hex(scalar.value, 4))"
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
