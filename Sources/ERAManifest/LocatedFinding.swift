import ERACore

/// One thing that is wrong with a file, before its source line is looked up.
struct LocatedFinding: Hashable {
    var position: SourcePosition
    var severity = Diagnostic.Severity.error
    var field: String?
    var message: String

    init(_ problem: YAMLProblem) {
        position = problem.position
        message = problem.message
    }

    init(_ finding: Finding) {
        position = finding.position
        severity = finding.isWarning ? .warning : .error
        field = finding.field.components.isEmpty ? nil : finding.field.description
        message = finding.message
    }

    init(declaredTwice key: DeploymentKey, _ position: SourcePosition, first: SourcePosition) {
        self.position = position
        message = "deployment \(key) is declared twice; the first is in line \(first.line)"
    }

    /// The diagnostics of a file, in the order of its text, without repetitions, within the limit.
    ///
    /// - Parameter errorCount: All errors, also those that are not in `findings`.
    static func diagnostics(
        _ findings: [LocatedFinding],
        of text: SourceText,
        file: String,
        errorCount: Int
    ) -> [Diagnostic] {
        // What an alias stands for is looked at once per alias, and is wrong in one place.
        var seen: Set<Place> = []
        let unique = findings.filter { seen.insert(Place($0)).inserted }.sorted { $0.position < $1.position }
        var cursor = SourceCursor(text)
        var diagnostics = unique.prefix(ManifestLimits.diagnosticLimit).map { finding in
            cursor.advance(to: finding.position)
            let (line, caret) = cursor.excerpt()
            return Diagnostic(
                file: file,
                position: finding.position,
                severity: finding.severity,
                field: finding.field,
                message: finding.message,
                sourceLine: line,
                caretOffset: caret
            )
        }
        let shown = findings.count { $0.severity == .error }
        if unique.count > ManifestLimits.diagnosticLimit || errorCount > shown {
            let message = "there are more errors than the \(ManifestLimits.diagnosticLimit) that are shown"
            diagnostics.append(Diagnostic(file: file, message: message))
        }
        return diagnostics
    }

    private struct Place: Hashable {
        let position: SourcePosition
        let message: String

        init(_ finding: LocatedFinding) {
            position = finding.position
            message = finding.message
        }
    }
}
