import ArgumentParser
import ERAAPI
import ERAClient
import ERACore

/// `era graph`
struct GraphCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "graph",
        abstract: "Print the phases of a deployment and how they follow each other, as a diagram.",
        discussion: "With NAME, its phase is marked. Without, no daemon is asked."
    )

    @Argument(
        help: ArgumentHelp("The deployment whose phase to mark.", valueName: "name"),
        completion: .custom { words, _, _ in await Completion.names(words) },
        transform: { try NameArgument($0) }
    )
    var name: NameArgument?

    @Option(name: [.short, .long], help: "The language of the diagram.")
    var output: DiagramFormat = .mermaid

    @OptionGroup var namespace: NamespaceOption
    @OptionGroup var connection: ConnectionOptions

    /// The languages that diagrams come in.
    enum DiagramFormat: String, CaseIterable, ExpressibleByArgument {
        case mermaid, dot
    }

    func run() async throws {
        var phase: Phase?
        if let key = name.map(namespace.key) {
            phase = try await connection.client().about(key) { try await $0.get(key) }.phase
        }
        let format: Diagram.Format =
            switch output {
            case .mermaid: .mermaid
            case .dot: .dot
            }
        Console.output(Diagram(highlighting: phase).text(format))
    }
}
