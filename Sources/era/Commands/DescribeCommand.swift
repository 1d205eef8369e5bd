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
        help: ArgumentHelp("The deployments.", valueName: "name"),
        completion: .custom { words, _, _ in await Completion.names(words) },
        transform: { try NameArgument($0) }
    )
    var names: [NameArgument]

    /// How it is shown.
    enum Format: String, CaseIterable, ExpressibleByArgument, Sendable {
        case text, json, yaml
    }

    @Option(name: [.short, .long], help: "How to show them; json and yaml are those of era get.")
    var output: Format = .text

    @OptionGroup var namespace: NamespaceOption
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let client = connection.client()
        switch output {
        case .text: try await describe(client)
        case .json: Console.output(ObjectText.json(try await document(client)))
        case .yaml: Console.output(ObjectText.yaml(try await document(client)))
        }
    }

    private func document(_ client: ERAClient) async throws -> JSONValue {
        var objects: [DeploymentObject] = []
        for key in names.map(namespace.key) {
            objects.append(try await client.about(key) { try await $0.get(key) })
        }
        return ObjectText.document(objects, asked: names.count)
    }

    private func describe(_ client: ERAClient) async throws {
        for (index, name) in names.enumerated() {
            let key = namespace.key(name)
            let object = try await client.about(key) { try await $0.get(key) }
            let events = try await client.events(key)
            if index > 0 { Console.output("\n\n") }
            Console.output(Description(object, events, now: .now()).text(.output))
        }
    }
}
