import ERACore

/// One type of the manifest: how it is described, read and written.
///
/// The whole schema is one value of this type; whatever ERA says about manifests comes from it.
struct Codec<Value: Sendable>: Sendable {
    let type: SchemaType
    /// Nil after noting at least one error in the reading.
    let read: @Sendable (YAMLNode, inout Reading) -> Value?
    let write: @Sendable (Value, Defaults) -> JSONValue
}

/// What to do, in writing, with fields that are at their defaults.
enum Defaults: Sendable {
    case include, leaveOut
}

extension YAMLNode {
    /// What the node is, for a message.
    var noun: String {
        switch content {
        case .sequence: "a list"
        case .mapping: "a mapping"
        case .scalar(let scalar):
            switch scalar.value {
            case .null: "empty"
            case .boolean: "the boolean \(scalar.text)"
            case .integer, .number: "the number \(scalar.text)"
            case .string, .array, .object: "the text \(quoted(scalar.text))"
            }
        }
    }

    /// The scalar's text as a value in a message.
    var shown: String {
        guard let scalar else { return noun }
        return if case .string = scalar.value { quoted(scalar.text) } else { noun }
    }
}

// MARK: Scalars

extension Codec {
    /// A text that `parse` turns into a value.
    static func text(
        _ format: TextFormat,
        parse: @escaping @Sendable (String) throws(InvalidValue) -> Value,
        write: @escaping @Sendable (Value) -> String
    ) -> Codec {
        Codec(type: .text(format)) { node, reading in
            guard let text = readText(node, format, &reading) else { return nil }
            return parsed(text, at: node.position, &reading, parse)
        } write: { value, _ in
            .string(write(value))
        }
    }

    /// Runs a parser and notes why it refuses.
    static func parsed(
        _ text: String,
        at position: SourcePosition,
        _ reading: inout Reading,
        _ parse: (String) throws(InvalidValue) -> Value
    ) -> Value? {
        do throws(InvalidValue) { return try parse(text) } catch {
            reading.refuse(position, .invalid, "\(quoted(error.found)) is not \(error.expected)")
            return nil
        }
    }

    /// One word of an enumeration.
    static func word() -> Codec where Value: RawRepresentable<String> & CaseIterable {
        let words = Value.allCases.map(\.rawValue)
        return Codec(type: .enumeration(words)) { node, reading in
            if let text = node.string, let value = Value(rawValue: text) { return value }
            reading.refuse(node.position, .invalid, refusal(of: node, words))
            return nil
        } write: { value, _ in
            .string(value.rawValue)
        }
    }

    private static func refusal(of node: YAMLNode, _ words: [String]) -> String {
        let near = node.string.flatMap { suggestion(for: $0, among: words) }
        return "\(node.shown) is not one of \(alternatives(words))"
            + (near.map { "; did you mean \($0)?" } ?? "")
    }
}

/// The text of a string node; notes an error for anything else, for NUL, and above the limit.
func readText(_ node: YAMLNode, _ format: TextFormat, _ reading: inout Reading) -> String? {
    guard case .scalar(let scalar) = node.content else {
        reading.refuse(node.position, .invalid, "\(node.noun) is not \(format.noun)")
        return nil
    }
    switch scalar.value {
    case .string(let text): return checked(text, at: node.position, &reading)
    case .null:
        reading.refuse(node.position, .invalid, "is empty; it takes \(format.noun)")
    case .boolean, .integer, .number, .array, .object:
        let quotedWhole = "\"\(scalar.text)\""
        reading.refuse(
            node.position,
            .invalid,
            format.pattern == nil
                ? "\(node.noun) is not a text; put it in quotes: \(quotedWhole)"
                : "\(node.noun) is not \(format.noun); put it in quotes, as in \(quoted(format.example))"
        )
    }
    return nil
}

/// The text, unless no field takes it.
func checked(_ text: String, at position: SourcePosition, _ reading: inout Reading) -> String? {
    if text.utf8.contains(0) {
        reading.refuse(position, .invalid, "contains a NUL character, which no program can be given")
        return nil
    }
    if text.utf8.count > ManifestLimits.textLimit {
        reading.refuse(position, .invalid, "has more than \(ManifestLimits.textLimit) bytes")
        return nil
    }
    return text
}

extension Codec<Bool> {
    static let boolean = Codec(type: .boolean) { node, reading in
        if let flag = node.scalar?.value.boolean { return flag }
        let hint = node.string == nil ? "" : ", without quotes"
        reading.refuse(node.position, .invalid, "\(node.shown) is not a boolean; write true or false\(hint)")
        return nil
    } write: { value, _ in
        .boolean(value)
    }
}

extension Codec<Int> {
    static func integer(_ range: ClosedRange<Int64>) -> Codec {
        Codec(type: .integer(range)) { node, reading in
            readInteger(node, range, &reading)
        } write: { value, _ in
            .integer(Int64(value))
        }
    }
}

/// A whole number within the range, also one written `10.0` or `1e1`.
func readInteger(_ node: YAMLNode, _ range: ClosedRange<Int64>, _ reading: inout Reading) -> Int? {
    let bounds = "between \(range.lowerBound) and \(range.upperBound)"
    switch node.scalar?.value {
    case .integer(let value)?:
        if range.contains(value) { return Int(value) }
        reading.refuse(node.position, .invalid, "\(node.scalar?.text ?? "") is not \(bounds)")
    case .number(let value)?:
        if let whole = Int64(exactly: value), range.contains(whole) { return Int(whole) }
        reading.refuse(
            node.position,
            .invalid,
            "\(node.scalar?.text ?? "") is not a whole number \(bounds)"
        )
    case .string(let text)? where Int64(text) != nil:
        reading.refuse(node.position, .invalid, "\(quoted(text)) is a text; write the number without quotes")
    default:
        reading.refuse(node.position, .invalid, "\(node.shown) is not a whole number \(bounds)")
    }
    return nil
}

extension Codec<Double> {
    static func number(_ range: ClosedRange<Double>) -> Codec {
        Codec(type: .number(range)) { node, reading in
            let value: Double? =
                switch node.scalar?.value {
                case .integer(let integer)?: Double(integer)
                case .number(let number)?: number
                default: nil
                }
            if let value, range.contains(value) { return value }
            reading.refuse(
                node.position,
                .invalid,
                "\(value == nil ? node.shown : node.scalar?.text ?? "") is not a number between "
                    + "\(shortText(range.lowerBound)) and \(shortText(range.upperBound))"
            )
            return nil
        } write: { value, _ in
            Int64(exactly: value).map(JSONValue.integer) ?? .number(value)
        }
    }
}

/// `2` for 2.0.
func shortText(_ number: Double) -> String { Int64(exactly: number).map { String($0) } ?? String(number) }

// MARK: Collections

extension Codec {
    /// A list of values of one type, at most ``ManifestLimits/listLimit``.
    static func list<Element>(_ element: Codec<Element>) -> Codec where Value == [Element] {
        Codec(type: .list(element.type)) { node, reading in
            guard case .sequence(let nodes) = node.content else {
                let hint = node.scalar == nil || node.isNull ? "" : "; put it in brackets"
                reading.refuse(node.position, .invalid, "\(node.noun) is not a list\(hint)")
                return nil
            }
            guard nodes.count <= ManifestLimits.listLimit else {
                reading.refuse(
                    node.position,
                    .invalid,
                    "has \(nodes.count) elements, of at most \(ManifestLimits.listLimit)"
                )
                return nil
            }
            let values = nodes.enumerated().map { index, node in
                reading.at(.index(index)) { element.read(node, &$0) }
            }
            let whole = values.compactMap(\.self)
            return whole.count == values.count ? whole : nil
        } write: { values, defaults in
            .array(values.map { element.write($0, defaults) })
        }
    }
}

extension Codec<[String: String]> {
    /// A map of texts whose keys the user chooses, at most ``ManifestLimits/listLimit`` of them.
    static func map(
        keys: TextFormat,
        values: TextFormat,
        isKey: @escaping @Sendable (String) -> Bool,
        isValue: @escaping @Sendable (String) -> Bool
    ) -> Codec {
        Codec(type: .map(keys: keys, values: values)) { node, reading in
            guard case .mapping(let members) = node.content else {
                reading.refuse(node.position, .invalid, "\(node.noun) is not a mapping of texts")
                return nil
            }
            guard members.count <= ManifestLimits.listLimit else {
                reading.refuse(
                    node.position,
                    .invalid,
                    "has \(members.count) members, of at most \(ManifestLimits.listLimit)"
                )
                return nil
            }
            let before = reading.errorCount
            var map: [String: String] = [:]
            // Merge keys are noted wherever they stand, by checkStructure.
            for member in members where !member.isMerge {
                reading.at(.entry(member.key)) { reading in
                    if !isKey(member.key) {
                        reading.refuse(member.keyPosition, .invalid, "the key is not \(keys.noun)")
                    }
                    guard let text = readText(member.value, values, &reading) else { return }
                    if !isValue(text) {
                        reading.refuse(
                            member.value.position,
                            .invalid,
                            "\(quoted(text)) is not \(values.noun)"
                        )
                    }
                    map[member.key] = text
                }
            }
            return reading.errorCount == before ? map : nil
        } write: { map, _ in
            .object(map.mapValues(JSONValue.string))
        }
    }
}

extension Codec<JSONValue> {
    /// An object whose fields somebody else defines.
    static let anyObject = Codec(type: .anyObject) { node, reading in
        guard case .mapping = node.content else {
            reading.refuse(node.position, .invalid, "\(node.noun) is not a mapping")
            return nil
        }
        let before = reading.errorCount
        refuseForeignNumbers(node, &reading)
        return reading.errorCount == before ? node.json : nil
    } write: { value, _ in
        value
    }

    /// Numbers that JSON has not, or that would come out changed.
    private static func refuseForeignNumbers(_ node: YAMLNode, _ reading: inout Reading) {
        switch node.content {
        case .mapping(let members):
            for member in members {
                reading.at(.field(member.key)) { refuseForeignNumbers(member.value, &$0) }
            }
        case .sequence(let elements):
            for (index, element) in elements.enumerated() {
                reading.at(.index(index)) { refuseForeignNumbers(element, &$0) }
            }
        case .scalar(let scalar):
            guard case .number(let number) = scalar.value else { return }
            if !number.isFinite {
                reading.refuse(
                    node.position,
                    .invalid,
                    "\(scalar.text) is not a number that JSON has; quote it"
                )
            } else if !scalar.text.utf8.contains(where: { ".eE".utf8.contains($0) }) {
                reading.refuse(node.position, .invalid, "\(scalar.text) does not fit 64 bits; quote it")
            }
        }
    }
}
