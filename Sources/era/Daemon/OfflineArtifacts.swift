import ERAArtifact
import ERAContracts
import ERACore
import ERAStore
import Glibc

/// What the daemon knows of its artifacts, when there is none to ask.
///
/// It holds the daemon's lock meanwhile: none can begin.
struct OfflineArtifacts {
    private let dataDirectory: String

    init(dataDirectory: String) { self.dataDirectory = Composition.absolute(dataDirectory) }

    /// What deployments keep; nothing where there has been no daemon.
    /// - Throws: ``CommandFailure``: a daemon has the directory (exit code 3), or its database is damaged.
    func uses() async throws -> [ArtifactUse] { try await withUses { $0 } }

    /// Removes what nothing keeps.
    /// - Throws: ``CommandFailure``, ``Failure``.
    func collect(all: Bool) async throws -> ByteCount {
        let store = ArtifactStoreOptions.store("\(dataDirectory)/artifacts")
        return try await withUses { uses in
            try store.pin(Set(uses.map(\.digest)))
            return try store.collect(all: all)
        }
    }

    private func withUses<Value>(_ body: ([ArtifactUse]) throws -> Value) async throws -> Value {
        // To open the database would make it.
        guard access("\(dataDirectory)/era.db", F_OK) == 0 else { return try body([]) }
        let records: SQLiteRecordStore
        do { records = try SQLiteRecordStore.open(dataDirectory: dataDirectory) } catch {
            switch error {
            case .locked:
                throw CommandFailure("\(error); name its --run-dir, so that it is asked", .notReachable)
            case .newerSchema, .unwritable, .broken: throw CommandFailure("\(error)")
            }
        }
        let outcome: Result<Value, any Error>
        do {
            let state = try await records.load()
            guard state.quarantinedCopy == nil else {
                throw CommandFailure(
                    "nobody knows what deployments keep, because the database was damaged; start the daemon, "
                        + "which finds out: era daemon"
                )
            }
            outcome = .success(try body(state.records.flatMap(\.record.artifactUses)))
        } catch {
            outcome = .failure(error)
        }
        await records.close()
        return try outcome.get()
    }
}
