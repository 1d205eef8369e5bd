internal import ERACore
internal import ERAManifest

/// Reads the object that a plugin answered, strictly: what is missing, of the wrong kind, too long or
/// unknown is garbage.
struct AnswerReader {
    /// What an answer must name.
    static let apiVersion = "plugin.era.dev/v1"
    /// A message, a field, a detail, in bytes.
    static let textLimit = 4096
    private static let nodeLimit = 100_000

    private var members: [String: JSONValue]
    private let place: String

    /// The whole of standard output.
    init(answer: [UInt8]) throws(Garbage) {
        guard answer.contains(where: { !UInt8.blanks.contains($0) }) else {
            throw Garbage("nothing was written to standard output")
        }
        let value: JSONValue
        do throws(JSONSyntaxError) {
            value = try JSONValue(jsonText: answer, nodeLimit: Self.nodeLimit)
        } catch {
            throw Garbage("standard output is not one JSON object: \(error)")
        }
        try self.init(value, at: "the answer")
        guard let version = members.removeValue(forKey: "apiVersion") else {
            throw Garbage("the answer has no apiVersion; it should be \(Self.apiVersion)")
        }
        guard version.string == Self.apiVersion else {
            throw Garbage("apiVersion is \(version.shown), and this ERA knows \(Self.apiVersion)")
        }
    }

    /// An object inside an answer.
    private init(_ value: JSONValue, at place: String) throws(Garbage) {
        guard case .object(let members) = value else { throw Garbage("\(place) is not an object") }
        self.members = members
        self.place = place
    }

    private func path(_ name: String) -> String { place == "the answer" ? name : "\(place).\(name)" }

    /// Takes a member of any kind; nil where it is not there.
    mutating func value(_ name: String) -> JSONValue? { members.removeValue(forKey: name) }

    mutating func text(_ name: String) throws(Garbage) -> String? {
        guard let value = value(name) else { return nil }
        guard case .string(let text) = value else { throw Garbage("\(path(name)) is not a string") }
        guard text.utf8.count <= Self.textLimit else {
            throw Garbage("\(path(name)) has more than \(Self.textLimit) bytes")
        }
        return text
    }

    /// A text that people read, without control characters.
    mutating func message(_ name: String) throws(Garbage) -> String? {
        try text(name).map { plainText(Array($0.utf8)) }
    }

    mutating func integer(_ name: String, in range: ClosedRange<Int64>) throws(Garbage) -> Int64? {
        guard let value = value(name) else { return nil }
        guard let number = value.integer, range.contains(number) else {
            throw Garbage(
                "\(path(name)) is not a whole number from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return number
    }

    mutating func number(_ name: String, in range: ClosedRange<Double>) throws(Garbage) -> Double? {
        guard let value = value(name) else { return nil }
        guard let number = value.double, range.contains(number) else {
            throw Garbage("\(path(name)) is not a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    mutating func boolean(_ name: String) throws(Garbage) -> Bool? {
        guard let value = value(name) else { return nil }
        guard case .boolean(let boolean) = value else {
            throw Garbage("\(path(name)) is neither true nor false")
        }
        return boolean
    }

    mutating func texts(_ name: String, most: Int) throws(Garbage) -> [String] {
        try list(name, most: most).map { element throws(Garbage) in
            guard case .string(let text) = element.value, text.utf8.count <= Self.textLimit else {
                throw Garbage("\(element.place) is not a string of at most \(Self.textLimit) bytes")
            }
            return text
        }
    }

    mutating func textMap(_ name: String, most: Int) throws(Garbage) -> [String: String] {
        guard let value = value(name) else { return [:] }
        guard case .object(let members) = value, members.count <= most else {
            throw Garbage("\(path(name)) is not an object of at most \(most) members")
        }
        var map: [String: String] = [:]
        for (key, member) in members {
            guard case .string(let text) = member, text.utf8.count <= Self.textLimit, key.utf8.count <= 256
            else {
                throw Garbage(
                    "\(path(name)).\(key.prefix(64)) is not a string of at most \(Self.textLimit) bytes"
                )
            }
            map[key] = text
        }
        return map
    }

    /// The objects of a list, each to be finished by the caller.
    mutating func objects(_ name: String, most: Int) throws(Garbage) -> [AnswerReader] {
        try list(name, most: most).map { element throws(Garbage) in
            try AnswerReader(element.value, at: element.place)
        }
    }

    mutating func object(_ name: String) throws(Garbage) -> AnswerReader? {
        guard let value = value(name) else { return nil }
        return try AnswerReader(value, at: path(name))
    }

    private mutating func list(
        _ name: String,
        most: Int
    ) throws(Garbage) -> [(value: JSONValue, place: String)] {
        guard let value = value(name) else { return [] }
        guard case .array(let elements) = value, elements.count <= most else {
            throw Garbage("\(path(name)) is not a list of at most \(most) elements")
        }
        return elements.enumerated().map { ($0.element, "\(path(name))[\($0.offset)]") }
    }

    /// - Throws: ``Garbage`` for a member that nobody asked for.
    func finish() throws(Garbage) {
        guard let name = members.keys.min() else { return }
        throw Garbage("\(path(String(name.prefix(64)))) is not a field of this answer")
    }

    /// The text of a member that must be there.
    static func required<Value>(_ value: Value?, _ name: String) throws(Garbage) -> Value {
        guard let value else { throw Garbage("\(name) is missing") }
        return value
    }
}

/// What a plugin answered makes no sense: what of it, as a sentence.
struct Garbage: Error, Hashable, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

extension UInt8 {
    fileprivate static let blanks: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
}

extension JSONValue {
    fileprivate var shown: String { String(canonicalText.prefix(64)) }
}
