import ERACore
import ERALinux
import ERAOCI
import ERASignature

extension RegistryFetcher {
    /// The most signatures of one image that are looked at.
    static let signatureLimit = 32

    /// What the signatures of an image or an artifact come to.
    ///
    /// - Parameters:
    ///   - images: The digests of its manifest and of the index that led there: one of them is signed.
    ///   - isFile: Whether it is one file, which can have a signature in a place of its own.
    ///   - file: That file, once it is there.
    /// - Returns: Nil where nothing is asked for, and where the file has to be fetched first.
    func signature(
        _ order: SignatureOrder?,
        _ source: Source,
        _ images: [Digest],
        isFile: Bool,
        file: ContentStore.Blob? = nil
    ) async throws -> SignatureOutcome? {
        guard let order else { return nil }
        let spec = order.artifact.signature
        let detached = isFile && spec?.source != nil ? spec?.type : nil
        guard detached == nil || file != nil else { return nil }
        let images = images.reduce(into: [Digest]()) { if !$0.contains($1) { $0.append($1) } }
        return try await order.outcome { claim in
            guard let detached, let file, claim.schemes.contains(detached) else {
                return try await proof(of: images, claim, order, source)
            }
            return try await signatures.proof(of: file, claim, order)
        }
    }

    /// - Throws: ``Failure`` where none of the keys signed, or nothing is there to show it.
    private func proof(
        of images: [Digest],
        _ claim: SignatureOrder.Claim,
        _ order: SignatureOrder,
        _ source: Source
    ) async throws -> SignatureOrder.Proof {
        guard claim.schemes.contains(.cosign) else {
            throw Failure.permanent(
                .signatureInvalid,
                "\(order.subject) is in a registry, where cosign's signatures are looked for, and its keys are for "
                    + claim.schemes.map(\.rawValue).joined(separator: " and ")
                    + "; sign it with cosign, or, for an artifact of one file, name artifact.signature.source"
            )
        }
        var search = SignatureSearch(images: images, keys: claim.keys)
        for digest in order.kept {
            guard let kept = try store.lookup(digest), kept.size.bytes <= OCILimits.manifestSizeLimit else {
                continue
            }
            if let proof = try await look(at: digest, nil, &search, source) { return proof }
        }
        // What was imported with the image, on a machine that reaches no registry.
        for image in images {
            guard let named = try signatures(namedFor: image, source) else { continue }
            if let proof = try await look(at: named, nil, &search, source) { return proof }
        }
        for image in images {
            for descriptor in try await referrers(of: image, source) where Self.isSignature(descriptor) {
                if let proof = try await look(at: descriptor.digest, nil, &search, source) { return proof }
            }
            let tag = CosignImage.signatureTag(for: image)
            if let proof = try await look(at: nil, tag, &search, source) { return proof }
        }
        if let trouble = search.trouble { throw trouble }
        throw order.missing(
            images.map { "\(source.reference.repository):\(CosignImage.signatureTag(for: $0))" }
        )
    }

    /// What the tag of an image's signatures stands for on this machine; nil where it has no name here.
    private func signatures(namedFor image: Digest, _ source: Source) throws -> Digest? {
        let place = "\(source.reference.registry)/\(source.reference.repository)"
        let tag = CosignImage.signatureTag(for: image)
        let reference: ImageReference
        do throws(InvalidValue) { reference = try ImageReference("oci://\(place):\(tag)") } catch {
            return nil
        }
        return try store.digest(named: reference)
    }

    /// What refers to an image: by the API, else by the tag that stands in for it.
    ///
    /// Source: distribution specification 1.1, "Referrers Tag Schema".
    private func referrers(of image: Digest, _ source: Source) async throws -> [ContentDescriptor] {
        do {
            return try await gate.withPermit(queued: {}) {
                try await fromAny(source, mirrored: false) { try await $0.referrers(of: image) }
            }
        } catch let failure as Failure where failure.isAboutNothingThere {
            guard
                let bytes = try await present(nil, "\(image.algorithm.rawValue)-\(image.hex)", source)?.bytes,
                // A tag of that name that is something else refers to nothing.
                case .index(let index)? = try? ManifestDocument(bytes)
            else { return [] }
            return index.manifests
        } catch let error as OCIError {
            throw refused(source.reference, error)
        }
    }

    private static func isSignature(_ descriptor: ContentDescriptor) -> Bool {
        let types = [CosignImage.signatureArtifactType, CosignImage.bundleArtifactType]
        return descriptor.artifactType.map { types.contains($0.rawValue) } ?? false
    }

    /// The first layer of a manifest of signatures that verifies; the rest is remembered in the search.
    private func look(
        at digest: Digest?,
        _ tag: String?,
        _ search: inout SignatureSearch,
        _ source: Source
    ) async throws -> SignatureOrder.Proof? {
        guard let (bytes, manifest) = try await present(digest, tag, source) else { return nil }
        let layers: [ContentDescriptor]
        do throws(OCIError) {
            guard case .manifest(let manifest) = try ManifestDocument(bytes) else { return nil }
            layers = manifest.layers
        } catch {
            search.note(refused(source.reference, error))
            return nil
        }
        for layer in layers {
            guard let limit = Self.sizeLimit(layer) else { continue }
            guard search.count < Self.signatureLimit else {
                search.note(
                    .permanent(
                        .signatureInvalid,
                        "\(source.reference) has more than \(Self.signatureLimit) signatures; remove old ones"
                    )
                )
                return nil
            }
            search.count += 1
            guard layer.size.bytes <= limit else {
                search.note(
                    .permanent(
                        .signatureInvalid,
                        "a signature of \(source.reference) has \(layer.size.bytes) bytes, more than \(limit)"
                    )
                )
                continue
            }
            let content = try readBlob(try await blob(layer, source) { _ in }, limit: limit)
            do {
                return SignatureOrder.Proof(
                    verdict: try search.verdict(on: layer, content),
                    evidence: manifest
                )
            } catch let error as SignatureError {
                search.note(.permanent(.signatureInvalid, "\(source.reference): \(error)"))
            }
        }
        return nil
    }

    /// Nil for a layer that is no signature.
    private static func sizeLimit(_ layer: ContentDescriptor) -> Int? {
        switch layer.mediaType.rawValue {
        case CosignImage.payloadMediaType: CosignImage.payloadLimit
        case CosignImage.bundleArtifactType: CosignBundle.sizeLimit
        default: nil
        }
    }

    /// A manifest of the repository; nil where there is none.
    private func present(
        _ digest: Digest?,
        _ tag: String?,
        _ source: Source
    ) async throws -> (bytes: [UInt8], digest: Digest)? {
        do {
            let (bytes, _, blob) = try await document(digest, source, named: tag)
            return (bytes, blob.digest)
        } catch let failure as Failure where failure.isAboutNothingThere { return nil }
    }
}

/// What is looked for among the signatures of an image, and what was met on the way.
struct SignatureSearch {
    let images: [Digest]
    let keys: [TrustedKey]
    /// Signatures that were looked at.
    var count = 0
    /// What was wrong with the first that did not verify.
    private(set) var trouble: Failure?

    init(images: [Digest], keys: [TrustedKey]) {
        self.images = images
        self.keys = keys
    }

    mutating func note(_ failure: Failure) { trouble = trouble ?? failure }

    /// - Throws: `SignatureError` where it verifies for none of the images.
    func verdict(on layer: ContentDescriptor, _ content: [UInt8]) throws -> SignatureVerdict {
        var first: SignatureError?
        for image in images {
            do throws(SignatureError) {
                if layer.mediaType.rawValue == CosignImage.bundleArtifactType {
                    return try CosignImage.verify(bundle: content, image: image, with: keys)
                }
                let signature = layer.annotations[CosignImage.signatureAnnotation] ?? ""
                return try CosignImage.verify(
                    payload: content,
                    signature: signature,
                    image: image,
                    with: keys
                )
            } catch { first = first ?? error }
        }
        throw first ?? SignatureError.hashUnavailable
    }
}
