import ArgumentParser
import ERAContracts

/// `era retry`
struct RetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Try again what failed or was rolled back.",
        discussion: "Also what is quarantined: the declared version, as it is."
    )

    @OptionGroup var target: TargetOptions

    func run() async throws { try await target.request(.retry, done: "is tried again") }
}
