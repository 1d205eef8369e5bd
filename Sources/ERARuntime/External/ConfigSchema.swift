public import ERACore

/// The part of JSON Schema (2020-12) that plugins may use for `spec.runtime.config`.
///
/// A schema with another keyword is refused, not half followed: nobody would check what it promises.
/// Source: JSON Schema Validation, draft 2020-12, section 6.
public struct ConfigSchema: Hashable, Sendable {
    /// What `$ref` begins with.
    static let definitionPrefix = "#/$defs/"
    /// Schemas in `$defs`.
    static let definitionLimit = 256
    /// Schemas in one `anyOf`, `oneOf` or `allOf`.
    static let alternativeLimit = 64

    let schema: JSONValue
    /// What stands in `$defs`, by name.
    let definitions: [String: JSONValue]
    /// The regular expressions in it, by their text.
    let patterns: [String: SchemaPattern]

    /// - Throws: ``InvalidConfigSchema``: it uses what is not supported, or is no schema of an object.
    public init(_ schema: JSONValue) throws(InvalidConfigSchema) {
        definitions = schema["$defs"]?.object ?? [:]
        var reader = SchemaReader(definitions: definitions)
        try reader.read(schema, "configSchema", isWhole: true)
        try reader.refuseCircles()
        guard schema["type"] == "object" else {
            throw InvalidConfigSchema(place: "configSchema", problem: "is not of type object")
        }
        patterns = reader.patterns
        self.schema = schema
    }

    /// The first of the schema's `examples`, or an empty object.
    public var example: JSONValue { schema["examples"]?.array?.first ?? .object([:]) }
}

/// Why a schema is not accepted.
public struct InvalidConfigSchema: Error, Hashable, CustomStringConvertible {
    /// `configSchema.properties.port.format`
    public var place: String
    /// The end of a sentence about the place.
    public var problem: String
    public var description: String { "\(place) \(problem)" }
}

extension JSONValue {
    /// A number of either kind.
    var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        case .null, .boolean, .string, .array, .object: nil
        }
    }
}
