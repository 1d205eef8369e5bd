import ArgumentParser
import ERAAPI
import ERAClient
import ERAContracts
import ERACore
import ERAManifest

/// `era sources`
struct SourcesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sources",
        abstract: "Show where deployments are declared: each file, what it declares, what is wrong with it."
    )

    @Option(name: [.short, .long], help: "How to show them.")
    var output: ListFormat = .table

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let sources = try await connection.client().sources()
        switch output {
        case .table:
            if sources.isEmpty { return Console.noteLine("the daemon has no sources") }
            let text = sources.map { SourceReport($0, now: .now()).text(.output) }
            Console.output(text.joined(separator: "\n"))
        case .json: Console.output(ObjectText.json(.list("SourceList", sources.map(\.apiObject))))
        case .yaml: Console.output(ObjectText.yaml(.list("SourceList", sources.map(\.apiObject))))
        }
    }
}

/// One source for people.
struct SourceReport {
    let source: SourceStatus
    let now: WallTime

    init(_ source: SourceStatus, now: WallTime) {
        self.source = source
        self.now = now
    }

    /// A line about the source, its files, what is wrong with them, what is held back.
    func text(_ style: Style) -> String {
        var lines = [style.paint(DisplayText.line(source.id.rawValue), .bold) + details]
        if let unavailable = source.unavailable {
            lines.append("  " + style.paint("cannot be read: \(DisplayText.line(unavailable))", .red))
        }
        if let commit = source.commit, let revision = source.revision {
            let age = DeploymentTable.age(from: commit.committedAt, to: now)
            let author = DisplayText.line(commit.author)
            let subject = DisplayText.line(commit.subject)
            lines.append("  commit \(revision.prefix(10)) by \(author), \(age) ago: \(subject)")
        }
        let rows = source.files.map { file -> [TextTable.Cell] in
            let problems = file.problems.count
            return [
                .init(file.path), .init(file.deployments.map(\.description).joined(separator: ", ")),
                .init(Words.count(problems, "problem"), problems > 0 ? .red : nil),
            ]
        }
        if !rows.isEmpty {
            lines += TextTable(["FILE", "DEPLOYMENTS", "PROBLEMS"], rows).lines(style).map { "  " + $0 }
        }
        for problem in source.files.flatMap(\.problems) {
            // As a compiler shows it: the source line and the caret below keep their places.
            lines += DisplayText.multiline(problem).split(separator: "\n").map { "  " + $0 }
        }
        if !source.heldPrunes.isEmpty {
            let names = source.heldPrunes.map(\.description).joined(separator: ", ")
            let text = "no longer declared, and not deleted without confirmation: \(names)"
            lines.append("  " + style.paint(text, .yellow) + "; to delete them: era prune --confirm")
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private var details: String {
        var parts: [String] = []
        if let revision = source.revision {
            parts.append("revision \(DisplayText.line(String(revision.prefix(19))))")
        }
        if let readAt = source.readAt {
            parts.append("read \(DeploymentTable.age(from: readAt, to: now)) ago")
        }
        return parts.isEmpty ? "" : "  (\(parts.joined(separator: ", ")))"
    }
}
