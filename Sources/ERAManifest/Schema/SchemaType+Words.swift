import ERACore

extension SchemaType {
    /// The type in a word or two, as `era explain` shows it.
    var name: String {
        switch self {
        case .text: "text"
        case .integer: "integer"
        case .number: "number"
        case .boolean: "boolean"
        case .duration: "duration"
        case .byteCount, .processors: "quantity"
        case .enumeration, .constant: "word"
        case .integerOrText: "integer or text"
        case .list(let element): "list of \(element.plural)"
        case .map: "map of texts"
        case .object, .anyObject: "object"
        case .ignored: "anything"
        }
    }

    private var plural: String {
        switch self {
        case .object, .anyObject: "objects"
        case .text: "texts"
        default: "\(name)s"
        }
    }

    /// What the field takes, as a phrase; nil where the type's name says it all.
    var accepted: String? {
        switch self {
        case .text(let format): format.pattern == nil ? nil : format.noun
        case .integer(let range): "\(range.lowerBound) to \(range.upperBound)"
        case .number(let range): "\(shortText(range.lowerBound)) to \(shortText(range.upperBound))"
        case .boolean: nil
        case .duration(let minimum):
            TextFormat.duration.noun + (minimum > .zero ? ", at least \(minimum.manifestText)" : "")
        case .byteCount: TextFormat.byteCount.noun
        case .processors: TextFormat.processors.noun
        case .enumeration(let words): alternatives(words)
        case .constant(let word): word
        case .integerOrText(let range, let format):
            "\(range.lowerBound) to \(range.upperBound), or \(format.noun)"
        case .list(let element): element.fields.isEmpty ? element.accepted : nil
        case .map(let keys, _): "keys: \(keys.noun)"
        case .object(let object):
            object.choice.isEmpty ? nil : "exactly one of \(alternatives(object.choice))"
        case .anyObject: "any fields"
        case .ignored: nil
        }
    }

    /// The fields of the object, or of the objects in the list.
    var partFields: [FieldSchema] { element?.fields ?? fields }
}
