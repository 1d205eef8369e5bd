public import ERACore

/// One thing that is wrong, or odd, in a manifest file.
public struct Diagnostic: Hashable, Sendable {
    public enum Severity: String, Sendable, Codable {
        case error, warning
    }

    /// As the reader was told to call it.
    public var file: String
    /// Nil for what concerns the whole file.
    public var position: SourcePosition?
    public var severity: Severity
    /// The path of the field: `spec.ports[1].port`; nil for what is wrong before there are fields.
    public var field: String?
    /// Lower case: what is wrong, and what would be right.
    public var message: String
    /// The line of `position`, or the part of a long line around it; hidden characters replaced.
    public var sourceLine: String?
    /// How many code points of `sourceLine` stand before the place.
    public var caretOffset: Int

    public init(
        file: String,
        position: SourcePosition? = nil,
        severity: Severity = .error,
        field: String? = nil,
        message: String,
        sourceLine: String? = nil,
        caretOffset: Int = 0
    ) {
        self.file = file
        self.position = position
        self.severity = severity
        self.field = field
        self.message = message
        self.sourceLine = sourceLine
        self.caretOffset = caretOffset
    }

    /// One line: `web.yaml:12:11: error: spec.ports[1].port: 70000 is not between 1 and 65535`.
    public var summary: String {
        let place = position.map { "\(file):\($0.line):\($0.column)" } ?? file
        return "\(place): \(severity.rawValue): " + (field.map { "\($0): " } ?? "") + message
    }

    /// The summary, then the source line and a caret below the place, where there is one.
    public var rendered: String {
        guard let sourceLine else { return summary }
        // Tabs stay tabs, so that the caret stands below its character whatever a tab's width is.
        var indent = String.UnicodeScalarView()
        for scalar in sourceLine.unicodeScalars.prefix(caretOffset) {
            indent.append(scalar == "\t" ? scalar : " ")
        }
        return "\(summary)\n    \(sourceLine)\n    \(String(indent))^"
    }

    /// For editors: `{"file", "line", "column", "severity", "field", "message"}`; what is unknown is left
    /// out.
    public var json: JSONValue {
        var members: [String: JSONValue] = [
            "file": .string(file), "severity": .string(severity.rawValue), "message": .string(message),
        ]
        if let position {
            members["line"] = .integer(Int64(position.line))
            members["column"] = .integer(Int64(position.column))
        }
        if let field { members["field"] = .string(field) }
        return .object(members)
    }
}
