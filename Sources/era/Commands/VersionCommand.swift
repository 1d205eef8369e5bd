import ArgumentParser
import ERAAPI
import ERAClient
import ERACore
import ERAManifest

/// `era version`
struct VersionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Show the version of this program, and of the daemon where one answers."
    )

    @Option(name: [.short, .long], help: "How to show them.")
    var output: ListFormat = .table

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var daemon: VersionObject?
        do {
            daemon = try await connection.client(timeout: .seconds(5)).version()
        } catch let error as ClientError {
            // The program's own version is an answer all the same.
            Console.noteLine(
                error.exitCode == 3 ? "no daemon answers at \(connection.socketPath)" : "\(error)"
            )
        }
        var versions: [String: JSONValue] = ["era": .string(Era.version)]
        versions["daemon"] = daemon.map { .string($0.era) }
        versions["kubernetesAPI"] = daemon.map { .string($0.kubernetes) }
        switch output {
        case .table:
            Console.line("era     \(Era.version)")
            if let daemon { Console.line("daemon  \(DisplayText.line(daemon.era))") }
        case .json: Console.output(ObjectText.json(.object(versions)))
        case .yaml: Console.output(ObjectText.yaml(.object(versions)))
        }
    }
}
