import ArgumentParser
import ERAManifest

/// `era explain`
struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Explain a field of the manifest.",
        discussion: "Without FIELD, the whole manifest. Needs no daemon."
    )

    @Argument(help: ArgumentHelp("The field, as in spec.health.liveness.", valueName: "field"))
    var field: String = ""

    @Flag(name: [.short, .long], help: "The fields inside, and those inside them.")
    var recursive = false

    func run() throws {
        guard let explanation = ManifestSchema.explain(field) else {
            let near = ManifestSchema.nearestPath(to: field)
            let hint = near.map { "did you mean \($0)?" } ?? "era explain --recursive lists all of them"
            throw CommandFailure("there is no field \(field) in a manifest; \(hint)")
        }
        Console.output(explanation.text(recursive: recursive))
    }
}
