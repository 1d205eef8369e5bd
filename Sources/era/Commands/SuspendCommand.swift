import ArgumentParser
import ERAContracts

/// `era suspend`
struct SuspendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "suspend",
        abstract: "Leave a deployment exactly as it is.",
        discussion: "What runs goes on running, is not restarted, and changes wait, until era resume."
    )

    @OptionGroup var target: TargetOptions

    func run() async throws { try await target.request(.suspend, done: "is suspended") }
}
