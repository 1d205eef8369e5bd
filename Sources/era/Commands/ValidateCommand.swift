import ArgumentParser
import ERACore
import ERAManifest

/// `era validate`
struct ValidateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate",
        abstract: "Find every mistake in manifests, without a daemon.",
        discussion: """
            Each mistake with its file, line and column, what is wrong, and what would be right. Of a \
            directory: all that ends in .yaml, .yml or .json, also in directories inside. Exit code 1 \
            where there is an error.
            """
    )

    /// How mistakes are shown.
    enum Format: String, CaseIterable, ExpressibleByArgument {
        case text, json
    }

    @Argument(
        help: ArgumentHelp("Files, directories, or - for standard input.", valueName: "path"),
        completion: .file(extensions: ["yaml", "yml", "json"])
    )
    var paths: [String]

    @Option(
        help: ArgumentHelp(
            "Where runtime plugins of others are; may be repeated (ERA_PLUGIN_DIR). "
                + "(default: \(Defaults.current.pluginDirectory))",
            valueName: "directory"
        ),
        completion: .directory
    )
    var pluginDir: [String] = []

    @Option(name: [.short, .long], help: "How to show mistakes.")
    var output: Format = .text

    func run() throws {
        let files = try ManifestFiles(paths)
        let plugins = pluginDir.isEmpty ? [Defaults.current.pluginDirectory] : pluginDir
        let diagnostics = files.diagnostics + files.circles + files.unknownPlugins(besides: plugins)
        switch output {
        case .json: Console.output(ObjectText.json(.array(diagnostics.map(\.json))))
        case .text:
            for diagnostic in diagnostics { Console.line(DiagnosticText(.output).text(diagnostic)) }
        }
        let errors = diagnostics.count { $0.severity == .error }
        Console.noteLine(Self.summary(files, errors: errors, warnings: diagnostics.count - errors))
        if errors > 0 { throw CommandFailure.told() }
    }

    static func summary(_ files: ManifestFiles, errors: Int, warnings: Int) -> String {
        var parts = [
            Words.count(files.count, "file"), Words.count(files.entries.count, "valid deployment"),
        ]
        if errors > 0 { parts.append(Words.count(errors, "error")) }
        if warnings > 0 { parts.append(Words.count(warnings, "warning")) }
        return parts.joined(separator: ", ")
    }
}

/// Diagnostics for people.
struct DiagnosticText {
    let style: Style

    init(_ style: Style) { self.style = style }

    /// The diagnostic with its source line and caret, the severity in its colour.
    func text(_ diagnostic: Diagnostic) -> String {
        let word = "\(diagnostic.severity.rawValue):"
        let look: Style.Look = diagnostic.severity == .error ? .red : .yellow
        let rendered = diagnostic.rendered
        guard style.usesColour, let range = rendered.firstRange(of: word) else { return rendered }
        return rendered[..<range.lowerBound] + style.paint(word, look) + rendered[range.upperBound...]
    }
}

/// English that depends on numbers.
enum Words {
    /// `1 file`, `2 files`, `no files`.
    static func count(_ count: Int, _ noun: String) -> String {
        switch count {
        case 0: "no \(noun)s"
        case 1: "1 \(noun)"
        default: "\(count) \(noun)s"
        }
    }
}
