import ERACore

/// The type of a field: what explains it, writes its JSON Schema, and orders its parts.
indirect enum SchemaType: Sendable {
    case text(TextFormat)
    case integer(ClosedRange<Int64>)
    case number(ClosedRange<Double>)
    case boolean
    case duration(minimum: Duration)
    /// A number of bytes, at least 1.
    case byteCount
    /// A share of processors.
    case processors
    /// One of these words.
    case enumeration([String])
    /// Exactly this word.
    case constant(String)
    /// A whole number or a text.
    case integerOrText(ClosedRange<Int64>, TextFormat)
    case list(SchemaType)
    case map(keys: TextFormat, values: TextFormat)
    case object(ObjectSchema)
    /// An object whose fields somebody else defines.
    case anyObject
    /// Whatever a server may send back; it is not looked at.
    case ignored

    /// The fields of an object; empty for anything else.
    var fields: [FieldSchema] { if case .object(let object) = self { object.fields } else { [] } }

    func field(_ name: String) -> FieldSchema? { fields.first { $0.name == name } }

    /// The type of a list's elements.
    var element: SchemaType? { if case .list(let element) = self { element } else { nil } }
}

/// The form of a text.
struct TextFormat: Sendable {
    /// What the text is, with its article: `a semantic version such as "1.2.3"`.
    var noun: String
    /// A regular expression that both JavaScript and Python understand; nil for any text without NUL.
    var pattern: String?
    var example: String
    var maximumLength: Int?

    init(_ noun: String, pattern: String? = nil, maximumLength: Int? = nil, example: String) {
        self.noun = noun
        self.pattern = pattern
        self.maximumLength = maximumLength
        self.example = example
    }
}

/// The fields of an object.
struct ObjectSchema: Sendable {
    var fields: [FieldSchema]
    /// Names of fields of which exactly one must be there; empty where there is no such choice.
    var choice: [String]
}

/// One field of an object.
struct FieldSchema: Sendable {
    var name: String
    /// One or two sentences.
    var doc: String
    var type: SchemaType
    var isRequired: Bool
    /// What counts where the field is missing; nil where there is no such value.
    var defaultValue: JSONValue?
}
