import Testing

/// A rule that every file of a kind keeps: what a reviewer would otherwise repeat.
struct Rule: Sendable, CustomTestStringConvertible {
    /// As a sentence, for the test's name.
    let name: String
    /// Whether the rule is about this file.
    let applies: @Sendable (_ path: String) -> Bool
    /// Where the file breaks the rule.
    let violations: @Sendable (TextFile) -> [Violation]
    /// Files that break the rule, once each; the proof that it can fail.
    let planted: [TextFile]
    /// Files that keep it although they look as if they did not.
    let innocent: [TextFile]

    var testDescription: String { name }
}

/// One place that breaks a rule.
struct Violation: Equatable, CustomStringConvertible {
    let path: String
    /// From 1; nil for the file as a whole.
    let line: Int?
    let message: String

    var description: String { "\(path)\(line.map { ":\($0)" } ?? ""): \(message)" }
}

extension Rule {
    /// A rule about the code of Swift files, line by line.
    ///
    /// - Parameter excusable: Whether a `//` comment of four words or more, on the line or right above it,
    ///   makes an exception: it has to prove that this one is safe.
    /// - Parameter problem: What is wrong with a line of code; nil when nothing is.
    static func lineRule(
        _ name: String,
        applies: @escaping @Sendable (String) -> Bool,
        excusable: Bool,
        planted: [TextFile],
        innocent: [TextFile],
        problem: @escaping @Sendable (_ code: String) -> String?
    ) -> Rule {
        Rule(
            name: name,
            applies: { $0.hasSuffix(".swift") && applies($0) },
            violations: { file in
                let lines = file.swiftLines
                return lines.indices.compactMap { index in
                    guard let message = problem(lines[index].code) else { return nil }
                    if excusable, isExcused(lines, index) { return nil }
                    return Violation(path: file.path, line: index + 1, message: message)
                }
            },
            planted: planted,
            innocent: innocent
        )
    }

    private static func isExcused(_ lines: [SwiftLine], _ index: Int) -> Bool {
        var words = wordCount(lines[index])
        var above = index - 1
        while above >= 0, lines[above].trimmedCode.isEmpty, lines[above].comment != nil {
            words += wordCount(lines[above])
            above -= 1
        }
        return words >= 4
    }

    private static func wordCount(_ line: SwiftLine) -> Int {
        line.isDocumentation ? 0 : (line.comment ?? "").split(separator: " ").count
    }
}
