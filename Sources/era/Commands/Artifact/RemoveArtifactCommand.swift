import ArgumentParser
import ERAArtifact
import ERACore

/// `era artifact remove`
struct RemoveArtifactCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Take a name away; what nothing else keeps is collected later.",
        discussion: "By a digest, all its names are taken away. What deployments use stays in any case.",
        aliases: ["rm"]
    )

    @Argument(
        help: ArgumentHelp("Names or digests.", valueName: "name"),
        completion: .custom { words, _, _ in Completion.artifacts(words) }
    )
    var names: [String]

    @OptionGroup var place: ArtifactStoreOptions

    func validate() throws {
        if names.isEmpty { throw ValidationError("name what to remove") }
    }

    func run() async throws {
        let store = try place.present()
        var failures = 0
        for name in names {
            do {
                let removed = try store.remove(name)
                for gone in removed.isEmpty ? [name] : removed {
                    Console.line("\(DisplayText.line(gone)) removed")
                }
            } catch let failure as Failure {
                Console.note(ErrorReport(CommandFailure(failure.message)).talk)
                failures += 1
            }
        }
        if failures > 0 { throw CommandFailure.told() }
    }
}
