public import ERACore

/// The part of JSON Schema (2020-12) that plugins may use for `spec.runtime.config`.
///
/// A schema with another keyword is refused, not half followed: nobody would check what it promises.
/// Source: JSON Schema Validation, draft 2020-12, section 6.
public struct ConfigSchema: Hashable, Sendable {
    /// What a schema has for people; nothing is checked by it.
    private static let annotations: Set<String> = [
        "$schema", "$comment", "title", "description", "default", "examples", "deprecated",
    ]
    private static let types: Set<String> = [
        "null", "boolean", "integer", "number", "string", "array", "object",
    ]
    private static let sizes: Set<String> = [
        "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties",
    ]
    private static let bounds: Set<String> = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]
    private static let dialect = "https://json-schema.org/draft/2020-12/schema"

    let schema: JSONValue

    /// - Throws: ``InvalidConfigSchema``: it uses what is not supported, or is no schema of an object.
    public init(_ schema: JSONValue) throws(InvalidConfigSchema) {
        try Self.check(schema, "configSchema")
        guard schema["type"] == "object" else {
            throw InvalidConfigSchema(place: "configSchema", problem: "is not of type object")
        }
        self.schema = schema
    }

    /// The first of the schema's `examples`, or an empty object.
    public var example: JSONValue { schema["examples"]?.array?.first ?? .object([:]) }

    private static func check(_ schema: JSONValue, _ place: String) throws(InvalidConfigSchema) {
        func refuse(_ problem: String, _ member: String? = nil) -> InvalidConfigSchema {
            InvalidConfigSchema(place: member.map { "\(place).\($0)" } ?? place, problem: problem)
        }
        if schema.boolean != nil { return }
        guard let members = schema.object else { throw refuse("is neither an object nor true or false") }
        for (keyword, value) in members.sorted(by: { $0.key < $1.key }) {
            switch keyword {
            case "$schema":
                guard value.string == dialect else { throw refuse("is not \(dialect)", keyword) }
            case _ where annotations.contains(keyword): break
            case "type":
                let names = value.array ?? [value]
                guard !names.isEmpty, names.allSatisfy({ types.contains($0.string ?? "") }) else {
                    throw refuse(
                        "is not one of \(types.sorted().joined(separator: ", ")), or a list of them",
                        keyword
                    )
                }
            case "properties":
                guard let properties = value.object else { throw refuse("is not an object", keyword) }
                for (name, property) in properties.sorted(by: { $0.key < $1.key }) {
                    try check(property, "\(place).properties.\(name)")
                }
            case "additionalProperties", "items": try check(value, "\(place).\(keyword)")
            case "required":
                guard let names = value.array, names.allSatisfy({ $0.string != nil }) else {
                    throw refuse("is not a list of names", keyword)
                }
            case "enum":
                guard value.array?.isEmpty == false else { throw refuse("is not a list of values", keyword) }
            case "const": break
            case "uniqueItems":
                guard value.boolean != nil else { throw refuse("is neither true nor false", keyword) }
            case _ where sizes.contains(keyword):
                guard let size = value.integer, size >= 0 else {
                    throw refuse("is not a whole number from 0", keyword)
                }
            case _ where bounds.contains(keyword):
                guard value.double != nil else { throw refuse("is not a number", keyword) }
            default:
                throw refuse(
                    "is a keyword that ERA does not check; leave it out, and let validate check it",
                    keyword
                )
            }
        }
    }
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
