public import ERAContracts
public import ERACore
internal import ERAManifest

extension ConfigSchema {
    /// The most problems that are told.
    static let problemLimit = 100

    /// What is wrong with a `runtime.config`, each with its path below `spec`; empty when it is valid.
    public func problems(_ config: JSONValue) -> [SpecProblem] {
        var check = ConfigCheck(schema: self)
        check.hold(config, against: schema, "spec.runtime.config")
        guard !check.isExhausted else {
            let message = "is too large or too deep to be checked by the plugin's schema; make it smaller"
            return [SpecProblem(field: "spec.runtime.config", message: message)]
        }
        return Array(check.found.prefix(Self.problemLimit))
    }
}

/// Holds a value against a schema, within bounds: `$ref` and `anyOf` can make a lot of a little.
struct ConfigCheck {
    /// Schemas that values are held against, and thousands of steps of regular expressions.
    static let workLimit = 100_000
    /// Schemas inside each other that one value is held against.
    static let depthLimit = 512
    /// Alternatives of which a message says why they do not fit.
    private static let toldLimit = 4

    let schema: ConfigSchema
    private(set) var found: [SpecProblem] = []
    /// Whether a bound was reached; what was found then says nothing.
    private(set) var isExhausted = false
    private var work = 0
    private var depth = 0

    init(schema: ConfigSchema) { self.schema = schema }

    /// Adds what is wrong to ``found``.
    mutating func hold(_ value: JSONValue, against schema: JSONValue, _ field: String) {
        depth += 1
        defer { depth -= 1 }
        work += 1
        if work > Self.workLimit || depth > Self.depthLimit { isExhausted = true }
        guard !isExhausted, found.count < ConfigSchema.problemLimit else { return }
        if schema.boolean == false { return report(field, "is not allowed") }
        guard let keywords = schema.object else { return }
        if let type = keywords["type"] {
            let names = (type.array ?? [type]).compactMap(\.string)
            guard names.contains(where: { Self.matches(value, $0) }) else {
                // Of the wrong kind, nothing else can be said of it.
                let wanted = names.joined(separator: " or ")
                return report(field, "is \(Self.kind(of: value)), and should be \(wanted)")
            }
        }
        if let name = SchemaReader.definition(keywords["$ref"]), let other = self.schema.definitions[name] {
            hold(value, against: other, field)
        }
        for part in keywords["allOf"]?.array ?? [] { hold(value, against: part, field) }
        holdAgainstAlternatives(value, keywords, field)
        if let choices = keywords["enum"]?.array, !choices.contains(value) {
            report(field, "is none of \(choices.map(\.shown).joined(separator: ", "))")
        }
        if let constant = keywords["const"], constant != value { report(field, "is not \(constant.shown)") }
        for message in Self.numberProblems(value, keywords) + Self.sizeProblems(value, keywords) {
            report(field, message)
        }
        holdAgainstPattern(value, keywords, field)
        if let elements = value.array { holdElements(elements, keywords, field) }
        if let members = value.object { holdMembers(members, keywords, field) }
    }

    private mutating func report(_ field: String, _ message: String) {
        found.append(SpecProblem(field: field, message: message))
    }

    private mutating func holdAgainstAlternatives(
        _ value: JSONValue,
        _ keywords: [String: JSONValue],
        _ field: String
    ) {
        for keyword in ["anyOf", "oneOf"] {
            guard let forms = keywords[keyword]?.array else { continue }
            let misfits = forms.map { problems(of: value, by: $0, field) }
            let fitting = misfits.indices.filter { misfits[$0].isEmpty }
            if fitting.isEmpty {
                let reasons = misfits.prefix(Self.toldLimit).compactMap(\.first).map { problem in
                    let place = problem.field.dropFirst(field.count).drop { $0 == "." }
                    return place.isEmpty ? problem.message : "\(place) \(problem.message)"
                }
                let more = misfits.count > Self.toldLimit ? "; or …" : ""
                let text = reasons.joined(separator: "; or ") + more
                report(field, "fits none of the \(forms.count) forms that it may have: \(text)")
            } else if keyword == "oneOf", fitting.count > 1 {
                let numbers = fitting.map { "\($0 + 1)" }.joined(separator: " and ")
                report(field, "fits the forms \(numbers) of \(forms.count), and should fit only one")
            }
        }
    }

    /// What would be wrong by this schema; nothing is reported of it.
    private mutating func problems(of value: JSONValue, by form: JSONValue, _ field: String) -> [SpecProblem]
    {
        let before = found
        found = []
        defer { found = before }
        hold(value, against: form, field)
        return found
    }

    private mutating func holdAgainstPattern(
        _ value: JSONValue,
        _ keywords: [String: JSONValue],
        _ field: String
    ) {
        guard let text = value.string, let source = keywords["pattern"]?.string else { return }
        let pattern = schema.patterns[source]
        work += (pattern?.steps(for: text) ?? 0) / 1000
        if work > Self.workLimit { isExhausted = true }
        guard !isExhausted else { return }
        switch pattern?.isFound(in: text) {
        case true?: break
        case false?: report(field, "does not match the regular expression \(source)")
        case nil:
            report(
                field,
                "has more than \(SchemaPattern.textLimit) characters, too many for a regular expression"
            )
        }
    }

    private mutating func holdElements(
        _ elements: [JSONValue],
        _ keywords: [String: JSONValue],
        _ field: String
    ) {
        if keywords["uniqueItems"]?.boolean == true, Set(elements).count != elements.count {
            report(field, "has an element twice")
        }
        guard let items = keywords["items"] else { return }
        for (index, element) in elements.enumerated() {
            hold(element, against: items, "\(field)[\(index)]")
        }
    }

    private mutating func holdMembers(
        _ members: [String: JSONValue],
        _ keywords: [String: JSONValue],
        _ field: String
    ) {
        let properties = keywords["properties"]?.object ?? [:]
        for name in (keywords["required"]?.array ?? []).compactMap(\.string) where members[name] == nil {
            report("\(field).\(name)", "is missing")
        }
        for (name, member) in members.sorted(by: { $0.key < $1.key }) {
            let place = "\(field).\(name)"
            if let property = properties[name] {
                hold(member, against: property, place)
            } else if keywords["additionalProperties"]?.boolean == false {
                let known = properties.keys.sorted().joined(separator: ", ")
                report(
                    place,
                    known.isEmpty ? "is not a field; there are none" : "is not a field; there are: \(known)"
                )
            } else if let other = keywords["additionalProperties"] {
                hold(member, against: other, place)
            }
        }
    }

    private static func numberProblems(_ value: JSONValue, _ keywords: [String: JSONValue]) -> [String] {
        guard let number = value.double else { return [] }
        let rules: [(keyword: String, isBroken: (Double, Double) -> Bool, words: String)] = [
            ("minimum", { $0 < $1 }, "is less than"), ("maximum", { $0 > $1 }, "is more than"),
            ("exclusiveMinimum", { $0 <= $1 }, "is not more than"),
            ("exclusiveMaximum", { $0 >= $1 }, "is not less than"),
        ]
        return rules.compactMap { rule in
            guard let bound = keywords[rule.keyword], let limit = bound.double, rule.isBroken(number, limit)
            else {
                return nil
            }
            return "\(rule.words) \(bound.shown)"
        }
    }

    private static func sizeProblems(_ value: JSONValue, _ keywords: [String: JSONValue]) -> [String] {
        let size: (Int, String, String)? =
            switch value {
            // The specification counts code points.
            case .string(let text): (text.unicodeScalars.count, "Length", "characters")
            case .array(let elements): (elements.count, "Items", "elements")
            case .object(let members): (members.count, "Properties", "fields")
            case .null, .boolean, .integer, .number: nil
            }
        guard let (count, noun, words) = size else { return [] }
        var problems: [String] = []
        if let least = keywords["min\(noun)"]?.integer, count < least {
            problems.append("has fewer than \(least) \(words)")
        }
        if let most = keywords["max\(noun)"]?.integer, count > most {
            problems.append("has more than \(most) \(words)")
        }
        return problems
    }

    private static func matches(_ value: JSONValue, _ type: String) -> Bool {
        switch value {
        case .null: type == "null"
        case .boolean: type == "boolean"
        case .integer: type == "integer" || type == "number"
        // 1.0 is an integer to JSON Schema.
        case .number(let number): type == "number" || type == "integer" && number == number.rounded()
        case .string: type == "string"
        case .array: type == "array"
        case .object: type == "object"
        }
    }

    private static func kind(of value: JSONValue) -> String {
        switch value {
        case .null: "null"
        case .boolean: "a boolean"
        case .integer: "an integer"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension JSONValue {
    /// As JSON, for messages.
    fileprivate var shown: String { String(canonicalText.prefix(64)) }
}
