import ArgumentParser
import ERAArtifact
import ERAClient
import ERAContracts
import ERACore

/// `era artifact gc`
struct CollectArtifactsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gc",
        abstract: "Remove from the store what no deployment and no name keeps.",
        discussion: """
            What was used within an hour stays, and with --all what was used within a minute. The daemon \
            does it, and without one it is done here.
            """
    )

    @Flag(help: "Do not wait for the hour.")
    var all = false

    @OptionGroup var place: ArtifactStoreOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let freed: ByteCount
        do {
            freed = try await connection.client(timeout: .seconds(600)).collectArtifacts(all: all)
        } catch ClientError.notReachable(let socketPath, _) {
            Console.noteLine("no daemon answers at \(socketPath): collecting in \(place.directory)")
            freed = try await OfflineArtifacts(dataDirectory: place.dataDir).collect(all: all)
        }
        Console.line("\(DeploymentRow.size(freed)) freed")
        if freed.bytes == 0 {
            Console.noteLine("what was used within \(all ? "a minute" : "an hour (but for --all)") stays")
        }
    }
}
