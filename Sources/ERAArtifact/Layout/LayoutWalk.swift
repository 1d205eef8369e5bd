import ERACore
import ERAOCI

/// What belongs to an image or artifact, and what of it is missing.
///
/// What runs on this machine has to be whole; what an index holds for others, is taken where it is.
struct LayoutWalk {
    /// What was found.
    struct Found: Equatable {
        /// Everything that belongs together, the manifests first, each content once.
        var parts: [ContentDescriptor] = []
        var missing: [ContentDescriptor] = []
        /// For which kinds of machine an index names what is not there.
        var absent: [String] = []
        var content: ImageManifest.Content?
        /// The manifest for this machine.
        var manifest: ContentDescriptor?
    }

    /// The text of a manifest; nil where it is missing.
    let text: (ContentDescriptor) async throws -> [UInt8]?
    /// The size of a content; nil where it is missing.
    let size: (Digest) throws -> Int64?

    /// Follows what `top` refers to.
    ///
    /// - Throws: ``OCIError`` for what is not understood or contradicts itself, and where there is nothing
    ///   for this machine; what the closures throw.
    func find(_ top: ContentDescriptor) async throws -> Found {
        var found = Found()
        try await follow(top, depth: 0, into: &found)
        var seen: Set<Digest> = []
        found.parts = found.parts.filter { seen.insert($0.digest).inserted }
        return found
    }

    private func follow(_ top: ContentDescriptor, depth: Int, into found: inout Found) async throws {
        guard top.size.bytes <= OCILimits.manifestSizeLimit else {
            throw OCIError.tooLarge("\(top.digest) is a manifest of \(top.size), above the limit of 4Mi")
        }
        guard let text = try await text(top) else {
            found.missing.append(top)
            return
        }
        guard top.size.bytes == Int64(text.count) else { throw contradiction(top, Int64(text.count)) }
        found.parts.append(top)
        switch try ManifestDocument(text, descriptor: top) {
        case .manifest(let manifest):
            found.content = try manifest.content()
            found.manifest = top
            for part in manifest.blobs {
                guard let size = try size(part.digest) else {
                    found.missing.append(part)
                    continue
                }
                guard size == part.size.bytes else { throw contradiction(part, size) }
                found.parts.append(part)
            }
        case .index(let index):
            guard depth < OCILimits.nestingLimit else {
                throw OCIError.tooLarge("more than \(OCILimits.nestingLimit) indexes inside each other")
            }
            let own = try index.choose(for: .host)
            try await follow(own, depth: depth + 1, into: &found)
            for other in index.manifests where other.digest != own.digest {
                try await take(other, depth: depth + 1, into: &found)
            }
        }
    }

    /// What is for another kind of machine is taken as a whole, or not at all.
    private func take(_ other: ContentDescriptor, depth: Int, into found: inout Found) async throws {
        var its = Found()
        do {
            try await follow(other, depth: depth, into: &its)
        } catch is OCIError {
            its.missing.append(other)
        }
        if its.missing.isEmpty {
            found.parts += its.parts
        } else {
            found.absent.append(other.platform?.description ?? other.digest.description)
        }
    }

    private func contradiction(_ part: ContentDescriptor, _ size: Int64) -> OCIError {
        .contradiction("\(part.digest) has \(size) bytes, and \(part.size) are declared")
    }
}
