import ArgumentParser
import ERAContracts

/// `era resume`
struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Go on with a suspended deployment.",
        discussion: "What was declared meanwhile is taken up."
    )

    @OptionGroup var target: TargetOptions

    func run() async throws { try await target.request(.resume, done: "is resumed") }
}
