/// Where in a document a value stands: `spec.ports[1].port`, `metadata.labels[example.org/tier]`.
struct FieldPath: Hashable, Sendable, CustomStringConvertible {
    enum Component: Hashable, Sendable {
        /// A field of an object.
        case field(String)
        /// An element of a list, from 0.
        case index(Int)
        /// A member of a map, whose keys the user chooses.
        case entry(String)
    }

    var components: [Component] = []

    var description: String {
        var text = ""
        for component in components {
            switch component {
            case .field(let name): text += (text.isEmpty ? "" : ".") + name
            case .index(let index): text += "[\(index)]"
            case .entry(let key): text += "[\(key)]"
            }
        }
        // A key of the user may hold anything.
        return text.unicodeScalars.contains { isHidden($0.value) || $0 == "\n" }
            ? String(quoted(text).dropFirst().dropLast()) : text
    }
}
