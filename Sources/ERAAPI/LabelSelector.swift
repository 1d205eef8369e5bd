public import ERACore

/// Chooses objects by their labels; all requirements must hold.
///
/// Source: Kubernetes, "Labels and selectors", without `>` and `<`.
public struct LabelSelector: Hashable, Sendable {
    /// One requirement on one label.
    public enum Requirement: Hashable, Sendable {
        case exists(String)
        case isAbsent(String)
        case isOneOf(String, Set<String>)
        /// Also met where the label is absent.
        case isNoneOf(String, Set<String>)
    }

    /// The most requirements that a selector may have.
    public static let requirementLimit = 64

    public let requirements: [Requirement]

    /// - Throws: ``InvalidValue`` when the text is not like `app=web,tier!=db,env in (a,b),!x`.
    public init(_ text: String) throws(InvalidValue) {
        let invalid = InvalidValue(
            text,
            expected: "a label selector such as app=web,tier!=db,env in (a,b),!old"
        )
        var requirements: [Requirement] = []
        for part in try Self.split(text, invalid) {
            guard let requirement = Self.requirement(part), requirements.count < Self.requirementLimit else {
                throw invalid
            }
            requirements.append(requirement)
        }
        self.requirements = requirements
    }

    /// Whether the labels meet every requirement; any labels do where there is none.
    public func matches(_ labels: [String: String]) -> Bool {
        requirements.allSatisfy { requirement in
            switch requirement {
            case .exists(let name): labels[name] != nil
            case .isAbsent(let name): labels[name] == nil
            case .isOneOf(let name, let values): labels[name].map(values.contains) ?? false
            case .isNoneOf(let name, let values): labels[name].map { !values.contains($0) } ?? true
            }
        }
    }

    /// The parts between commas that stand in no parentheses.
    private static func split(_ text: String, _ invalid: InvalidValue) throws(InvalidValue) -> [Substring] {
        guard text.contains(where: { !$0.isWhitespace }) else { return [] }
        var parts: [Substring] = []
        var start = text.startIndex
        var isInside = false
        for index in text.indices {
            switch text[index] {
            case "(" where isInside, ")" where !isInside: throw invalid
            case "(": isInside = true
            case ")": isInside = false
            case "," where !isInside:
                parts.append(text[start..<index])
                start = text.index(after: index)
            default: break
            }
        }
        guard !isInside else { throw invalid }
        return parts + [text[start...]]
    }

    private static func requirement(_ part: Substring) -> Requirement? {
        let text = part.trimmed
        if text.hasPrefix("!") { return name(text.dropFirst()).map { .isAbsent($0) } }
        if text.hasSuffix(")") { return setRequirement(text) }
        for (sign, isWanted) in [("!=", false), ("==", true), ("=", true)] {
            guard let range = text.firstRange(of: sign) else { continue }
            guard let name = name(text[..<range.lowerBound]), let value = value(text[range.upperBound...])
            else {
                return nil
            }
            return isWanted ? .isOneOf(name, [value]) : .isNoneOf(name, [value])
        }
        return name(text).map { .exists($0) }
    }

    /// `name in (a,b)` or `name notin (a,b)`.
    private static func setRequirement(_ text: Substring) -> Requirement? {
        guard let open = text.firstIndex(of: "(") else { return nil }
        let words = text[..<open].split(whereSeparator: \.isWhitespace)
        var values: Set<String> = []
        for item in text[text.index(after: open)...].dropLast().split(
            separator: ",",
            omittingEmptySubsequences: false
        ) {
            guard let value = value(item) else { return nil }
            values.insert(value)
        }
        guard words.count == 2, let name = name(words[0]) else { return nil }
        switch words[1] {
        case "in": return .isOneOf(name, values)
        case "notin": return .isNoneOf(name, values)
        default: return nil
        }
    }

    /// A label's name: letters, digits and `-_./`, not empty.
    private static func name(_ text: Substring) -> String? {
        let name = text.trimmed
        return !name.isEmpty && name.utf8.allSatisfy { isPlain($0) || $0 == UInt8(ascii: "/") }
            ? String(name) : nil
    }

    /// A label's value: letters, digits and `-_.`, perhaps empty.
    private static func value(_ text: Substring) -> String? {
        let value = text.trimmed
        return value.utf8.allSatisfy(isPlain) ? String(value) : nil
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}

extension Substring {
    /// Without white space at either end.
    var trimmed: Substring {
        var text = drop(while: \.isWhitespace)
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
