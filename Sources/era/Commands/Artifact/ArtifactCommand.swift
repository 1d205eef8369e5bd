import ArgumentParser

/// `era artifact`
struct ArtifactCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "artifact",
        abstract: "See, feed and empty the store of artifacts.",
        subcommands: [
            ListArtifactsCommand.self, PullArtifactCommand.self, ImportArtifactCommand.self,
            ExportArtifactCommand.self, RemoveArtifactCommand.self, CollectArtifactsCommand.self,
        ],
        defaultSubcommand: ListArtifactsCommand.self
    )
}
