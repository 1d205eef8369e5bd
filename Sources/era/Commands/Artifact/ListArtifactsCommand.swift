import ArgumentParser
import ERAAPI
import ERAArtifact
import ERAClient
import ERAContracts
import ERACore

/// `era artifact list`
struct ListArtifactsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List what is in the store, and who uses it.",
        discussion: "Who uses it, the daemon is asked; without one, its database is read.",
        aliases: ["ls"]
    )

    @Option(name: [.short, .long], help: "How to show them.")
    var output: OutputFormat = .table

    @OptionGroup var place: ArtifactStoreOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let store = try place.present()
        let uses: [ArtifactUse]
        do {
            uses = try await connection.client().artifactUses()
        } catch ClientError.notReachable {
            uses = try await OfflineArtifacts(dataDirectory: place.dataDir).uses()
        }
        let inventory = try store.inventory(used: Set(uses.map(\.digest)))
        let list = ArtifactList(inventory, uses, now: SystemClock().now().wall)
        switch output {
        case .table, .wide:
            Console.output(list.table(isWide: output == .wide).text(.output))
            Console.noteLine(list.summary)
        case .json: Console.output(ObjectText.json(list.json))
        case .yaml: Console.output(ObjectText.yaml(list.json))
        case .name: for name in list.names { Console.line(name) }
        }
    }
}
