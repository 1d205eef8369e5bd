public import ERACore

/// A value of a YAML or JSON text, with its place.
public struct YAMLNode: Hashable, Sendable {
    public enum Content: Hashable, Sendable {
        case scalar(Scalar)
        case sequence([YAMLNode])
        /// In the order of the text; a key that stands there twice is listed twice.
        case mapping([Member])
    }

    /// A value that has no parts.
    public struct Scalar: Hashable, Sendable {
        /// Typed by YAML 1.2's core schema: null, boolean, integer, number or string.
        public var value: JSONValue
        /// As written, without quotes.
        public var text: String
        /// Whether it was written without quotes and without a tag.
        public var isPlain: Bool
    }

    /// A key and its value.
    public struct Member: Hashable, Sendable {
        public var key: String
        public var keyPosition: SourcePosition
        /// Whether the key was written without quotes and without a tag.
        public var keyIsPlain: Bool
        public var value: YAMLNode
    }

    public var content: Content
    public var position: SourcePosition

    /// The value of a mapping's key; nil for anything else.
    public subscript(_ key: String) -> YAMLNode? {
        guard case .mapping(let members) = content else { return nil }
        return members.first { $0.key == key }?.value
    }

    /// The elements of a list; empty for anything else.
    var elements: [YAMLNode] { if case .sequence(let elements) = content { elements } else { [] } }

    /// The scalar; nil for a list or mapping.
    var scalar: Scalar? { if case .scalar(let scalar) = content { scalar } else { nil } }

    /// The text of a string; nil for anything else.
    var string: String? { scalar?.value.string }

    var isNull: Bool { scalar?.value == .null }

    /// Without places. Of a key that stands there twice the last value counts.
    public var json: JSONValue {
        switch content {
        case .scalar(let scalar): return scalar.value
        case .sequence(let elements): return .array(elements.map(\.json))
        case .mapping(let members):
            return .object(Dictionary(members.map { ($0.key, $0.value.json) }) { _, last in last })
        }
    }

    /// A value that has no text, and so no places; members in alphabetical order.
    init(_ value: JSONValue) {
        position = .start
        switch value {
        case .null: content = .scalar(Scalar(value: value, text: "null", isPlain: true))
        case .boolean(let flag): content = .scalar(Scalar(value: value, text: String(flag), isPlain: true))
        case .integer(let number):
            content = .scalar(Scalar(value: value, text: String(number), isPlain: true))
        case .number(let number): content = .scalar(Scalar(value: value, text: String(number), isPlain: true))
        case .string(let text): content = .scalar(Scalar(value: value, text: text, isPlain: false))
        case .array(let elements): content = .sequence(elements.map(YAMLNode.init))
        case .object(let members):
            content = .mapping(
                members.sorted { $0.key < $1.key }.map { name, value in
                    Member(key: name, keyPosition: .start, keyIsPlain: false, value: YAMLNode(value))
                }
            )
        }
    }

    init(_ content: Content, at position: SourcePosition) {
        self.content = content
        self.position = position
    }
}
