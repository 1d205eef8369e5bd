import ArgumentParser
import ERAAPI
import ERAClient
import ERAContracts
import ERACore
import ERAManifest

/// `era plugins`
struct PluginsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plugins",
        abstract: "Show the runtime plugins that run deployments.",
        subcommands: [ListPluginsCommand.self, DescribePluginCommand.self, TestPluginCommand.self],
        defaultSubcommand: ListPluginsCommand.self
    )
}

/// `era plugins list`
struct ListPluginsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List them, with what they can do, and why one cannot be used."
    )

    @Option(name: [.short, .long], help: "How to show them.")
    var output: ListFormat = .table

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let plugins = try await connection.client().plugins()
        switch output {
        case .table: Console.output(Self.table(plugins).text(.output))
        case .json: Console.output(ObjectText.json(.list("PluginList", plugins.map(\.apiObject))))
        case .yaml: Console.output(ObjectText.yaml(.list("PluginList", plugins.map(\.apiObject))))
        }
    }

    /// A row for each; one that cannot be used has no version, and says why in the last column.
    static func table(_ plugins: [ListedPlugin]) -> TextTable {
        var isAnyRefused = false
        let rows = plugins.map { plugin -> [TextTable.Cell] in
            switch plugin {
            case .usable(let plugin):
                let capabilities = plugin.capabilities.map(\.rawValue).sorted().joined(separator: ", ")
                return [.init(plugin.name.rawValue), .init("\(plugin.version)"), .init(capabilities)]
            case .refused(let plugin):
                isAnyRefused = true
                return [
                    .init(plugin.name.rawValue), .init("refused", .red),
                    .init("\(plugin.path) \(plugin.reason)"),
                ]
            }
        }
        let last = isAnyRefused ? "CAPABILITIES, OR WHY IT IS REFUSED" : "CAPABILITIES"
        return TextTable(["NAME", "VERSION", last], rows)
    }
}

/// `era plugins describe`
struct DescribePluginCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "describe",
        abstract: "Show everything about a plugin, also the schema of its runtime.config."
    )

    @Argument(
        help: ArgumentHelp("The plugin.", valueName: "name"),
        transform: { try PluginName($0) }
    )
    var name: PluginName

    /// How a plugin is shown.
    enum Format: String, CaseIterable, ExpressibleByArgument {
        case text, json, yaml
    }

    @Option(name: [.short, .long], help: "How to show it.")
    var output: Format = .text

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let client = connection.client()
        let plugin: PluginDescription
        do {
            switch try await client.plugin(name) {
            case .usable(let description): plugin = description
            case .refused(let refused):
                throw CommandFailure(
                    "plugin \(name) cannot be used: \(refused.path) \(refused.reason)"
                )
            }
        } catch let error as ClientError where error.isNotFound {
            let names = try await client.plugins().map(\.name.rawValue)
            let hint = Nearest.word(to: name.rawValue, among: names).map { "did you mean \($0)?" }
            let known = "there are: \(names.joined(separator: ", "))"
            throw CommandFailure("there is no plugin \(name); \(hint ?? known)")
        }
        switch output {
        case .text: Self.show(plugin)
        case .json: Console.output(ObjectText.json(plugin.apiObject))
        case .yaml: Console.output(ObjectText.yaml(plugin.apiObject))
        }
    }

    private static func show(_ plugin: PluginDescription) {
        let facts =
            [
                ("Name", plugin.name.rawValue), ("Version", "\(plugin.version)"),
                ("Capabilities", plugin.capabilities.map(\.rawValue).sorted().joined(separator: ", ")),
            ] + plugin.details.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        let rows = facts.map { [TextTable.Cell("\($0.0):"), TextTable.Cell($0.1)] }
        Console.output(TextTable([], rows).text(.output))
        Console.output("Schema of spec.runtime.config:\n" + ObjectText.json(plugin.configSchema))
    }
}
