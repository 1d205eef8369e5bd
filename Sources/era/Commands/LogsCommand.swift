import ArgumentParser
import ERAClient
import ERAContracts

/// `era logs`
struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "Show the output of a deployment's program.",
        discussion: "Of the revision that serves, else of the newest one. Output is kept across restarts."
    )

    @Argument(
        help: ArgumentHelp("The deployment.", valueName: "name"),
        completion: .custom { words, _, _ in await Completion.names(words) },
        transform: { try NameArgument($0) }
    )
    var name: NameArgument

    @Flag(name: [.short, .long], help: "Go on showing what is written.")
    var follow = false

    @Option(help: ArgumentHelp("Only the last lines.", valueName: "lines"))
    var tail: Int?

    @Flag(name: [.short, .long], help: "Of the revision before.")
    var previous = false

    @Flag(help: "The time of each line before it.")
    var timestamps = false

    @OptionGroup var namespace: NamespaceOption
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if let tail, tail < 0 { throw ValidationError("--tail is \(tail); it is a number of lines") }
    }

    func run() async throws {
        let key = namespace.key(name)
        let request = LogRequest(tailLines: tail, follow: follow, timestamps: timestamps)
        try await connection.client().about(key) { client in
            for try await chunk in client.logs(key, previous: previous, request) { Console.output(chunk) }
        }
    }
}
