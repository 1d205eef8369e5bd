import ArgumentParser
import ERAArtifact
import ERACore

/// `era artifact export`
struct ExportArtifactCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write an image or a file of the store as an OCI image layout.",
        discussion: """
            A tar where PATH ends in .tar, else a directory. Another machine takes it in with \
            era artifact import, podman load, or skopeo.
            """
    )

    @Argument(
        help: ArgumentHelp("A name or a digest, or the first twelve digits of one.", valueName: "name"),
        completion: .custom { words, _, _ in Completion.artifacts(words) }
    )
    var name: String

    @Argument(help: ArgumentHelp("Of what is made.", valueName: "path"), completion: .file())
    var path: String

    @OptionGroup var place: ArtifactStoreOptions

    func run() async throws {
        let store = try place.present()
        let progress = ByteProgress("written")
        let exported = try await progress.showing {
            try await ArtifactExport(store).run(name, to: path) { progress.report($0) }
        }
        Console.line("\(exported.digest)   \(DeploymentRow.size(exported.size))   \(DisplayText.line(path))")
        for note in exported.notes { Console.noteLine("note: \(DisplayText.line(note))") }
    }
}
