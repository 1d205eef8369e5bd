import ERACore
import ERAManifest

/// One field that differs between what is declared and what would be.
struct FieldChange: Equatable, Sendable {
    /// `spec.ports[0].port`
    var path: String
    /// Nil where the field is added.
    var old: JSONValue?
    /// Nil where it is removed.
    var new: JSONValue?

    /// The leaves that differ, in the order of their paths.
    static func between(_ old: JSONValue?, _ new: JSONValue?, at path: String) -> [FieldChange] {
        guard old != new else { return [] }
        switch (old, new) {
        case (.object(let before)?, .object(let after)?):
            return Set(before.keys).union(after.keys).sorted().flatMap { name in
                between(before[name], after[name], at: path.isEmpty ? name : "\(path).\(name)")
            }
        case (.array(let before)?, .array(let after)?) where before.count == after.count:
            return before.indices.flatMap { between(before[$0], after[$0], at: "\(path)[\($0)]") }
        default:
            return [FieldChange(path: path, old: old, new: new)]
        }
    }

    /// `spec.version: "1.0.0" → "1.1.0"`, short enough for a line.
    var text: String {
        switch (old, new) {
        case (nil, let new?): "\(path): \(Self.short(new)) is added"
        case (let old?, nil): "\(path): \(Self.short(old)) is removed"
        case (let old?, let new?): "\(path): \(Self.short(old)) → \(Self.short(new))"
        case (nil, nil): path
        }
    }

    private static let valueWidthLimit = 60

    private static func short(_ value: JSONValue) -> String {
        DisplayText.cut(DisplayText.line(value.canonicalText), to: valueWidthLimit)
    }
}
