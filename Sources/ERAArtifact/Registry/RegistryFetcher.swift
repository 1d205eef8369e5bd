import ERACore
import ERAContracts
import ERALinux
import ERAOCI
import Glibc
import Synchronization

/// Brings images and artifacts of registries into the store: manifest, configuration, layers, each as a blob.
///
/// A tag is resolved once for each revision, by the registry itself: what a mirror calls `1.2` may be old.
/// What the store has, damaged blobs aside, is not fetched again.
struct RegistryFetcher: Sendable {
    let http: HTTPFetcher
    let gate: Gate
    let downloads: SharedDownloads
    let signatures: DetachedSignatures
    let tokens = RegistryTokens()

    var store: ContentStore { http.store }
    private var options: FetchOptions { http.options }

    /// - Parameter afresh: For a person: ask the registry what a tag means, although it may have a name in
    ///   the store, and bring all of it.
    /// - Throws: ``Failure``, `CancellationError`.
    func fetch(
        _ artifact: ArtifactSpec,
        in namespace: NamespaceName,
        known: StoredArtifact?,
        signed order: SignatureOrder?,
        afresh: Bool = false,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> StoredArtifact {
        var reference = try Self.reference(artifact, known)
        // A name in the store says what a tag means on this machine.
        if !afresh, let named = try store.digest(named: reference) { reference = reference.pinned(to: named) }
        let source = Source(
            reference: reference,
            artifact: artifact,
            namespace: namespace,
            known: known?.content == .file ? nil : known?.digest,
            logins: RegistryLogins(http, pullSecret: artifact.pullSecret, namespace: namespace)
        )
        if let known, known.content == .file, order == nil, let blob = try store.lookup(known.digest) {
            progress(StepProgress(done: blob.size, total: blob.size))
            var unsigned = known
            unsigned.signature = nil
            return unsigned
        }
        let (manifest, top) = try await manifest(source, queued: { progress(.queued) })
        let content: ImageManifest.Content
        do throws(OCIError) { content = try manifest.value.content() } catch {
            throw refused(reference, error)
        }
        let name = reference.name
        // Where the digest was written, nothing was resolved.
        let resolved = reference.tag == nil ? nil : (known?.resolved ?? reference.pinned(to: top).description)
        // What is signed in the registry is refused before its layers are fetched.
        let isFile = if case .file = content { true } else { false }
        let images = [reference.digest ?? top, manifest.blob.digest]
        var outcome = try await signature(order, source, images, isFile: isFile)
        switch content {
        case .file(let file):
            // What a person has fetched is to have a name, and then it is whole: with a configuration that no
            // deployment reads.
            let others = afresh ? manifest.value.blobs.filter { $0.digest != file.digest } : []
            let blob = try await blobs([file] + others, source, progress)[0]
            if outcome == nil {
                outcome = try await signature(order, source, images, isFile: isFile, file: blob)
            }
            // What the signatures in the registry are about has to stay with them.
            outcome?.evidence += Set(images).sorted { $0.hex < $1.hex }
            return StoredArtifact(
                digest: blob.digest,
                size: blob.size,
                path: blob.path,
                name: Self.fileName(file) ?? name,
                resolved: resolved,
                signature: outcome
            )
        case .image, .files:
            let blobs = try await blobs(manifest.value.blobs, source, progress)
            if case .image = content { try checkConfig(manifest.value, blobs[0], reference) }
            let size = blobs.reduce(manifest.blob.size.bytes) { $0 + $1.size.bytes }
            return StoredArtifact(
                digest: manifest.blob.digest,
                size: ByteCount(size),
                path: manifest.blob.path,
                name: name,
                content: content == .image ? .image : .files,
                resolved: resolved,
                signature: outcome
            )
        }
    }

    /// What is fetched, and for whom.
    struct Source: Sendable {
        let reference: ImageReference
        let artifact: ArtifactSpec
        let namespace: NamespaceName
        /// The manifest for this machine, where it was found out before.
        let known: Digest?
        let logins: RegistryLogins
    }

    private struct Stored {
        let value: ImageManifest
        let blob: ContentStore.Blob
    }

    /// The address with all that is known of its digest.
    private static func reference(_ artifact: ArtifactSpec, _ known: StoredArtifact?) throws -> ImageReference
    {
        let reference: ImageReference
        do throws(InvalidValue) { reference = try ImageReference(artifact.source.url) } catch {
            throw Failure.permanent(.fetchRefused, "the artifact's source is wrong: \(error)")
        }
        if let declared = artifact.digest {
            guard reference.digest == nil || reference.digest == declared else {
                throw Failure.permanent(
                    .fetchRefused,
                    "\(reference) and the artifact's digest \(declared) are not the same; leave out one of them"
                )
            }
            return reference.pinned(to: declared)
        }
        // What cannot be read was written by somebody else: the tag is resolved again.
        guard reference.digest == nil, let text = known?.resolved, let before = try? ImageReference(text),
            let digest = before.digest, reference.pinned(to: digest) == before
        else { return reference }
        return before
    }

    /// From the index, if it is one, to the manifest for this machine; each is kept in the store.
    private func manifest(_ source: Source, queued: () -> Void) async throws -> (Stored, top: Digest) {
        var path = ManifestPath()
        var wanted = source.known ?? source.reference.digest
        var descriptor: ContentDescriptor?
        var top: Digest?
        while true {
            let (bytes, type, blob) = try await document(wanted, source, queued: queued)
            top = top ?? wanted ?? blob.digest
            if let descriptor, descriptor.size.bytes != Int64(bytes.count) {
                throw refused(
                    source.reference,
                    .contradiction("the index says \(descriptor.size) of a manifest of \(bytes.count) bytes")
                )
            }
            do throws(OCIError) {
                switch try ManifestDocument(bytes, contentType: type, descriptor: descriptor) {
                case .manifest(let manifest):
                    return (Stored(value: manifest, blob: blob), top ?? blob.digest)
                case .index(let index):
                    let next = try path.enter(index, for: .host)
                    (descriptor, wanted) = (next, next.digest)
                }
            } catch {
                throw refused(source.reference, error)
            }
        }
    }

    /// A manifest or an index: from the store, else from the registry into it.
    func document(
        _ digest: Digest?,
        _ source: Source,
        named name: String? = nil,
        queued: () -> Void = {}
    ) async throws -> ([UInt8], MediaType?, ContentStore.Blob) {
        if let digest, let blob = try store.lookup(digest) {
            return (try readBlob(blob, limit: OCILimits.manifestSizeLimit), nil, blob)
        }
        let name = name ?? digest?.description ?? source.reference.manifestName
        let manifest = try await gate.withPermit(queued: queued) {
            try await fromAny(source, mirrored: digest != nil) { client in
                try await client.manifest(name, expecting: digest)
            }
        }
        let blob = try await store.ingest(
            "manifest-" + manifest.digest.hex + "-"
                + hexadecimalSHA256(of: "\(source.namespace) \(UInt64.random(in: 0 ... .max))").prefix(16),
            declared: digest?.algorithm,
            resume: false
        ) { ingest in
            try manifest.bytes.withUnsafeBytes { try ingest.write($0) }
            return try ingest.commit(expecting: manifest.digest)
        }
        return (manifest.bytes, manifest.type, blob)
    }

    /// All of these, those that are missing at the same time; the progress is their sum.
    private func blobs(
        _ descriptors: [ContentDescriptor],
        _ source: Source,
        _ progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> [ContentStore.Blob] {
        var total: Int64 = 0
        for descriptor in descriptors {
            let (sum, isTooMuch) = total.addingReportingOverflow(descriptor.size.bytes)
            guard !isTooMuch, sum <= options.sizeLimit.bytes else {
                throw Failure.permanent(
                    .artifactTooLarge,
                    "\(source.reference) is larger than the limit of \(options.sizeLimit); raise it if that is meant"
                )
            }
            total = sum
        }
        let sum = ProgressSum(total: total, progress)
        return try await withThrowingTaskGroup(of: (Int, ContentStore.Blob).self) { group in
            for (index, descriptor) in descriptors.enumerated() {
                group.addTask { (index, try await blob(descriptor, source, sum.part(index))) }
            }
            var found: [Int: ContentStore.Blob] = [:]
            for try await (index, blob) in group { found[index] = blob }
            return descriptors.indices.compactMap { found[$0] }
        }
    }

    func blob(
        _ descriptor: ContentDescriptor,
        _ source: Source,
        _ report: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> ContentStore.Blob {
        func inStore() throws -> ContentStore.Blob? {
            guard let blob = try store.lookup(descriptor.digest) else { return nil }
            guard blob.size == descriptor.size else {
                throw refused(
                    source.reference,
                    .contradiction(
                        "\(descriptor.digest) has \(blob.size), and the manifest says \(descriptor.size)"
                    )
                )
            }
            report(StepProgress(done: blob.size, total: blob.size))
            return blob
        }
        if let blob = try inStore() { return blob }
        let reference = source.reference
        let key = SharedDownloads.Key(
            digest: descriptor.digest,
            url: "oci://\(reference.registry)/\(reference.repository)",
            secret: source.artifact.pullSecret.map {
                SharedDownloads.Secret(name: $0, namespace: source.namespace)
            }
        )
        return try await downloads.blob(for: key, progress: report) { report in
            try await gate.withPermit(queued: { report(.queued) }) {
                // It may have come with another image while this one waited.
                if let blob = try store.lookup(descriptor.digest) { return blob }
                return try await fromAny(source, mirrored: true) { client in
                    try await client.blob(descriptor, report: report)
                }
            }
        }
    }

    // MARK: Where from, and as whom

    /// Asks the mirrors, if they may be, and then the registry itself, whose answer counts.
    func fromAny<Value>(
        _ source: Source,
        mirrored: Bool,
        _ ask: (RegistryClient) async throws -> Value
    ) async throws -> Value {
        let registry = source.reference.registry
        for mirror in mirrored ? options.mirrors[registry] ?? [] : [] {
            do { return try await ask(try await client(mirror, source, isMirror: true)) } catch let failure
                as Failure
            {
                // Its disk is ours.
                if failure.code == .noSpace || failure.code == .fileSystemError { throw failure }
            }
        }
        return try await ask(try await client(registry, source, isMirror: false))
    }

    private func client(_ registry: String, _ source: Source, isMirror: Bool) async throws -> RegistryClient {
        let repository = source.reference.repository
        return RegistryClient(
            place: try RegistryPlace(registry, insecure: options.insecureRegistries),
            repository: repository,
            login: try await source.logins.login(
                registry: registry,
                repository: repository,
                isMirror: isMirror
            ),
            http: http,
            tokens: tokens
        )
    }

    // MARK: What is inside

    private func checkConfig(
        _ manifest: ImageManifest,
        _ config: ContentStore.Blob,
        _ reference: ImageReference
    ) throws {
        let bytes = try readBlob(config, limit: OCILimits.configSizeLimit)
        do throws(OCIError) { try ImageConfig(bytes).check(against: manifest) } catch {
            throw refused(reference, error)
        }
    }

    func readBlob(_ blob: ContentStore.Blob, limit: Int) throws -> [UInt8] {
        try speakingFailure { try readFile(blob.path, limit: limit + 1) }
    }

    func refused(_ reference: ImageReference, _ error: OCIError) -> Failure {
        let code: Failure.Code =
            switch error {
            case .tooLarge: .artifactTooLarge
            case .platformMissing, .unsupported: .unsupported
            case .malformed, .contradiction: .fetchRefused
            }
        return .permanent(code, "\(reference): \(error)")
    }

    /// The last component of a title that can be the name of a file.
    private static func fileName(_ file: ContentDescriptor) -> String? {
        guard let title = file.annotations[ContentDescriptor.titleAnnotation],
            let name = title.split(separator: "/").last, name != ".", name != "..", name.utf8.count <= 255,
            name.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        else { return nil }
        return String(name)
    }
}

/// The whole of a small file, or its first `limit` bytes.
///
/// - Throws: ``SystemError`` with the kernel's error number.
func readFile(_ path: String, limit: Int) throws(SystemError) -> [UInt8] {
    try Descriptor(path, O_RDONLY | O_NONBLOCK).bytes(limit: limit, path)
}

extension Descriptor {
    /// What is left of the file, or its first `limit` bytes.
    ///
    /// - Throws: ``SystemError`` with the kernel's error number.
    borrowing func bytes(limit: Int, _ path: String) throws(SystemError) -> [UInt8] {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
        defer { buffer.deallocate() }
        var bytes: [UInt8] = []
        while bytes.count < limit {
            let count = try read(into: buffer, from: path)
            if count == 0 { break }
            bytes.append(contentsOf: buffer[..<min(count, limit - bytes.count)])
        }
        return bytes
    }
}

/// The bytes of several downloads as one progress. A class, because they report at the same time.
final class ProgressSum: Sendable {
    private let total: Int64
    private let progress: @Sendable (StepProgress) -> Void
    private let parts = Mutex<[Int: Int64]>([:])

    init(total: Int64, _ progress: @escaping @Sendable (StepProgress) -> Void) {
        self.total = total
        self.progress = progress
    }

    /// What one of them reports to.
    func part(_ index: Int) -> @Sendable (StepProgress) -> Void {
        { report in
            let done = self.parts.withLock { parts in
                if !report.isQueued { parts[index] = report.done.bytes }
                return parts.values.reduce(0, +)
            }
            if report.isQueued, done == 0 {
                self.progress(.queued)
            } else {
                self.progress(StepProgress(done: ByteCount(done), total: ByteCount(self.total)))
            }
        }
    }
}
