public import ERACore
public import ERAContracts
import ERALinux

/// Fetches artifacts into a ``ContentStore``: https, http where allowed, files, and from registries.
///
/// A content that the store has is not fetched again, whatever its source is: rollback works offline. All
/// who want one digest share one download. The caller ends its life with ``shutdown()``.
///
/// A new scheme is a ``SchemeFetcher`` more. A class, because its downloads and its client are shared.
public final class StoreFetcher: ArtifactFetcher {
    private let store: ContentStore
    private let executor = BlockingExecutor(label: "era.fetch")
    private let downloads: SharedDownloads
    private let gate: Gate
    private let client: LazyClient
    private let http: HTTPFetcher
    private let file: FileFetcher
    private let registry: RegistryFetcher
    let signatures: DetachedSignatures
    private let trust: TrustSource

    /// - Parameters:
    ///   - store: Where contents go; no other fetcher may write to it.
    ///   - credentials: Asked for the secret of each download that names one.
    ///   - trust: Asked at each fetch what has to be signed by whom.
    ///   - clock: Measures stalls and the total time.
    public init(
        store: ContentStore,
        options: FetchOptions = FetchOptions(),
        credentials: @escaping CredentialsProvider = { _, _ in nil },
        trust: TrustSource = .none,
        clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.store = store
        downloads = SharedDownloads(executor: executor)
        gate = Gate(limit: options.parallelLimit)
        client = LazyClient(options)
        http = HTTPFetcher(
            store: store,
            options: options,
            client: client,
            credentials: credentials,
            clock: clock
        )
        file = FileFetcher(store: store, options: options)
        signatures = DetachedSignatures(store: store, http: http)
        registry = RegistryFetcher(http: http, gate: gate, downloads: downloads, signatures: signatures)
        self.trust = trust
    }

    public func problems(of artifact: ArtifactSpec) -> [SpecProblem] {
        KeyProblems.problems(of: artifact.signature)
    }

    public func fetch(
        _ artifact: ArtifactSpec,
        in namespace: NamespaceName,
        known: StoredArtifact?,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> StoredArtifact {
        try await withTaskExecutorPreference(executor) {
            try await self.fetched(artifact, in: namespace, known: known, progress: progress)
        }
    }

    public func pull(
        _ artifact: ArtifactSpec,
        in namespace: NamespaceName,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> StoredArtifact {
        try await withTaskExecutorPreference(executor) {
            try await self.fetched(artifact, in: namespace, known: nil, afresh: true, progress: progress)
        }
    }

    public func pin(_ digests: Set<Digest>) async throws {
        try await withTaskExecutorPreference(executor) { try await self.pinned(digests) }
    }

    @discardableResult
    public func collect(all: Bool) async throws -> ByteCount {
        try await withTaskExecutorPreference(executor) { try await self.collected(all: all) }
    }

    /// Cancels what is under way, keeping it for a resume, and closes all connections.
    public func shutdown() async {
        await downloads.shutdown()
        await client.shutdown()
    }

    // Only an async function that is called from within runs on the preferred executor, not the closure.
    private func pinned(_ digests: Set<Digest>) async throws { try store.pin(digests) }
    private func collected(all: Bool) async throws -> ByteCount { try store.collect(all: all) }

    private func fetched(
        _ artifact: ArtifactSpec,
        in namespace: NamespaceName,
        known: StoredArtifact?,
        afresh: Bool = false,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> StoredArtifact {
        store.beginArrival()
        defer { store.endArrival() }
        let order = try trust.order(for: artifact, in: namespace, known: known?.signature)
        guard artifact.source.scheme != .oci else {
            return try await registry.fetch(
                artifact,
                in: namespace,
                known: known,
                signed: order,
                afresh: afresh,
                progress: progress
            )
        }
        let blob = try await blob(of: artifact, in: namespace, progress: progress)
        return StoredArtifact(
            digest: blob.digest,
            size: blob.size,
            path: blob.path,
            name: artifactName(artifact.source),
            signature: try await signature(of: blob, order)
        )
    }

    /// What came from the store is verified as well: who may sign can have changed since.
    private func signature(of blob: ContentStore.Blob, _ order: SignatureOrder?) async throws
        -> SignatureOutcome?
    {
        guard let order else { return nil }
        return try await order.outcome { try await signatures.proof(of: blob, $0, order) }
    }

    private func blob(
        of artifact: ArtifactSpec,
        in namespace: NamespaceName,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> ContentStore.Blob {
        if let digest = artifact.digest, let blob = try store.lookup(digest) {
            progress(StepProgress(done: blob.size, total: blob.size))
            return blob
        }
        let fetcher = try fetcher(for: artifact)
        let key = SharedDownloads.Key(
            digest: artifact.digest,
            url: artifact.source.url,
            secret: artifact.pullSecret.map { SharedDownloads.Secret(name: $0, namespace: namespace) }
        )
        return try await downloads.blob(for: key, progress: progress) { [gate, store] report in
            try await gate.withPermit(queued: { report(.queued) }) {
                report(StepProgress(done: ByteCount(0), total: nil))
                // It may have come from elsewhere while this one waited.
                if let digest = artifact.digest, let blob = try store.lookup(digest) { return blob }
                return try await fetcher.fetch(artifact, in: namespace, report: report)
            }
        }
    }

    private func fetcher(for artifact: ArtifactSpec) throws -> any SchemeFetcher {
        switch artifact.source.scheme {
        case .https, .http: http
        case .file: file
        case .oci:
            throw Failure.permanent(.internalFault, "\(artifact.source) is fetched as more than one blob")
        }
    }
}

/// The last component of a source's path, as a file may be called; `artifact` where there is none.
func artifactName(_ source: ArtifactLocation) -> String {
    let rest = source.url.dropFirst(source.scheme.rawValue.count + 3)
    let path = rest.prefix { $0 != "?" && $0 != "#" }
    guard let slash = path.lastIndex(of: "/"), let name = percentDecoded(path[path.index(after: slash)...]),
        !name.isEmpty, name != ".", name != "..", name.utf8.count <= 255,
        !name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "/") })
    else { return "artifact" }
    return name
}
