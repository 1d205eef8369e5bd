import ArgumentParser
import ERAAPI
import ERAClient
import ERACore

/// `era wait`
struct WaitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait",
        abstract: "Wait until deployments are ready, gone, or in a phase.",
        discussion: """
            What is not declared yet is waited for. Exit code 4 as soon as a deployment has failed or \
            was rolled back, 5 when the time is over.
            """
    )

    @Argument(
        help: ArgumentHelp("The deployments.", valueName: "name"),
        completion: .custom { words, _, _ in await Completion.names(words) },
        transform: { try NameArgument($0) }
    )
    var names: [NameArgument]

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("ready, deleted, or phase=PHASE (default: ready).", valueName: "goal"),
        completion: .list(["ready", "deleted"] + Phase.allCases.map { "phase=\($0)" }),
        transform: { try Goal($0) }
    )
    var goal: Goal = .ready

    @Option(
        help: ArgumentHelp("For all of them together: 90s, 5m (default: 5m).", valueName: "duration"),
        transform: DurationArgument.read
    )
    var timeout: Duration = .seconds(300)

    @OptionGroup var namespace: NamespaceOption
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let client = connection.client()
        let clock = ContinuousClock()
        let end = clock.now + timeout
        for name in names {
            let key = namespace.key(name)
            if goal != .deleted { try await warnIfUnknown(key, client) }
            try await Awaiting(client, key, goal).finish(within: max(.zero, end - clock.now), of: timeout)
            Console.line("deployment \(key) is \(goal.text)")
        }
    }

    /// Somebody who mistyped a name would wait for nothing.
    private func warnIfUnknown(_ key: DeploymentKey, _ client: ERAClient) async throws {
        let known = try await client.list().items.map(\.key)
        guard !known.contains(key) else { return }
        Console.noteLine("\(ERAClient.unknown(key, among: known)) (waiting for it)")
    }
}
