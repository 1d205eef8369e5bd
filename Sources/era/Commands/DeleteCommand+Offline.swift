import ERAClient
import Glibc

extension DeleteCommand {
    /// Ends everything without a daemon.
    /// - Parameter unreachable: Why no daemon does it.
    /// - Throws: `unreachable` where a namespace is asked for; ``CommandFailure`` where no daemon has been.
    func deleteOffline(_ unreachable: ClientError) async throws {
        guard namespace.namespace == nil else { throw unreachable }
        // Without this, a directory that was not named would look like one that is empty.
        guard ["era.db", "instances"].contains(where: { access("\(dataDir)/\($0)", F_OK) == 0 }) else {
            throw CommandFailure(
                "no daemon answers at \(connection.socketPath), and none has left anything in \(dataDir); "
                    + "name its directories with --run-dir and --data-dir",
                .notReachable
            )
        }
        Console.noteLine(
            "no daemon answers at \(connection.socketPath): deleting everything below \(dataDir)"
        )
        let count = try await OfflineRemoval.run(
            dataDirectory: dataDir,
            runDirectory: connection.runDir,
            pluginDirectories: pluginDir
        ) { Console.noteLine($0) }
        Console.line("\(Words.count(count, "deployment")) deleted")
    }
}
