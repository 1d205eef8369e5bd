public import ERAContracts
public import ERACore
internal import ERAManifest

extension ConfigSchema {
    /// The most problems that are told.
    static let problemLimit = 100

    /// What is wrong with a `runtime.config`, each with its path below `spec`; empty when it is valid.
    public func problems(_ config: JSONValue) -> [SpecProblem] {
        var found: [SpecProblem] = []
        Self.check(config, schema, "spec.runtime.config", &found)
        return Array(found.prefix(Self.problemLimit))
    }

    private static func check(
        _ value: JSONValue,
        _ schema: JSONValue,
        _ field: String,
        _ found: inout [SpecProblem]
    ) {
        guard found.count < problemLimit else { return }
        func report(_ message: String) { found.append(SpecProblem(field: field, message: message)) }
        if schema.boolean == false { return report("is not allowed") }
        guard let keywords = schema.object else { return }
        if let type = keywords["type"] {
            let names = (type.array ?? [type]).compactMap(\.string)
            guard names.contains(where: { matches(value, $0) }) else {
                // Of the wrong kind, nothing else can be said of it.
                return report("is \(kind(of: value)), and should be \(names.joined(separator: " or "))")
            }
        }
        if let choices = keywords["enum"]?.array, !choices.contains(value) {
            report("is none of \(choices.map(\.shown).joined(separator: ", "))")
        }
        if let constant = keywords["const"], constant != value { report("is not \(constant.shown)") }
        for message in numberProblems(value, keywords) + sizeProblems(value, keywords) { report(message) }
        if let elements = value.array {
            if keywords["uniqueItems"]?.boolean == true, Set(elements).count != elements.count {
                report("has an element twice")
            }
            if let items = keywords["items"] {
                for (index, element) in elements.enumerated() {
                    check(element, items, "\(field)[\(index)]", &found)
                }
            }
        }
        if let members = value.object { checkMembers(members, keywords, field, &found) }
    }

    private static func checkMembers(
        _ members: [String: JSONValue],
        _ keywords: [String: JSONValue],
        _ field: String,
        _ found: inout [SpecProblem]
    ) {
        let properties = keywords["properties"]?.object ?? [:]
        for name in (keywords["required"]?.array ?? []).compactMap(\.string) where members[name] == nil {
            found.append(SpecProblem(field: "\(field).\(name)", message: "is missing"))
        }
        for (name, member) in members.sorted(by: { $0.key < $1.key }) {
            let place = "\(field).\(name)"
            if let property = properties[name] {
                check(member, property, place, &found)
            } else if keywords["additionalProperties"]?.boolean == false {
                let known = properties.keys.sorted().joined(separator: ", ")
                found.append(
                    SpecProblem(
                        field: place,
                        message: known.isEmpty
                            ? "is not a field; there are none" : "is not a field; there are: \(known)"
                    )
                )
            } else if let other = keywords["additionalProperties"] {
                check(member, other, place, &found)
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
