import AsyncHTTPClient
import ERACore
import ERAContracts
import ERAOCI
import NIOCore
import NIOHTTP1

/// Speaks to one registry about one repository, as one user.
///
/// Source: distribution specification 1.1.
struct RegistryClient: Sendable {
    let place: RegistryPlace
    let repository: String
    let login: RegistryLogins.Login
    let http: HTTPFetcher
    let tokens: RegistryTokens

    private var options: FetchOptions { http.options }
    private var credentials: Credentials? { login.credentials }
    private var key: RegistryTokens.Key {
        RegistryTokens.Key(origin: place.root.origin, repository: repository, credentials: credentials)
    }

    /// A manifest as it came: its digest is that of these bytes, whatever a header says.
    struct Manifest: Sendable {
        let bytes: [UInt8]
        let digest: Digest
        let type: MediaType?
    }

    /// - Parameter name: A tag or a digest.
    /// - Throws: ``Failure``, `CancellationError`.
    func manifest(_ name: String, expecting digest: Digest?) async throws -> Manifest {
        let location = try place.location("\(repository)/manifests/\(name)")
        let answer = try await authorized { authorization in
            try await document(
                location,
                authorization,
                accept: MediaType.acceptedManifests,
                limit: OCILimits.manifestSizeLimit
            )
        }
        let digests = try ContentDigests(of: answer.bytes, declared: digest?.algorithm)
        let found = digest.flatMap { digests.matching($0.algorithm) } ?? digests.sha256
        var body = ReceivedBody(type: answer.contentType, isWhole: true)
        body.look(at: ByteBuffer(bytes: answer.bytes.prefix(64)))
        if body.isHTML {
            throw Failure.transient(
                .fetchFailed,
                "\(location.shown) answered with a web page (HTML) instead of a manifest: a login page of the "
                    + "network, or no registry"
            )
        }
        if let digest, found != digest {
            throw body.failure(DigestMismatch(declared: digest, found: found), location)
        }
        // Who caches between us and the registry may have the header of one and the body of another.
        if let said = answer.digest, said.algorithm == found.algorithm, said != found {
            throw Failure.transient(
                .fetchFailed,
                "\(location.shown) came as \(found) and was announced as \(said)"
            )
        }
        return Manifest(
            bytes: answer.bytes,
            digest: found,
            type: answer.contentType.flatMap { MediaType(rawValue: $0) }
        )
    }

    /// The most pages of referrers that are read.
    static let referrerPageLimit = 16

    /// What refers to a manifest, by the registry's API; what comes after ``referrerPageLimit`` is left out.
    ///
    /// Source: distribution specification 1.1, "Listing Referrers".
    /// - Throws: ``Failure``, `CancellationError`; `OCIError` for an answer that is no index.
    func referrers(of digest: Digest) async throws -> [ContentDescriptor] {
        var found: [ContentDescriptor] = []
        var location = try place.location("\(repository)/referrers/\(digest)")
        for _ in 0..<Self.referrerPageLimit {
            let answer = try await authorized { authorization in
                try await document(
                    location,
                    authorization,
                    accept: MediaType.imageIndex.rawValue,
                    limit: OCILimits.manifestSizeLimit
                )
            }
            guard case .index(let index) = try ManifestDocument(answer.bytes) else { break }
            found += index.manifests
            guard let next = answer.next else { break }
            location = try page(next, after: location)
        }
        return found
    }

    /// The next page, of this registry: credentials go there.
    private func page(_ next: String, after location: HTTPLocation) throws -> HTTPLocation {
        // Whatever is wrong with it, it is no page of this list.
        guard let page = try? location.resolving(next), page.origin == place.root.origin else {
            throw Failure.permanent(
                .fetchRefused,
                "the registry \(place.name) continues \(location.shown) at \(next.prefix(200)), which is not "
                    + "of it; ask whoever runs it"
            )
        }
        return page
    }

    /// One blob into the store; resumes what an earlier attempt left.
    ///
    /// - Throws: ``Failure``, `CancellationError`.
    func blob(
        _ descriptor: ContentDescriptor,
        report: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> ContentStore.Blob {
        let location = try place.location("\(repository)/blobs/\(descriptor.digest)")
        return try await authorized { authorization in
            try await http.download(
                HTTPDownload(
                    location: location,
                    digest: descriptor.digest,
                    credentials: authorization,
                    fetcher: http,
                    registry: .init(size: descriptor.size, insecure: options.insecureRegistries),
                    report: report
                )
            )
        }
    }

    // MARK: Who asks

    /// Runs a request as far as it gets with what is known, and once more with what the registry asks for.
    private func authorized<Value>(_ request: (Credentials?) async throws -> Value) async throws -> Value {
        // A token from elsewhere is sent as it is, and nothing else is sent unasked.
        var first = tokens.authorization(for: key, now: http.store.now().uptime)
        if first == nil, case .bearer = credentials { first = credentials }
        do { return try await request(first) } catch let challenged as Challenged {
            tokens.forget(key)
            let authorization = try await answer(
                challenged,
                refusedBefore: first == credentials && first != nil
            )
            do { return try await request(authorization) } catch let challenged as Challenged {
                tokens.forget(key)
                throw denied(challenged)
            }
        }
    }

    private func answer(_ challenged: Challenged, refusedBefore: Bool) async throws -> Credentials {
        switch Challenge.first(in: challenged.headers) {
        case .basic:
            guard case .basic = credentials, let credentials else { break }
            tokens.keep(credentials, for: key, until: http.store.now().uptime + RegistryTokens.lifetimeLimit)
            return credentials
        case .bearer(let realm, let service, let scope):
            guard !refusedBefore else { break }
            return try await token(realm, service, scope)
        case nil: break
        }
        throw denied(challenged)
    }

    private func denied(_ challenged: Challenged) -> Failure {
        .permanent(
            .fetchRefused,
            "the registry \(place.name) denies access to \(repository) (\(challenged.status)); \(login.advice)"
        )
    }

    private func token(_ realm: String, _ service: String?, _ scope: String?) async throws -> Credentials {
        let realm = try place.realm(realm, insecure: options.insecureRegistries)
        var query = "scope=" + queryEscaped(scope ?? "repository:\(repository):pull")
        if let service { query = "service=" + queryEscaped(service) + "&" + query }
        var location = realm
        var basic: Credentials?
        var form: String?
        switch credentials {
        case .identity(let token):
            form =
                "grant_type=refresh_token&client_id=era&\(query)&refresh_token=" + queryEscaped(token)
        case .basic, .bearer, .registries, nil:
            let separator = realm.target.contains("?") ? "&" : "?"
            location = try HTTPLocation(realm.url + separator + query)
            if case .basic = credentials { basic = credentials }
        }
        let answer: HTTPFetcher.Document
        do {
            answer = try await document(
                location,
                basic,
                accept: "application/json",
                form: form,
                limit: RegistryTokens.answerSizeLimit
            )
        } catch let challenged as Challenged { throw denied(challenged) }
        guard let (token, lifetime) = RegistryTokens.read(answer.bytes) else {
            throw Failure.transient(
                .fetchFailed,
                "\(location.shown) gave no token for \(place.name)"
            )
        }
        let authorization = Credentials.bearer(token: token)
        tokens.keep(authorization, for: key, until: http.store.now().uptime + lifetime)
        return authorization
    }

    private func document(
        _ location: HTTPLocation,
        _ authorization: Credentials?,
        accept: String,
        form: String? = nil,
        limit: Int
    ) async throws -> HTTPFetcher.Document {
        try await http.document(
            location,
            authorization,
            registries: options.insecureRegistries,
            accept: accept,
            form: form,
            limit: limit
        )
    }

    private func queryEscaped(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            let isPlain =
                (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte)
                || "-._~:/,".utf8.contains(byte)
            result +=
                isPlain
                ? String(UnicodeScalar(byte))
                : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }
        return result
    }
}

/// A registry, or its token server, wants to know who asks, or will not have it from who does.
struct Challenged: Error {
    let status: UInt
    /// How it wants to be told.
    var headers: [String] = []
}
