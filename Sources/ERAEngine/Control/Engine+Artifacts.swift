public import ERAContracts
public import ERACore

/// What people do with the content store.
extension Engine {
    public func artifactUses() async -> [ArtifactUse] {
        await loaded()
        return entries.keys.sorted().flatMap { entries[$0]?.record.artifactUses ?? [] }
    }

    public func pullArtifact(
        _ artifact: ArtifactSpec,
        in namespace: NamespaceName,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> StoredArtifact {
        try await seams.fetcher.pull(artifact, in: namespace, progress: progress)
    }

    public func collectArtifacts(all: Bool) async throws -> ByteCount {
        try await ensureLoaded()
        // What is pinned says what may be collected.
        try await pin()
        return try await seams.fetcher.collect(all: all)
    }
}
