internal import ERACore
internal import ERAManifest

/// One object of a JSON text of others, read strictly: a key that stands there twice could mean one thing to
/// whoever signed it and another one here.
struct SignedJSON {
    /// The most keys and values of a text; a statement of provenance has some hundred.
    static let nodeLimit = 50_000

    private let members: [String: JSONValue]
    private let subject: String

    /// - Throws: ``SignatureError`` for what is no JSON object.
    init(_ text: [UInt8], _ subject: String) throws(SignatureError) {
        let value: JSONValue
        do throws(JSONSyntaxError) { value = try JSONValue(jsonText: text, nodeLimit: Self.nodeLimit) } catch
        {
            throw Self.malformed(subject)
        }
        try self.init(value, subject)
    }

    private init(_ value: JSONValue, _ subject: String) throws(SignatureError) {
        guard let members = value.object else { throw Self.malformed(subject) }
        self.members = members
        self.subject = subject
    }

    /// An object within; nil where there is none.
    func member(_ name: String) throws(SignatureError) -> SignedJSON? {
        guard let value = members[name], value != .null else { return nil }
        return try SignedJSON(value, subject)
    }

    /// An object within.
    func needed(_ name: String) throws(SignatureError) -> SignedJSON {
        guard let member = try member(name) else { throw Self.malformed(subject) }
        return member
    }

    func text(_ name: String) throws(SignatureError) -> String {
        guard let text = members[name]?.string else { throw Self.malformed(subject) }
        return text
    }

    /// Nil for what is missing or no text.
    func optionalText(_ name: String) -> String? { members[name]?.string }

    func list(_ name: String) throws(SignatureError) -> [SignedJSON] {
        guard let elements = members[name]?.array else { throw Self.malformed(subject) }
        var list: [SignedJSON] = []
        for element in elements { list.append(try SignedJSON(element, subject)) }
        return list
    }

    private static func malformed(_ subject: String) -> SignatureError {
        .malformed(
            subject: subject,
            problem: "it is not JSON with the fields that it must have",
            advice: "give the file as cosign wrote it"
        )
    }
}
