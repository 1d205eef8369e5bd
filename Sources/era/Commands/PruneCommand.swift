import ArgumentParser
import ERAClient
import ERAContracts
import ERACore

/// `era prune`
struct PruneCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prune",
        abstract: "Delete what a source no longer declares, where that was too much at once.",
        discussion: """
            When many or all deployments vanish from a source together, their deletion waits: the \
            directory may only be unmounted. Without --confirm, they are listed.
            """
    )

    @Flag(help: "Delete them.")
    var confirm = false

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let client = connection.client()
        guard confirm else {
            let held = try await client.sources().flatMap(\.heldPrunes)
            for key in held { Console.line("\(key)") }
            Console.noteLine(
                held.isEmpty ? "nothing waits to be deleted" : "to delete these: era prune --confirm"
            )
            return
        }
        let deleted = try await client.confirmPrune()
        for key in deleted { Console.line("deployment \(key) is being deleted") }
        let waiting = try await client.sources().flatMap(\.heldPrunes)
        for key in waiting { Console.noteLine("deployment \(key) still waits; see: era sources") }
        if deleted.isEmpty, waiting.isEmpty { Console.noteLine("nothing waits to be deleted") }
    }
}
