import ArgumentParser
import ERAArtifact
import ERACore

/// `era artifact import`
struct ImportArtifactCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Take in an image or a file from this machine, with a daemon or without.",
        discussion: """
            PATH is an OCI image layout (a directory, or a tar of one, compressed or not, as \
            "podman save --format oci-archive" and skopeo write it), or any other file. What has a name is \
            what oci:// means on this machine; a file is also found by its digest as artifact.digest.
            """
    )

    @Argument(help: ArgumentHelp("A layout or a file.", valueName: "path"), completion: .file())
    var path: String

    @OptionGroup var called: ArtifactNameOption
    @OptionGroup var place: ArtifactStoreOptions

    func run() async throws {
        let progress = ByteProgress("taken in")
        let imported = try await progress.showing {
            try await ArtifactImport(place.store).run(path, as: called.name) { progress.report($0) }
        }
        imported.forEach(ArtifactTalk.tell)
    }
}

/// What is said of what came in.
enum ArtifactTalk {
    static func tell(_ imported: ArtifactImport.Imported) {
        let words = [imported.name, imported.kind.rawValue, imported.digest.description]
        Console.line(words.compactMap { $0.map(DisplayText.line) }.joined(separator: "   "))
        for note in imported.notes { Console.noteLine("note: \(DisplayText.line(note))") }
    }
}
