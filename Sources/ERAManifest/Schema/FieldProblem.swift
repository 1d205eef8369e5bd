/// What is wrong with one field of a document that has no places, such as one that came through the API.
public struct FieldProblem: Hashable, Sendable, Error, CustomStringConvertible {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// The value is not one that the field takes.
        case invalid
        /// The field is missing.
        case required
        /// There is no such field.
        case unknown
        /// A value that must be unique stands there twice.
        case duplicate
    }

    /// `spec.ports[1].port`; empty for the whole document.
    public var field: String
    /// Lower case: what is wrong, and what would be right.
    public var message: String
    public var kind: Kind

    public init(field: String, message: String, kind: Kind) {
        self.field = field
        self.message = message
        self.kind = kind
    }

    public var description: String { field.isEmpty ? message : "\(field): \(message)" }
}
