import ArgumentParser
import ERARuntime
import Glibc

/// Where the program begins: settings from outside become arguments, a command runs, and how it ended
/// becomes the exit code.
@main struct Program {
    static func main() async {
        // Ignored, as who started us may have had it, it would have children reaped by nobody we know.
        signal(SIGCHLD, SIG_DFL)
        let arguments = Array(CommandLine.arguments.dropFirst())
        if arguments.first == UnpackRequest.verb {
            Glibc.exit(await LayerUnpacking.run(arguments.dropFirst()))
        }
        let environment = Environment.current()
        let status = await run(arguments, environment)
        Glibc.exit(status.rawValue)
    }

    /// Runs one command line from beginning to end.
    static func run(_ arguments: [String], _ environment: Environment) async -> ProgramExit {
        do {
            let settings = try ConfigurationFile.layered(environment, arguments)
            let complete = try SettingsLayers(settings).complete(arguments, of: Era.self)
            var command = try await Era.asyncParseAsRoot(complete)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            return .done
        } catch {
            let report = ErrorReport(error)
            Console.output(report.output)
            Console.note(report.talk)
            return report.exit
        }
    }
}
