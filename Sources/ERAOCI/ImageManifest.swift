import ERACore

/// The parts of one image or artifact: a configuration, and layers or files.
///
/// Source: OCI image specification 1.1, "OCI Image Manifest Specification"; Docker's schema 2 has the same
/// form.
public struct ImageManifest: Hashable, Sendable {
    public var artifactType: MediaType?
    public var config: ContentDescriptor
    public var layers: [ContentDescriptor]
    /// What this one is about, where it is a signature or another statement.
    public var subject: ContentDescriptor?
    public var annotations: [String: String]

    init(_ object: ObjectReader) throws(OCIError) {
        artifactType = try object.optionalMediaType("artifactType")
        guard let config = try object.optionalObject("config") else {
            throw .malformed("\(object.place).config is missing")
        }
        self.config = try ContentDescriptor(config)
        layers = []
        for layer in try object.objects("layers", limit: OCILimits.layerLimit) {
            let descriptor = try ContentDescriptor(layer)
            guard !descriptor.mediaType.isForeignLayer else {
                throw .unsupported(
                    "\(layer.place) is a foreign layer (\(descriptor.mediaType)), which would come from another "
                        + "address than the registry; push the image with its layers"
                )
            }
            layers.append(descriptor)
        }
        subject = try object.optionalObject("subject").map { (object) throws(OCIError) in
            try ContentDescriptor(object)
        }
        annotations = try object.annotations()
    }

    /// Everything that it needs: the configuration and the layers, each once.
    public var blobs: [ContentDescriptor] {
        var seen: Set<Digest> = []
        return ([config] + layers).filter { seen.insert($0.digest).inserted }
    }

    /// What a manifest describes.
    public enum Content: Hashable, Sendable {
        /// The file system of a container, and how it is started.
        case image
        /// One file.
        case file(ContentDescriptor)
        /// Several files, by their titles: relative paths that stay inside.
        case files([String: ContentDescriptor])
    }

    /// What this is: an image where the configuration and all layers are those of one; else one or several
    /// files.
    ///
    /// Source: OCI image specification 1.1, "Guidelines for Artifact Usage"; titles as ORAS uses them.
    /// - Throws: ``OCIError`` where there is no file, or several without titles that tell them apart.
    public func content() throws(OCIError) -> Content {
        if config.mediaType.isImageConfig, layers.allSatisfy({ $0.mediaType.layerCompression != nil }) {
            return .image
        }
        guard let first = layers.first, first.mediaType != .emptyJSON || layers.count > 1 else {
            throw .unsupported("the artifact has no file; push it with one")
        }
        if layers.count == 1 { return .file(first) }
        var files: [String: ContentDescriptor] = [:]
        for (index, layer) in layers.enumerated() {
            guard let title = layer.annotations[ContentDescriptor.titleAnnotation],
                Self.isInside(title)
            else {
                throw .malformed(
                    "file \(index) of the artifact's \(layers.count) has no name that can be used; push it with the "
                        + "annotation \(ContentDescriptor.titleAnnotation), a path without .."
                )
            }
            guard files.updateValue(layer, forKey: title) == nil else {
                throw .contradiction("two files of the artifact have the name \(title); rename one of them")
            }
        }
        return .files(files)
    }

    /// Whether a path is relative, has no odd parts, and stays below where it begins.
    static func isInside(_ path: String) -> Bool {
        (1...4096).contains(path.utf8.count)
            && path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
                (1...255).contains(part.utf8.count) && part != "." && part != ".."
                    && part.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
            }
    }
}

/// Manifests for several kinds of machine.
///
/// Source: OCI image specification 1.1, "OCI Image Index Specification"; Docker's list has the same form.
public struct ImageIndex: Hashable, Sendable {
    public var artifactType: MediaType?
    public var manifests: [ContentDescriptor]
    public var subject: ContentDescriptor?
    public var annotations: [String: String]

    init(_ object: ObjectReader) throws(OCIError) {
        artifactType = try object.optionalMediaType("artifactType")
        manifests = []
        for entry in try object.objects("manifests", limit: OCILimits.entryLimit) {
            manifests.append(try ContentDescriptor(entry))
        }
        subject = try object.optionalObject("subject").map { (object) throws(OCIError) in
            try ContentDescriptor(object)
        }
        annotations = try object.annotations()
    }

    /// The manifest, or the index within, for this kind of machine.
    ///
    /// The best fit, and of equals the first. Where none fits, a single entry that names no platform.
    /// - Throws: ``OCIError/platformMissing(_:)``, with those that there are.
    public func choose(for platform: Platform) throws(OCIError) -> ContentDescriptor {
        let known = manifests.filter { $0.mediaType.isManifest || $0.mediaType.isIndex }
        var best: (descriptor: ContentDescriptor, preference: Int)?
        for descriptor in known {
            guard let preference = descriptor.platform.flatMap({ platform.preference(for: $0) }),
                preference > best?.preference ?? -1
            else { continue }
            best = (descriptor, preference)
        }
        if let best { return best.descriptor }
        let open = known.filter { $0.platform == nil }
        if open.count == 1 { return open[0] }
        let offered = Set(known.compactMap { $0.platform?.description }).subtracting(["unknown/unknown"])
            .sorted()
        throw .platformMissing(
            "there is nothing for \(platform), only for "
                + (offered.isEmpty ? "no platform at all" : offered.prefix(20).joined(separator: ", "))
                + "; push one for this machine, or run it on one of those"
        )
    }
}
