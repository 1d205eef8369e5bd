import ArgumentParser

/// The command: everything below it is a subcommand.
struct Era: AsyncParsableCommand {
    /// The version of the program.
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "era",
        abstract: "Deploys programs on this machine as manifests declare them, and keeps them so.",
        discussion: """
            Every option has a variable: --run-dir is ERA_RUN_DIR, --namespace is ERA_NAMESPACE, -o is \
            ERA_OUTPUT; a flag takes true or false, a list takes commas. An option that is given wins. \
            What asks for your consent (--all, --confirm) must be given.

            Data goes to standard output, talk to standard error. Exit codes: 0 done, 1 failed, 2 wrong \
            usage, 3 a daemon runs already or cannot be reached, 4 some deployment is Failed or was \
            rolled back, 5 time-out.
            """,
        version: "era \(version)",
        groupedSubcommands: [
            CommandGroup(name: "Run", subcommands: [DaemonCommand.self, ReconcileCommand.self]),
            CommandGroup(
                name: "Look",
                subcommands: [
                    GetCommand.self, DescribeCommand.self, EventsCommand.self, LogsCommand.self,
                    HistoryCommand.self, SourcesCommand.self,
                ]
            ),
            CommandGroup(
                name: "Declare",
                subcommands: [
                    ValidateCommand.self, PlanCommand.self, DiffCommand.self, ApplyCommand.self,
                    DeleteCommand.self, WaitCommand.self,
                ]
            ),
            CommandGroup(
                name: "Intervene",
                subcommands: [
                    RollbackCommand.self, RetryCommand.self, AcceptCommand.self, RestartCommand.self,
                    SuspendCommand.self, ResumeCommand.self, PruneCommand.self,
                ]
            ),
            CommandGroup(name: "Store", subcommands: [ArtifactCommand.self]),
            CommandGroup(
                name: "Learn",
                subcommands: [
                    ExplainCommand.self, SchemaCommand.self, GraphCommand.self, PluginsCommand.self,
                    DoctorCommand.self, VersionCommand.self,
                ]
            ),
        ]
    )
}
