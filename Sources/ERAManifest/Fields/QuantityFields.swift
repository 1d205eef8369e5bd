import ERACore

extension Codec<Duration> {
    /// A duration as a text, at least `minimum`; at most one year.
    static func duration(minimum: Duration = .zero) -> Codec {
        Codec(type: .duration(minimum: minimum)) { node, reading in
            if case .integer(let number)? = node.scalar?.value {
                let hint = number >= 0 ? "; write \(number)s, for example" : ""
                reading.refuse(node.position, .invalid, "\(number) is a number without a unit\(hint)")
                return nil
            }
            guard let text = readText(node, .duration, &reading),
                let value = parsed(
                    text,
                    at: node.position,
                    &reading,
                    { text throws(InvalidValue) in try Duration(manifest: text) }
                )
            else { return nil }
            guard value >= minimum else {
                reading.refuse(node.position, .invalid, "\(text) is less than \(minimum.manifestText)")
                return nil
            }
            return value
        } write: { value, _ in
            .string(value.manifestText)
        }
    }
}

extension Codec<ByteCount> {
    /// A size as a quantity or a plain number of bytes; at least 1.
    static let byteCount = Codec(type: .byteCount) { node, reading in
        quantity(node, .byteCount, &reading) { text throws(InvalidValue) in
            let count = try ByteCount(text)
            guard count.bytes > 0 else { throw InvalidValue(text, expected: "a size of at least 1 byte") }
            return count
        }
    } write: { value, _ in
        .string(value.description)
    }
}

extension Codec<CPUShare> {
    /// A share of processors as a quantity or a plain number.
    static let processors = Codec(type: .processors) { node, reading in
        quantity(node, .processors, &reading) { text throws(InvalidValue) in try CPUShare(text) }
    } write: { value, _ in
        .string(value.description)
    }
}

/// The text of a string or of a number, as it was written, through a parser.
private func quantity<Value: Sendable>(
    _ node: YAMLNode,
    _ format: TextFormat,
    _ reading: inout Reading,
    _ parse: (String) throws(InvalidValue) -> Value
) -> Value? {
    guard let scalar = node.scalar else {
        reading.refuse(node.position, .invalid, "\(node.noun) is not \(format.noun)")
        return nil
    }
    switch scalar.value {
    case .string, .integer, .number:
        return Codec<Value>.parsed(scalar.text, at: node.position, &reading, parse)
    case .null, .boolean, .array, .object:
        reading.refuse(node.position, .invalid, "\(node.noun) is not \(format.noun)")
        return nil
    }
}

extension Codec<PortReference> {
    /// A port by its number, or by the name of one of `ports`.
    static let portReference = Codec(
        type: .integerOrText(1...65535, .label("the name of a port", "http"))
    ) { node, reading in
        if let text = node.string {
            return Codec<PartName>.parsed(text, at: node.position, &reading) { text throws(InvalidValue) in
                try PartName(text)
            }
            .map(PortReference.name)
        }
        guard case .integer? = node.scalar?.value else {
            reading.refuse(
                node.position,
                .invalid,
                "\(node.noun) is not the name of a port, or a number between 1 and 65535"
            )
            return nil
        }
        return readInteger(node, 1...65535, &reading).map(PortReference.number)
    } write: { value, _ in
        switch value {
        case .number(let number): .integer(Int64(number))
        case .name(let name): .string(name.rawValue)
        }
    }
}

extension Codec<String> {
    /// A user by name or by number.
    static let user = Codec(type: .integerOrText(0...4_294_967_294, .userName)) { node, reading in
        if case .integer? = node.scalar?.value {
            return readInteger(node, 0...4_294_967_294, &reading).map { String($0) }
        }
        return rule(.userName, TextRules.isUser).read(node, &reading)
    } write: { value, _ in
        .string(value)
    }
}
