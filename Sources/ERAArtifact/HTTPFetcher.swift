import AsyncHTTPClient
import ERACore
import ERAContracts
import NIOCore
import NIOHTTP1

/// Downloads over https, or http where that is allowed; resumes what an earlier attempt left.
struct HTTPFetcher: SchemeFetcher {
    let store: ContentStore
    let options: FetchOptions
    let client: LazyClient
    let credentials: CredentialsProvider
    let clock: any Clock<Duration>

    /// What was left cannot be continued: the server has something else, or cannot say that it has not.
    struct CannotResume: Error {}

    func fetch(
        _ artifact: ArtifactSpec,
        in namespace: NamespaceName,
        report: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> ContentStore.Blob {
        try checkScheme(artifact.source)
        guard let digest = artifact.digest else {
            throw Failure.permanent(
                .fetchRefused,
                "\(Self.shown(artifact.source)) has no digest; add the artifact's sha256 as `digest`"
            )
        }
        let location = try location(artifact.source)
        let credentials = try await credentials(for: artifact, in: namespace)
        let download = HTTPDownload(
            location: location,
            digest: digest,
            credentials: credentials,
            fetcher: self,
            report: report
        )
        return try await self.download(download)
    }

    /// - Throws: ``Failure`` for plain http where that is not allowed.
    func checkScheme(_ source: ArtifactLocation) throws {
        guard source.scheme == .https || options.allowsHTTP else {
            throw Failure.permanent(
                .fetchRefused,
                "\(Self.shown(source)) is plain http; use https, or start era with --allow-http"
            )
        }
    }

    /// - Throws: ``Failure`` for what is no address.
    func location(_ source: ArtifactLocation) throws -> HTTPLocation {
        do { return try HTTPLocation(source.url) } catch {
            throw Failure.permanent(.fetchRefused, "the source \(Self.shown(source)) is wrong: \(error)")
        }
    }

    /// Resumes what an earlier attempt left, and begins anew where the server cannot.
    func download(_ download: HTTPDownload) async throws -> ContentStore.Blob {
        do {
            return try await attempt(download, resume: true)
        } catch is CannotResume {
            do { return try await attempt(download, resume: false) } catch is CannotResume {
                throw Failure.transient(
                    .fetchFailed,
                    "\(download.location.shown) sent a part that nobody asked for"
                )
            }
        }
    }

    private func attempt(_ download: HTTPDownload, resume: Bool) async throws -> ContentStore.Blob {
        let name = hexadecimalSHA256(of: "\(download.digest) \(download.location.url)")
        return try await withDeadlines(
            stall: options.stallLimit,
            total: options.totalTimeLimit,
            clock: clock,
            subject: download.location.shown
        ) { signs in
            try await store.ingest(
                "http-" + name,
                declared: download.digest.algorithm,
                resume: resume,
                keepsPartial: Self.isWorthResuming,
                onProgress: signs.note
            ) { ingest in
                let isResumed = ingest.count > 0
                let received = try await download.run(into: ingest, signs)
                signs.noteArrival()
                do {
                    return try ingest.commit(expecting: download.digest)
                } catch let mismatch as DigestMismatch {
                    if isResumed { throw CannotResume() }
                    throw received.failure(mismatch, download.location)
                }
            }
        }
    }

    private static func isWorthResuming(_ error: any Error) -> Bool {
        switch error {
        case is CancellationError: true
        case let failure as Failure: failure.persistence == .transient && failure.code != .noSpace
        default: false
        }
    }

    /// Those of the artifact's secret; nil where it names none.
    func credentials(
        for artifact: ArtifactSpec,
        in namespace: NamespaceName
    ) async throws -> Credentials? {
        guard let name = artifact.pullSecret else { return nil }
        let found = try await secret(name, in: namespace)
        guard case .registries = found else { return found }
        throw Failure.permanent(
            .secretMissing,
            "the secret \(name) holds logins of registries; an https source needs a username and a password, "
                + "or a token"
        )
    }

    /// What the secret says that a `pullSecret` names.
    ///
    /// - Throws: ``Failure`` `SecretMissing`.
    func secret(_ name: PartName, in namespace: NamespaceName) async throws -> Credentials {
        if let found = try await credentials(name, namespace) { return found }
        throw Failure.permanent(
            .secretMissing,
            "there is no secret \(name), which pullSecret names; add it or correct the name"
        )
    }

    /// A source without its query, which may hold a signature.
    private static func shown(_ source: ArtifactLocation) -> String {
        String(source.url.prefix { $0 != "?" })
    }
}
