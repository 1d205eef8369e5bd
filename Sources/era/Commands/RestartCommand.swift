import ArgumentParser
import ERAContracts

/// `era restart`
struct RestartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart",
        abstract: "Stop the program and start it again.",
        discussion: "The same revision, with its stop signal and grace."
    )

    @OptionGroup var target: TargetOptions

    func run() async throws { try await target.request(.restart, done: "is restarted") }
}
