import ArgumentParser
import ERAAPI
import ERAClient
import ERAContracts
import ERACore

/// The deployments that a verb is about, and the daemon that does it.
struct TargetOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp("The deployments.", valueName: "name"),
        completion: .custom { words, _, _ in await Completion.names(words) },
        transform: { try NameArgument($0) }
    )
    var names: [NameArgument]

    @OptionGroup var namespace: NamespaceOption
    @OptionGroup var connection: ConnectionOptions

    /// Passes on what somebody asks for, to one deployment after the other; the others are asked, too, when
    /// one refuses.
    ///
    /// - Parameter done: What is said of each that accepted, after its name.
    /// - Throws: ``CommandFailure`` when one refused; ``ClientError`` when nobody answers.
    func request(_ intent: Intent, done: String) async throws {
        let client = connection.client()
        var failures = 0
        for name in names {
            let key = namespace.key(name)
            do {
                let object = try await client.about(key) { try await $0.request(intent, for: key) }
                Console.line("deployment \(key) \(done): \(object.phaseText)")
            } catch let error as CommandFailure {
                Console.note(ErrorReport(error).talk)
                failures += 1
            } catch let error as ClientError where error.status != nil {
                Console.note(ErrorReport(Refusal.explained(error, key)).talk)
                failures += 1
            }
        }
        if failures > 0 { throw CommandFailure.told() }
    }
}
