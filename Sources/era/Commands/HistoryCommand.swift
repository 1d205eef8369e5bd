import ArgumentParser
import ERAAPI
import ERAClient
import ERACore
import ERAManifest

/// `era history`
struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Show the revisions of a deployment, newest first.",
        discussion: "The one with a * serves. era rollback NAME --to REVISION goes back to one."
    )

    @Argument(
        help: ArgumentHelp("The deployment.", valueName: "name"),
        completion: .custom { words, _, _ in await Completion.names(words) },
        transform: { try NameArgument($0) }
    )
    var name: NameArgument

    @Option(name: [.short, .long], help: "How to show them.")
    var output: ListFormat = .table

    @OptionGroup var namespace: NamespaceOption
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let key = namespace.key(name)
        let object = try await connection.client().about(key) { try await $0.get(key) }
        let revisions = object.json["status"]?["revisions"] ?? []
        switch output {
        case .table:
            let table = RevisionTable(object.revisions, now: .now()).table(object)
            Console.output(table.text(.output))
        case .json: Console.output(ObjectText.json(revisions))
        case .yaml: Console.output(ObjectText.yaml(revisions))
        }
    }
}
