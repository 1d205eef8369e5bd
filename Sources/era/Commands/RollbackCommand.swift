import ArgumentParser
import ERAContracts
import ERACore

/// `era rollback`
struct RollbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Go back to an earlier revision, until the manifest changes.",
        discussion:
            "Without --to, to the healthy one before. era history NAME lists them; era retry undoes it."
    )

    @OptionGroup var target: TargetOptions

    @Option(name: .customLong("to"), help: ArgumentHelp("The number of the revision.", valueName: "revision"))
    var revision: Int?

    func validate() throws {
        if let revision, revision < 1 {
            throw ValidationError("--to is \(revision); revisions are numbered from 1: era history NAME")
        }
        if revision != nil, target.names.count > 1 {
            throw ValidationError("--to goes with one NAME: revisions are numbered by deployment")
        }
    }

    func run() async throws {
        let revision = revision.map { RevisionNumber($0) }
        try await target.request(
            .rollback(to: revision),
            done: revision.map { "is rolled back to revision \($0)" } ?? "is rolled back"
        )
    }
}
