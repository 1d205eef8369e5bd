import ERACore

/// Writes the schema in one of the two languages that others read.
enum SchemaDialect {
    /// JSON Schema, draft 2020-12.
    case jsonSchema
    /// The schema objects of OpenAPI 3.0, as Kubernetes' structural schemas use them.
    case openAPI

    func schema(of type: SchemaType) -> [String: JSONValue] {
        switch type {
        case .text(let format): return text(format)
        case .integer(let range):
            return [
                "type": "integer", "minimum": .integer(range.lowerBound),
                "maximum": .integer(range.upperBound),
            ].merging(self == .openAPI ? ["format": "int64"] : [:]) { first, _ in first }
        case .number(let range):
            return [
                "type": "number", "minimum": .number(range.lowerBound), "maximum": .number(range.upperBound),
            ]
        case .boolean: return ["type": "boolean"]
        case .duration: return text(.duration)
        case .byteCount: return union("integer", text(.byteCount), ["minimum": 1])
        case .processors: return union("number", text(.processors), positive)
        case .enumeration(let words): return ["type": "string", "enum": .array(words.map(JSONValue.string))]
        case .constant(let word):
            return self == .jsonSchema
                ? ["const": .string(word)] : ["type": "string", "enum": [.string(word)]]
        case .integerOrText(let range, let format):
            let bounds: [String: JSONValue] = [
                "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound),
            ]
            return union("integer", text(format), bounds)
        case .list(let element):
            return [
                "type": "array", "items": .object(schema(of: element)),
                "maxItems": .integer(Int64(ManifestLimits.listLimit)),
            ]
        case .map(let keys, let values): return map(keys, values)
        case .object(let object): return self.object(object)
        case .anyObject, .ignored: return open(type)
        }
    }

    private func text(_ format: TextFormat) -> [String: JSONValue] {
        var schema: [String: JSONValue] = [
            "type": "string", "maxLength": .integer(Int64(format.maximumLength ?? ManifestLimits.textLimit)),
            // No program can be given a NUL.
            "pattern": .string(format.pattern ?? "^[^\\u0000]*$"),
        ]
        if format.pattern != nil, self == .jsonSchema { schema["examples"] = [.string(format.example)] }
        return schema
    }

    /// A number, or a text: both languages apply bounds to numbers only and patterns to texts only.
    private func union(
        _ number: String,
        _ text: [String: JSONValue],
        _ bounds: [String: JSONValue]
    ) -> [String: JSONValue] {
        var schema = text.merging(bounds) { first, _ in first }
        switch self {
        case .jsonSchema: schema["type"] = [.string(number), "string"]
        case .openAPI:
            schema["type"] = nil
            schema["anyOf"] = [["type": .string(number)], ["type": "string"]]
            if number == "integer" { schema["x-kubernetes-int-or-string"] = true }
        }
        return schema
    }

    private var positive: [String: JSONValue] {
        self == .jsonSchema ? ["exclusiveMinimum": 0] : ["minimum": 0, "exclusiveMinimum": true]
    }

    private func map(_ keys: TextFormat, _ values: TextFormat) -> [String: JSONValue] {
        var schema: [String: JSONValue] = [
            "type": "object", "additionalProperties": .object(text(values)),
            "maxProperties": .integer(Int64(ManifestLimits.listLimit)),
        ]
        if self == .jsonSchema { schema["propertyNames"] = .object(text(keys)) }
        return schema
    }

    private func object(_ object: ObjectSchema) -> [String: JSONValue] {
        var properties: [String: JSONValue] = [:]
        for field in object.fields {
            var property = schema(of: field.type)
            property["description"] = .string(field.doc)
            if let value = field.defaultValue { property["default"] = value }
            properties[field.name] = .object(property)
        }
        var schema: [String: JSONValue] = ["type": "object", "properties": .object(properties)]
        let required = object.fields.filter(\.isRequired).map { JSONValue.string($0.name) }
        if !required.isEmpty { schema["required"] = .array(required) }
        if !object.choice.isEmpty {
            schema["oneOf"] = .array(object.choice.map { ["required": [.string($0)]] })
        }
        if self == .jsonSchema { schema["additionalProperties"] = false }
        return schema
    }

    private func open(_ type: SchemaType) -> [String: JSONValue] {
        var schema: [String: JSONValue] = [:]
        if case .anyObject = type { schema["type"] = "object" }
        if self == .openAPI { schema["x-kubernetes-preserve-unknown-fields"] = true }
        return schema
    }
}
