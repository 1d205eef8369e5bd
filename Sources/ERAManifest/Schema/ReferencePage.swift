/// Writes the reference of the manifest as a Markdown page.
struct ReferencePage {
    private var lines: [String] = []

    static func text(of root: Explanation) -> String {
        var page = ReferencePage()
        page.lines = [
            "# Manifest reference",
            "",
            "Made from the schema in the code; `era explain FIELD` shows the same on a terminal, and `era "
                + "schema` prints it "
                + "as JSON Schema.",
            "",
            "A file holds one or several documents, in YAML 1.2 (`.yaml`, `.yml`) or JSON (`.json`). Bold "
                + "fields are "
                + "required; whatever is not listed here is refused.",
            "",
        ]
        page.section(root)
        page.limits()
        return page.lines.joined(separator: "\n") + "\n"
    }

    private mutating func section(_ object: Explanation) {
        guard !object.fields.isEmpty else { return }
        lines += ["## \(object.path.isEmpty ? object.name : "`\(object.path)`")", "", object.doc, ""]
        if let accepted = object.accepted { lines += ["Takes \(accepted).", ""] }
        lines += ["| field | type | default | |", "|---|---|---|---|"]
        for field in object.fields { lines.append(row(field)) }
        lines.append("")
        for field in object.fields { section(field) }
    }

    private func row(_ field: Explanation) -> String {
        let name = field.isRequired ? "**`\(field.name)`**" : "`\(field.name)`"
        let accepted = field.accepted.map { " Takes \($0)." } ?? ""
        let value = field.defaultText.map { "`\($0)`" } ?? ""
        let doc = (field.doc + accepted).split(separator: "|", omittingEmptySubsequences: false)
        return "| \(name) | \(field.type) | \(value) | \(doc.joined(separator: "\\|")) |"
    }

    private mutating func limits() {
        lines += [
            "## Limits",
            "",
            "A file has at most \(ManifestLimits.fileSizeLimit >> 20) MiB, "
                + "\(ManifestLimits.documentLimit) documents, "
                + "\(ManifestLimits.nodeLimit) keys and values, \(ManifestLimits.depthLimit) levels; "
                + "aliases stand for at most "
                + "\(ManifestLimits.aliasExpansionLimit) values. A list or map has at most "
                + "\(ManifestLimits.listLimit) elements, a text \(ManifestLimits.textLimit) bytes. "
                + "At most \(ManifestLimits.diagnosticLimit) errors of a file are shown.",
        ]
    }
}
