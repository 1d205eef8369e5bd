import ArgumentParser
import ERAAPI
import ERAClient
import ERACore

/// `era describe`
struct DescribeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "describe",
        abstract: "Show everything about a deployment: state, conditions, revisions, events."
    )

    @Argument(
        help: ArgumentHelp("The deployment.", valueName: "name"),
        completion: .custom { words, _, _ in await Completion.names(words) },
        transform: { try NameArgument($0) }
    )
    var names: [NameArgument]

    @OptionGroup var namespace: NamespaceOption
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let client = connection.client()
        for (index, name) in names.enumerated() {
            let key = namespace.key(name)
            let object = try await client.about(key) { try await $0.get(key) }
            let events = try await client.events(key)
            if index > 0 { Console.output("\n\n") }
            Console.output(Description(object, events, now: .now()).text(.output))
        }
    }
}
