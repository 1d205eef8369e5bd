/// A file of settings: one YAML mapping of names to single values or lists of them.
public struct SettingsFile: Sendable {
    public struct Setting: Equatable, Sendable {
        public var name: String
        public var position: SourcePosition
        /// As written, without quotes; one for a single value.
        public var values: [String]
    }

    /// In the order of the file; empty where something is wrong with it.
    public private(set) var settings: [Setting] = []
    public private(set) var diagnostics: [Diagnostic] = []

    /// - Parameter bytes: UTF-8, at most ``ManifestLimits/fileSizeLimit``.
    /// - Parameter file: What diagnostics call it.
    /// - Parameter known: The names that may stand there.
    public init(reading bytes: [UInt8], file: String, known: Set<String>) {
        guard bytes.count <= ManifestLimits.fileSizeLimit else {
            diagnostics = [
                Diagnostic(file: file, message: "the file has more than a mebibyte; it is no settings file")
            ]
            return
        }
        let text = SourceText(bytes)
        if let flaw = text.flaws(limit: 1).first {
            var cursor = SourceCursor(text)
            diagnostics = [
                Diagnostic(file: file, position: cursor.advance(toOffset: flaw.offset), message: flaw.message)
            ]
            return
        }
        let documents = YAMLDocument.all(in: text).filter { $0.problem != nil || $0.root?.isNull == false }
        for problem in documents.compactMap(\.problem) { complain(problem.position, problem.message, file) }
        if documents.count > 1 { complain(nil, "the file has several documents; settings are one", file) }
        guard diagnostics.isEmpty, let root = documents.first?.root else { return }
        read(root, file, known)
        if !diagnostics.isEmpty { settings = [] }
    }

    private mutating func complain(_ position: SourcePosition?, _ message: String, _ file: String) {
        diagnostics.append(Diagnostic(file: file, position: position, message: message))
    }

    private mutating func read(_ root: YAMLNode, _ file: String, _ known: Set<String>) {
        guard case .mapping(let members) = root.content else {
            return complain(root.position, "settings are written as NAME: VALUE, one a line", file)
        }
        for member in members {
            if !known.contains(member.key) {
                let nearest = suggestion(for: member.key, among: known.sorted())
                let hint =
                    nearest.map { "did you mean \($0)?" }
                    ?? "known are: \(known.sorted().joined(separator: ", "))"
                complain(member.keyPosition, "there is no setting \(member.key); \(hint)", file)
            } else if settings.contains(where: { $0.name == member.key }) {
                complain(member.keyPosition, "\(member.key) is set twice; keep one", file)
            } else if let values = Self.values(of: member.value) {
                settings.append(Setting(name: member.key, position: member.value.position, values: values))
            } else {
                complain(member.value.position, "\(member.key) takes a value, or a list of values", file)
            }
        }
    }

    /// Nil unless the node is a scalar or a list of scalars.
    private static func values(of node: YAMLNode) -> [String]? {
        if let scalar = node.scalar { return node.isNull ? nil : [scalar.text] }
        guard case .sequence(let elements) = node.content else { return nil }
        let scalars = elements.compactMap { $0.isNull ? nil : $0.scalar?.text }
        return scalars.count == elements.count ? scalars : nil
    }
}
