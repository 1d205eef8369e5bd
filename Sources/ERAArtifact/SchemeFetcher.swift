public import ERACore
import ERAContracts

/// Brings one content into the store by the ways of one scheme; sharing and bounding is done around it.
protocol SchemeFetcher: Sendable {
    /// Downloads, verifies and stores.
    ///
    /// Cancellation stops it at the next piece of data; what has arrived may be kept for the next call.
    /// - Parameter report: Called for each piece; throttling is the caller's.
    /// - Throws: ``Failure``, `CancellationError`.
    func fetch(
        _ artifact: ArtifactSpec,
        in namespace: NamespaceName,
        report: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> ContentStore.Blob
}

/// The bounds of one fetch, of whatever scheme.
public struct FetchOptions: Sendable {
    /// Whether plain http is allowed (`--allow-http`); credentials then travel in the clear.
    public var allowsHTTP = false
    /// The largest artifact; of an image, everything together.
    public var sizeLimit = ByteCount(8 << 30)
    /// So much stays free on the file system of the store.
    public var freeSpaceReserve = ByteCount(64 << 20)
    /// The longest time without a byte.
    public var stallLimit = Duration.seconds(30)
    /// The longest time for one attempt; the next one resumes.
    public var totalTimeLimit = Duration.seconds(3600)
    /// The most redirects that are followed.
    public var redirectLimit = 5
    /// The longest `Retry-After` that is honoured.
    public var retryAfterLimit = Duration.seconds(300)
    /// The most downloads at a time.
    public var parallelLimit = 4
    /// Registries (`host[:port]`) that are spoken to in plain http (`--insecure-registry`).
    public var insecureRegistries: Set<String> = []
    /// For a registry, those that have the same contents: asked first, in this order, and only by digest.
    public var mirrors: [String: [String]] = [:]
    /// Where logins of registries are kept, in this order: files as docker and podman write them.
    public var loginFiles: [String] = []
    /// Who is asked where such a file names a program that keeps a login.
    public var credentialHelpers = CredentialHelpers.none
    /// A PEM file of certificates to trust besides those of the system.
    public var trustRoots: String?

    public init() {}
}
