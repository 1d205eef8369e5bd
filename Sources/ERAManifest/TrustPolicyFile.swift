public import ERACore

/// A file with a trust policy, or everything that is wrong with it.
public struct TrustPolicyFile: Sendable {
    /// Nil where something is wrong.
    public private(set) var policy: TrustPolicy?
    /// In the order of the text.
    public private(set) var diagnostics: [Diagnostic] = []

    /// - Parameter bytes: UTF-8, at most ``ManifestLimits/fileSizeLimit``.
    /// - Parameter file: What diagnostics call it.
    public init(reading bytes: [UInt8], file: String) {
        guard bytes.count <= ManifestLimits.fileSizeLimit else {
            let message =
                "the file has more than \(ManifestLimits.fileSizeLimit) bytes; it is no trust policy"
            diagnostics = [Diagnostic(file: file, message: message)]
            return
        }
        let text = SourceText(bytes)
        if let flaw = text.flaws(limit: 1).first {
            var cursor = SourceCursor(text)
            let position = cursor.advance(toOffset: flaw.offset)
            diagnostics = [Diagnostic(file: file, position: position, message: flaw.message)]
            return
        }
        let documents = YAMLDocument.all(in: text).filter { $0.problem != nil || $0.root?.isNull == false }
        let problems = documents.compactMap(\.problem).map { LocatedFinding($0) }
        guard problems.isEmpty else {
            diagnostics = LocatedFinding.diagnostics(
                problems,
                of: text,
                file: file,
                errorCount: problems.count
            )
            return
        }
        guard documents.count == 1, let root = documents[0].root else {
            let message = "the file has \(documents.count) documents; a trust policy is one"
            diagnostics = [Diagnostic(file: file, message: message)]
            return
        }
        var reading = Reading(unknownFields: .refuse, warnsOfServerFields: false)
        checkStructure(root, &reading)
        let read = TrustPolicyFields.policy.read(root, &reading)
        policy = reading.errorCount == 0 ? read : nil
        diagnostics = LocatedFinding.diagnostics(
            reading.findings.map { LocatedFinding($0) },
            of: text,
            file: file,
            errorCount: reading.errorCount
        )
    }
}
