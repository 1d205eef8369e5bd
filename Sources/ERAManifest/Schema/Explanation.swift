/// What there is to know about one field of the manifest.
public struct Explanation: Hashable, Sendable {
    /// Without indices: `spec.ports.port`; empty for the whole manifest.
    public var path: String
    /// The type in a word or two: `integer`, `list of objects`.
    public var type: String
    /// What the field takes: `1 to 65535`; nil where the type says it all.
    public var accepted: String?
    public var doc: String
    public var isRequired: Bool
    /// As JSON text; nil where there is no default.
    public var defaultText: String?
    /// The fields inside, in the schema's order.
    public var fields: [Explanation]

    init(_ field: FieldSchema, path: String) {
        self.path = path
        type = field.type.name
        accepted = field.type.accepted
        doc = field.doc
        isRequired = field.isRequired
        defaultText = field.defaultValue?.canonicalText
        fields = field.type.partFields.map { part in
            Explanation(part, path: path.isEmpty ? part.name : "\(path).\(part.name)")
        }
    }

    /// The last part of the path.
    public var name: String { path.split(separator: ".").last.map(String.init) ?? ManifestSchema.kind }

    /// For a terminal: the field, its description and its fields.
    /// - Parameter recursive: Whether the fields of fields are listed, too, without their descriptions.
    public func text(recursive: Bool) -> String {
        var lines = ["KIND:     \(ManifestSchema.kind)", "VERSION:  \(ManifestSchema.apiVersion)", ""]
        if !path.isEmpty { lines += ["FIELD:    \(path) <\(type)>\(marks)", ""] }
        lines += ["DESCRIPTION:"] + Self.wrapped(doc, indent: 4)
        if let accepted { lines += Self.wrapped("Takes \(accepted).", indent: 4) }
        if !fields.isEmpty {
            lines += ["", "FIELDS:"] + fields.flatMap { $0.outline(indent: 4, recursive: recursive) }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private var marks: String {
        (isRequired ? " -required-" : "") + (defaultText.map { " (default \($0))" } ?? "")
    }

    private func outline(indent: Int, recursive: Bool) -> [String] {
        let margin = String(repeating: " ", count: indent)
        let head = "\(margin)\(name)  <\(type)>\(marks)"
        if recursive { return [head] + fields.flatMap { $0.outline(indent: indent + 2, recursive: true) } }
        return [head] + Self.wrapped(doc + (accepted.map { " Takes \($0)." } ?? ""), indent: indent + 4) + [
            ""
        ]
    }

    /// Lines of at most 80 columns.
    private static func wrapped(_ text: String, indent: Int) -> [String] {
        let margin = String(repeating: " ", count: indent)
        var lines: [String] = []
        var line = margin
        for word in text.split(separator: " ") {
            if line.count + word.count + 1 > 80, line != margin {
                lines.append(line)
                line = margin
            }
            line += (line == margin ? "" : " ") + word
        }
        return lines + [line]
    }
}
