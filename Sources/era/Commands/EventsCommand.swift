import ArgumentParser
import ERAAPI
import ERAClient
import ERACore
import ERAManifest

/// `era events`
struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Show what happened, oldest first.",
        discussion:
            "Without NAME, to all deployments of the namespace. With -w, what happens, until you end it."
    )

    @Argument(
        help: ArgumentHelp("Only to this deployment.", valueName: "name"),
        completion: .custom { words, _, _ in await Completion.names(words) },
        transform: { try NameArgument($0) }
    )
    var name: NameArgument?

    @Flag(name: [.customShort("A"), .long], help: "Of all namespaces.")
    var allNamespaces = false

    @Flag(name: [.short, .long], help: "Go on showing what happens.")
    var watch = false

    @Option(name: [.short, .long], help: "How to show them.")
    var output: ListFormat = .table

    @OptionGroup var namespace: NamespaceOption
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if name != nil, allNamespaces {
            throw ValidationError("a NAME does not go with --all-namespaces; leave one out")
        }
    }

    func run() async throws {
        let client = connection.client()
        let key = name.map(namespace.key)
        let scope = allNamespaces ? nil : namespace.chosen
        if let key { try await check(key, client) }
        if watch {
            return try await follow(
                key.map { client.watchEvents($0) } ?? client.watchEvents(namespace: scope)
            )
        }
        let events =
            if let key { try await client.events(key) } else { try await client.events(namespace: scope) }
        switch output {
        case .table:
            if events.isEmpty { return Console.noteLine("no events") }
            Console.output(table(events).table.text(.output))
        case .json: Console.output(ObjectText.json(.list("EventList", events.map(\.json))))
        case .yaml: Console.output(ObjectText.yaml(.list("EventList", events.map(\.json))))
        }
    }

    /// A name without events may be one that nobody has; what was deleted keeps its events for a while.
    private func check(_ key: DeploymentKey, _ client: ERAClient) async throws {
        if try await client.events(key).isEmpty {
            _ = try await client.about(key) { try await $0.get(key) }
        }
    }

    private func table(_ events: [EventObject]) -> EventTable {
        EventTable(events, now: .now(), namesObject: name == nil, namesNamespace: allNamespaces)
    }

    private func follow(_ events: EventObjects) async throws {
        // Widths that fit most rows; what comes later cannot move what was written.
        var widths = [9, 7, 20] + (name == nil ? [16] : [])
        var isFirst = true
        for try await event in events {
            switch output {
            case .table:
                let table = table([event])
                let header = TextTable.headerCells(table.header)
                let cells = table.cells(event)
                widths = TextTable.widths(of: [Array(cells.dropLast())], atLeast: widths)
                if isFirst { Console.line(TextTable.line(header, widths + [0], .output)) }
                Console.line(TextTable.line(cells, widths + [0], .output))
            case .json: Console.line(event.json.canonicalText)
            case .yaml: Console.output("---\n" + ObjectText.yaml(event.json))
            }
            isFirst = false
        }
        throw CommandFailure("the daemon ended the watch; start it again with: era events -w", .notReachable)
    }
}
