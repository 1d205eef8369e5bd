import ArgumentParser
import ERAAPI
import ERAClient
import ERACore
import ERAManifest

/// `era get`
struct GetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Show deployments.",
        discussion: "Without NAME, those of the namespace. With -w, what changes, until you end it.",
        aliases: ["list", "ls"]
    )

    @Argument(
        help: ArgumentHelp("Only these.", valueName: "name"),
        completion: .custom { words, _, _ in await Completion.names(words) },
        transform: { try NameArgument($0) }
    )
    var names: [NameArgument] = []

    @Flag(name: [.customShort("A"), .long], help: "Of all namespaces.")
    var allNamespaces = false

    @Flag(name: [.short, .long], help: "Go on showing what changes.")
    var watch = false

    @Option(name: [.short, .long], help: "How to show them.")
    var output: OutputFormat = .table

    @Option(
        name: [.customShort("l"), .long],
        help: ArgumentHelp("Only with these labels: app=web,tier!=db.", valueName: "labels")
    )
    var selector: String?

    @OptionGroup var namespace: NamespaceOption
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if !names.isEmpty, allNamespaces || selector != nil {
            throw ValidationError("a NAME goes with neither --all-namespaces nor --selector; leave one out")
        }
        do {
            if let selector { _ = try LabelSelector(selector) }
        } catch {
            throw ValidationError("\(error)")
        }
    }

    func run() async throws {
        let client = connection.client()
        if watch { return try await follow(client) }
        let (objects, missing) = try await fetched(client)
        show(objects, isComplete: missing.isEmpty)
        // What was found is shown all the same, as kubectl does.
        if !missing.isEmpty { throw CommandFailure(missing.joined(separator: "\n")) }
    }

    private func show(_ objects: [DeploymentObject], isComplete: Bool) {
        guard isComplete || !objects.isEmpty else { return }
        switch output {
        case .table, .wide:
            if objects.isEmpty {
                let place = allNamespaces ? "" : " in namespace \(namespace.chosen)"
                Console.noteLine("no deployments\(place)")
            } else {
                let now = WallTime.now()
                let rows = objects.map { DeploymentRow($0).cells(columns, now: now) }
                Console.output(TextTable(columns.header, rows).text(.output))
            }
        case .json: Console.output(ObjectText.json(ObjectText.document(objects, asked: names.count)))
        case .yaml: Console.output(ObjectText.yaml(ObjectText.document(objects, asked: names.count)))
        case .name: Console.output(objects.map(ObjectText.name).joined())
        }
    }

    private var keys: [DeploymentKey] { names.map(namespace.key) }
    /// Nil for all of them.
    private var scope: NamespaceName? { allNamespaces ? nil : namespace.chosen }

    private var columns: DeploymentRow.Columns {
        DeploymentRow.Columns(
            showsNamespace: allNamespaces || names.contains { $0.namespace != nil },
            isWide: output == .wide
        )
    }

    /// What is asked for, and what to say of names that nobody has.
    private func fetched(
        _ client: ERAClient
    ) async throws -> (objects: [DeploymentObject], missing: [String]) {
        guard !names.isEmpty else {
            return (try await client.list(namespace: scope, labelSelector: selector).items, [])
        }
        var objects: [DeploymentObject] = []
        var missing: [String] = []
        for key in keys {
            do {
                objects.append(try await client.about(key) { try await $0.get(key) })
            } catch let failure as CommandFailure {
                missing.append("\(failure)")
            }
        }
        return (objects, missing)
    }

    private func follow(_ client: ERAClient) async throws {
        // A name that nobody has is a mistake, also where something could still come.
        if !names.isEmpty {
            let missing = try await fetched(client).missing
            if !missing.isEmpty { throw CommandFailure(missing.joined(separator: "\n")) }
        }
        let wanted = Set(keys)
        let scope = names.isEmpty ? self.scope : nil
        let watch = DeploymentWatch(client: client, namespace: scope, labelSelector: selector) { key in
            wanted.isEmpty || wanted.contains(key)
        }
        switch output {
        case .table, .wide:
            var writer = LiveTableWriter(columns: columns)
            try await watch.states(ticking: writer.table.isTerminal) { writer.show($0) }
        case .json:
            try await watch.changes { Console.line($0.json.canonicalText) }
        case .yaml:
            try await watch.changes { Console.output("---\n" + ObjectText.yaml($0.json)) }
        case .name:
            try await watch.changes { Console.output(ObjectText.name($0)) }
        }
    }
}
