import AsyncHTTPClient
import ERACore
import ERALinux
import ERASignature
import Glibc
import NIOCore

/// Finds the signatures that lie in files of their own, and verifies blobs of the store with them.
struct DetachedSignatures: Sendable {
    /// Artifacts that are in memory as a whole at a time: what signs bytes and not a hash needs all of them.
    static let wholeLimit = 2

    let store: ContentStore
    let http: HTTPFetcher
    let wholes = Gate(limit: Self.wholeLimit)

    /// Verified anew, whatever the store thinks of the blob: with what was kept, else with what is fetched.
    ///
    /// - Throws: ``Failure`` where none of the keys signed, or nothing is there to show it.
    func proof(
        of blob: ContentStore.Blob,
        _ claim: SignatureOrder.Claim,
        _ order: SignatureOrder
    ) async throws -> SignatureOrder.Proof {
        if let proof = try await keptProof(of: blob, claim, order) { return proof }
        var trouble: Failure?
        var places: [String] = []
        for scheme in claim.schemes {
            for place in Self.places(scheme, order.artifact) {
                guard let bytes = try await signature(at: place, order) else {
                    places.append(Self.shown(place))
                    continue
                }
                do {
                    let verdict = try await verdict(on: blob, bytes, scheme, claim.keys)
                    return SignatureOrder.Proof(verdict: verdict, evidence: try await keep(bytes))
                } catch let error as SignatureError {
                    trouble = trouble ?? order.refused(error)
                }
            }
        }
        throw trouble ?? order.missing(places)
    }

    /// Where a signature is looked for, in turn.
    static func places(_ scheme: SignatureSpec.Kind, _ artifact: ArtifactSpec) -> [ArtifactLocation] {
        if let spec = artifact.signature, spec.type == scheme, let source = spec.source { return [source] }
        guard artifact.source.scheme != .oci else { return [] }
        let url = artifact.source.url
        let path = url.prefix { $0 != "?" && $0 != "#" }
        return scheme.signatureSuffixes.compactMap { suffix in
            // An address with more at the end of its path is one still.
            try? ArtifactLocation(path + suffix + url[path.endIndex...])
        }
    }

    private static func shown(_ place: ArtifactLocation) -> String { String(place.url.prefix { $0 != "?" }) }

    // MARK: Verify

    private func keptProof(
        of blob: ContentStore.Blob,
        _ claim: SignatureOrder.Claim,
        _ order: SignatureOrder
    ) async throws -> SignatureOrder.Proof? {
        for digest in order.kept {
            guard let kept = try store.lookup(digest), kept.size.bytes <= DetachedSignature.sizeLimit else {
                continue
            }
            let bytes = try speakingFailure { try readFile(kept.path, limit: DetachedSignature.sizeLimit) }
            for scheme in claim.schemes {
                do {
                    let verdict = try await verdict(on: blob, bytes, scheme, claim.keys)
                    return SignatureOrder.Proof(verdict: verdict, evidence: digest)
                } catch is SignatureError {
                    // By a key that is not trusted any more, or for another claim: there may be a new one.
                    continue
                }
            }
        }
        return nil
    }

    /// - Throws: `SignatureError`; ``Failure`` of the file system; `CancellationError`.
    private func verdict(
        on blob: ContentStore.Blob,
        _ bytes: [UInt8],
        _ scheme: SignatureSpec.Kind,
        _ keys: [TrustedKey]
    ) async throws -> SignatureVerdict {
        let signature = try DetachedSignature(bytes, scheme: scheme)
        guard signature.keepsContent(for: keys) else { return try verdict(on: blob, signature, keys) }
        return try await wholes.withPermit(queued: {}) { try verdict(on: blob, signature, keys) }
    }

    private func verdict(
        on blob: ContentStore.Blob,
        _ signature: DetachedSignature,
        _ keys: [TrustedKey]
    ) throws -> SignatureVerdict {
        var hasher = try signature.makeHasher(for: keys)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        defer { buffer.deallocate() }
        let file = try Self.opened(blob.path)
        while true {
            try Task.checkCancellation()
            let count = try speakingFailure { try file.read(into: buffer, from: blob.path) }
            if count == 0 { break }
            try hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
        let hashes = hasher.finalize()
        guard hashes.digest == blob.digest else {
            throw Failure.transient(
                .digestMismatch,
                "\(blob.path) is not what it was when it was stored"
            )
        }
        return try signature.verify(hashes, with: keys)
    }

    private static func opened(_ path: String) throws -> Descriptor {
        do throws(SystemError) { return try Descriptor(path, O_RDONLY | O_NOFOLLOW) } catch {
            throw error.failure
        }
    }

    /// Puts a signature into the store, for the next time.
    private func keep(_ bytes: [UInt8]) async throws -> Digest {
        try await store.ingest(
            "signature-\(UInt64.random(in: 0 ... .max))",
            declared: nil,
            resume: false
        ) { ingest in
            try bytes.withUnsafeBytes { try ingest.write($0) }
            return try ingest.commit(expecting: nil)
        }.digest
    }

    // MARK: Fetch

    /// - Returns: Nil where there is none at this place.
    private func signature(at place: ArtifactLocation, _ order: SignatureOrder) async throws -> [UInt8]? {
        do {
            switch place.scheme {
            case .file: return try FileFetcher.small(place, limit: DetachedSignature.sizeLimit)
            case .https, .http: return try await download(place, order)
            case .oci:
                throw Failure.permanent(
                    .fetchRefused,
                    "\(place) is in a registry; give the signature an https, http or file source"
                )
            }
        } catch let failure as Failure where failure.isAboutNothingThere { return nil }
    }

    private func download(_ place: ArtifactLocation, _ order: SignatureOrder) async throws -> [UInt8] {
        try http.checkScheme(place)
        let location = try http.location(place)
        // The secret is the artifact's: it goes to the artifact's host alone.
        var credentials: Credentials?
        if order.artifact.source.scheme != .oci, order.artifact.source.scheme != .file,
            try http.location(order.artifact.source).origin == location.origin
        {
            credentials = try await http.credentials(for: order.artifact, in: order.namespace)
        }
        let document = try await http.document(
            location,
            credentials,
            limit: DetachedSignature.sizeLimit
        )
        var body = ReceivedBody(type: document.contentType, isWhole: true)
        body.look(at: ByteBuffer(bytes: document.bytes.prefix(64)))
        guard !body.isHTML else {
            throw Failure.transient(
                .fetchFailed,
                "\(location.shown) answered with a web page (HTML) instead of a signature: a login page of the "
                    + "network perhaps"
            )
        }
        return document.bytes
    }
}

extension Failure {
    /// Whether what was asked for is not there: an answer as 404 is, or no such file.
    var isAboutNothingThere: Bool { code == .fetchFailed && persistence == .permanent }
}
