public import ERACore

/// How an image is meant to run, and what its layers unpack to.
///
/// Source: OCI image specification 1.1, "OCI Image Configuration".
public struct ImageConfig: Hashable, Sendable {
    public var platform: Platform
    /// Of the uncompressed layers, the lowest first.
    public var diffIDs: [Digest]
    /// Nil where the image names none; an empty one takes away what a base image named.
    public var entrypoint: [String]?
    public var command: [String]?
    /// `NAME=value`, as they stand there.
    public var environment: [String]
    /// `user`, `uid`, `user:group`, …; nil for root.
    public var user: String?
    public var workingDirectory: String?
    /// Paths in the container, sorted.
    public var volumes: [String]
    /// `8080/tcp`, `53/udp`, or a bare port, sorted.
    public var exposedPorts: [String]
    /// `SIGTERM`, `TERM`, or a number.
    public var stopSignal: String?
    public var labels: [String: String]

    /// - Throws: ``OCIError`` for what is no configuration of an image, or one above its limits.
    public init(_ text: [UInt8]) throws(OCIError) {
        let object = try ObjectReader(text: text, limit: OCILimits.configSizeLimit, at: "config")
        platform = try Platform(object)
        guard let root = try object.optionalObject("rootfs") else {
            throw .malformed("config.rootfs is missing")
        }
        diffIDs = []
        let texts = try root.optionalTexts("diff_ids") ?? []
        guard texts.count <= OCILimits.layerLimit else {
            throw .tooLarge(
                "config.rootfs.diff_ids has \(texts.count) entries, more than \(OCILimits.layerLimit)"
            )
        }
        for text in texts {
            do throws(InvalidValue) { diffIDs.append(try Digest(text)) } catch {
                throw .malformed("config.rootfs.diff_ids: \(error)")
            }
        }
        let run = try ObjectReader(object["config"] ?? .object([:]), at: "config.config")
        entrypoint = try run.optionalTexts("Entrypoint")
        command = try run.optionalTexts("Cmd")
        environment = try run.optionalTexts("Env") ?? []
        user = try run.optionalText("User").flatMap { $0.isEmpty ? nil : $0 }
        workingDirectory = try run.optionalText("WorkingDir").flatMap { $0.isEmpty ? nil : $0 }
        volumes = try run.names("Volumes")
        exposedPorts = try run.names("ExposedPorts")
        stopSignal = try run.optionalText("StopSignal").flatMap { $0.isEmpty ? nil : $0 }
        labels = try run.textMembers("Labels")
    }

    /// Whether this configuration belongs to the layers of a manifest.
    ///
    /// - Throws: ``OCIError/contradiction(_:)`` where it names another number of layers.
    public func check(against manifest: ImageManifest) throws(OCIError) {
        guard diffIDs.count == manifest.layers.count else {
            throw .contradiction(
                "the image has \(manifest.layers.count) layers, and its configuration names \(diffIDs.count)"
            )
        }
    }
}
