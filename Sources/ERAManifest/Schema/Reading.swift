/// One thing that is wrong, or odd, with a document, and where.
struct Finding: Sendable {
    var field: FieldPath
    var kind: FieldProblem.Kind
    var isWarning: Bool
    var message: String
    var position: SourcePosition
}

/// The state of reading one document: where the reader is, and what was found.
struct Reading {
    /// What to do with fields that the schema does not know.
    enum UnknownFields {
        case refuse, ignore
    }

    let unknownFields: UnknownFields
    /// Whether fields that only a server sets are worth a warning.
    let warnsOfServerFields: Bool
    /// How many findings are kept.
    let findingLimit: Int
    let checks: ManifestChecks
    private(set) var path = FieldPath()
    /// At most `findingLimit`.
    private(set) var findings: [Finding] = []
    /// All errors, also those that were not kept.
    private(set) var errorCount = 0

    init(
        unknownFields: UnknownFields,
        warnsOfServerFields: Bool,
        findingLimit: Int = ManifestLimits.diagnosticLimit,
        checks: ManifestChecks = .none
    ) {
        self.findingLimit = findingLimit
        self.checks = checks
        self.unknownFields = unknownFields
        self.warnsOfServerFields = warnsOfServerFields
    }

    /// Reads a part of the present value.
    mutating func at<Result>(_ component: FieldPath.Component, _ read: (inout Reading) -> Result) -> Result {
        path.components.append(component)
        defer { path.components.removeLast() }
        return read(&self)
    }

    mutating func refuse(
        _ position: SourcePosition,
        _ kind: FieldProblem.Kind = .invalid,
        _ message: @autoclosure () -> String
    ) {
        errorCount += 1
        keep(position, kind, isWarning: false, message)
    }

    mutating func warn(_ position: SourcePosition, _ message: @autoclosure () -> String) {
        keep(position, .invalid, isWarning: true, message)
    }

    private mutating func keep(
        _ position: SourcePosition,
        _ kind: FieldProblem.Kind,
        isWarning: Bool,
        _ message: () -> String
    ) {
        guard findings.count < findingLimit else { return }
        let finding = Finding(
            field: path,
            kind: kind,
            isWarning: isWarning,
            message: message(),
            position: position
        )
        findings.append(finding)
    }
}
