import ERAClient

extension DeleteCommand {
    /// Ends everything without a daemon.
    /// - Parameter unreachable: Why no daemon does it.
    func deleteOffline(_ unreachable: ClientError) async throws {
        guard namespace.namespace == nil else { throw unreachable }
        Console.noteLine(
            "no daemon answers at \(connection.socketPath): deleting everything below \(dataDir)"
        )
        let count = try await OfflineRemoval.run(
            dataDirectory: dataDir,
            runDirectory: connection.runDir
        ) { Console.noteLine($0) }
        Console.line("\(Words.count(count, "deployment")) deleted")
    }
}
