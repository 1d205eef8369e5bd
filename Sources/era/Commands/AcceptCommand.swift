import ArgumentParser
import ERAContracts

/// `era accept`
struct AcceptCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accept",
        abstract: "Take what runs after a failed rollback as good.",
        discussion: "For a deployment in RollbackFailed that serves all the same."
    )

    @OptionGroup var target: TargetOptions

    func run() async throws { try await target.request(.accept, done: "is accepted as it runs") }
}
