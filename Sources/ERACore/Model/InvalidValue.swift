/// A text or number that does not have the form its type asks for.
///
/// Whoever knows the place (file, field, flag) adds it; this error says only what was found and
/// what would have been right.
public struct InvalidValue: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was found, as the user wrote it.
    public let found: String
    /// What would be right, as the end of the sentence "… is not".
    public let expected: String

    public init(_ found: String, expected: String) {
        self.found = found
        self.expected = expected
    }

    public var description: String { "\"\(found)\" is not \(expected)" }
}
