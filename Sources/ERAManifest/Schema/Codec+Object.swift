import ERACore

extension Codec {
    /// An object with known fields.
    ///
    /// - Parameters:
    ///   - blank: The object at its defaults; what stands in required fields is never seen.
    ///   - fields: In the order in which they are written and explained.
    ///   - check: What concerns several fields; called for objects whose fields are all in order.
    ///   - checkParts: What concerns several fields, and can be told from the nodes even where others are
    ///     wrong.
    static func object(
        blank: Value,
        _ fields: [Field<Value>],
        check: @escaping @Sendable (Value, YAMLNode, inout Reading) -> Void = { _, _, _ in },
        checkParts: @escaping @Sendable (YAMLNode, inout Reading) -> Void = { _, _ in }
    ) -> Codec {
        let schema = ObjectSchema(
            fields: fields.map { $0.schema(blank) },
            choice: fields.filter(\.isChoice).map(\.name)
        )
        let index = Dictionary(uniqueKeysWithValues: fields.map { ($0.name, $0) })
        return Codec(type: .object(schema)) { node, reading in
            guard case .mapping(let members) = node.content else {
                let names = alternatives(schema.fields.prefix(6).map(\.name), "and")
                reading.refuse(
                    node.position,
                    .invalid,
                    "\(node.noun) is not a mapping with fields such as \(names)"
                )
                return nil
            }
            let before = reading.errorCount
            var value = blank
            for member in members {
                reading.at(.field(member.key)) { reading in
                    if let field = index[member.key] {
                        field.read(member.value, &reading, &value)
                    } else {
                        refuseUnknown(member, schema, &reading)
                    }
                }
            }
            checkPresence(of: schema, in: node, members, &reading)
            checkParts(node, &reading)
            if reading.errorCount == before { check(value, node, &reading) }
            return reading.errorCount == before ? value : nil
        } write: { value, defaults in
            var members: [String: JSONValue] = [:]
            for field in fields { members[field.name] = field.write(value, blank, defaults) }
            return .object(members)
        }
    }

    private static func refuseUnknown(
        _ member: YAMLNode.Member,
        _ schema: ObjectSchema,
        _ reading: inout Reading
    ) {
        // Merge keys are noted wherever they stand, by checkStructure.
        if reading.unknownFields == .ignore || member.isMerge { return }
        reading.refuse(member.keyPosition, .unknown, unknownText(member.key, schema.fields.map(\.name)))
    }

    private static func unknownText(_ key: String, _ names: [String]) -> String {
        if let near = suggestion(for: key, among: names) { return "unknown field; did you mean \(near)?" }
        return names.count <= 12
            ? "unknown field; known here: \(alternatives(names, "and"))" : "unknown field"
    }

    private static func checkPresence(
        of schema: ObjectSchema,
        in node: YAMLNode,
        _ members: [YAMLNode.Member],
        _ reading: inout Reading
    ) {
        let present = Set(members.map(\.key))
        for field in schema.fields where field.isRequired && !present.contains(field.name) {
            reading.at(.field(field.name)) { $0.refuse(node.position, .required, missingText(field)) }
        }
        guard !schema.choice.isEmpty else { return }
        let chosen = members.filter { schema.choice.contains($0.key) }
        if chosen.isEmpty {
            reading.refuse(node.position, .required, "one of \(alternatives(schema.choice)) is missing")
        }
        for extra in chosen.dropFirst() where extra.key != chosen[0].key {
            reading.at(.field(extra.key)) {
                $0.refuse(
                    extra.keyPosition,
                    .invalid,
                    "stands beside \(chosen[0].key); only one of them may be there"
                )
            }
        }
    }

    private static func missingText(_ field: FieldSchema) -> String {
        switch field.type {
        case .text(let format): "is missing; it takes \(format.noun)"
        case .constant(let word): "is missing; it must be \(quoted(word))"
        default: "is missing"
        }
    }
}
