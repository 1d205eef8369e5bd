internal import ERACore

/// Reads a schema and refuses what ``ConfigCheck`` would not follow.
struct SchemaReader {
    /// What a schema has for people; nothing is checked by it.
    private static let annotations: Set<String> = [
        "$comment", "title", "description", "default", "examples", "deprecated",
    ]
    private static let types: Set<String> = [
        "null", "boolean", "integer", "number", "string", "array", "object",
    ]
    private static let sizes: Set<String> = [
        "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties",
    ]
    private static let bounds: Set<String> = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]
    /// Keywords whose schemas are about the same value as the schema that they stand in.
    static let combinations: Set<String> = ["allOf", "anyOf", "oneOf"]
    private static let dialect = "https://json-schema.org/draft/2020-12/schema"

    let definitions: [String: JSONValue]
    private(set) var patterns: [String: SchemaPattern] = [:]

    init(definitions: [String: JSONValue]) { self.definitions = definitions }

    /// - Parameter isWhole: Whether it is the schema that a plugin declares, and not a part of it.
    mutating func read(
        _ schema: JSONValue,
        _ place: String,
        isWhole: Bool = false
    ) throws(InvalidConfigSchema) {
        if schema.boolean != nil { return }
        guard let members = schema.object else {
            throw InvalidConfigSchema(place: place, problem: "is neither an object nor true or false")
        }
        for (keyword, value) in members.sorted(by: { $0.key < $1.key }) {
            let inner = "\(place).\(keyword)"
            func expect(_ isRight: Bool, _ problem: String) throws(InvalidConfigSchema) {
                guard isRight else { throw InvalidConfigSchema(place: inner, problem: problem) }
            }
            switch keyword {
            case "$schema": try expect(value.string == Self.dialect, "is not \(Self.dialect)")
            case _ where Self.annotations.contains(keyword), "const": break
            case "$defs":
                try expect(isWhole, "is known at the top of configSchema only")
                try readAll(value, inner, most: ConfigSchema.definitionLimit)
            case "$ref":
                try expect(
                    Self.definition(value).map { definitions[$0] != nil } == true,
                    "is not #/$defs/NAME with a NAME that is in $defs; what is elsewhere is not fetched"
                )
            case _ where Self.combinations.contains(keyword):
                let parts = value.array ?? []
                try expect(
                    (1...ConfigSchema.alternativeLimit).contains(parts.count),
                    "is not a list of 1 to \(ConfigSchema.alternativeLimit) schemas"
                )
                for (index, part) in parts.enumerated() { try read(part, "\(inner)[\(index)]") }
            case "type":
                let names = value.array ?? [value]
                try expect(
                    !names.isEmpty && names.allSatisfy { Self.types.contains($0.string ?? "") },
                    "is not one of \(Self.types.sorted().joined(separator: ", ")), or a list of them"
                )
            case "properties": try readAll(value, inner, most: .max)
            case "additionalProperties", "items": try read(value, inner)
            case "pattern": try readPattern(value, inner)
            case "required":
                try expect(value.array?.allSatisfy { $0.string != nil } == true, "is not a list of names")
            case "enum": try expect(value.array?.isEmpty == false, "is not a list of values")
            case "uniqueItems": try expect(value.boolean != nil, "is neither true nor false")
            case _ where Self.sizes.contains(keyword):
                try expect(value.integer.map { $0 >= 0 } == true, "is not a whole number from 0")
            case _ where Self.bounds.contains(keyword):
                try expect(value.double != nil, "is not a number")
            default:
                try expect(
                    false,
                    "is a keyword that ERA does not check; leave it out, and let validate check it"
                )
            }
        }
    }

    private mutating func readAll(
        _ schemas: JSONValue,
        _ place: String,
        most: Int
    ) throws(InvalidConfigSchema) {
        guard let members = schemas.object, members.count <= most else {
            let bound = most == .max ? "" : " of at most \(most) schemas"
            throw InvalidConfigSchema(place: place, problem: "is not an object\(bound)")
        }
        for (name, schema) in members.sorted(by: { $0.key < $1.key }) {
            try read(schema, "\(place).\(name)")
        }
    }

    private mutating func readPattern(_ value: JSONValue, _ place: String) throws(InvalidConfigSchema) {
        guard let text = value.string else {
            throw InvalidConfigSchema(place: place, problem: "is not a regular expression")
        }
        do throws(InvalidPattern) {
            patterns[text] = try SchemaPattern(text)
        } catch {
            throw InvalidConfigSchema(place: place, problem: error.description)
        }
    }

    /// The name in a `$ref`; nil for one that leads elsewhere, or is written with escapes.
    static func definition(_ reference: JSONValue?) -> String? {
        guard let text = reference?.string, text.hasPrefix(ConfigSchema.definitionPrefix) else { return nil }
        let name = text.dropFirst(ConfigSchema.definitionPrefix.count)
        return name.contains { "/~%".contains($0) } ? nil : String(name)
    }

    // MARK: Circles

    /// Refuses definitions that lead back to themselves for one and the same value: checking by them would
    /// never end. One that does so for a member or an element ends with the value.
    func refuseCircles() throws(InvalidConfigSchema) {
        var finished: Set<String> = []
        for name in definitions.keys.sorted() {
            try follow(name, [], &finished)
        }
    }

    private func follow(
        _ name: String,
        _ path: [String],
        _ finished: inout Set<String>
    ) throws(InvalidConfigSchema) {
        guard !finished.contains(name), let schema = definitions[name] else { return }
        guard !path.contains(name) else {
            throw InvalidConfigSchema(
                place: "configSchema.$defs.\(name)",
                problem: "refers to itself for the same value; let it do so below properties or items"
            )
        }
        for next in Self.references(of: schema) { try follow(next, path + [name], &finished) }
        finished.insert(name)
    }

    /// The definitions that a value is held against as soon as it is held against the schema.
    private static func references(of schema: JSONValue) -> [String] {
        let parts = combinations.sorted().flatMap { schema[$0]?.array ?? [] }
        return [definition(schema["$ref"])].compactMap(\.self) + parts.flatMap(references)
    }
}
