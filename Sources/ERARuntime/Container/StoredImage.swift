internal import ERAContracts
internal import ERACore
internal import ERAOCI
internal import ERALinux
internal import Glibc

/// A container image in the content store: its configuration, and where its layers are.
struct StoredImage: Sendable {
    let config: ImageConfig
    /// The configuration as it is stored.
    let configText: [UInt8]
    let layers: [ImageLayer]

    /// Reads manifest and configuration, which are beside each other in the store.
    ///
    /// - Throws: ``Failure``, permanent for what is no image, or none for this machine.
    init(_ artifact: StoredArtifact) throws {
        guard artifact.content == .image else {
            throw Failure.permanent(
                .unsupported,
                "\(artifact.shown) is not a container image; build one and push it, or use plugin process"
            )
        }
        let text = try Self.read(artifact.path, limit: OCILimits.manifestSizeLimit)
        do throws(OCIError) {
            guard case .manifest(let manifest) = try ManifestDocument(text) else {
                throw .contradiction("the store holds an index in place of a manifest")
            }
            configText = try Self.read(
                Self.path(of: manifest.config.digest, beside: artifact.path),
                limit: OCILimits.configSizeLimit
            )
            config = try ImageConfig(configText)
            try config.check(against: manifest)
            layers = zip(manifest.layers, config.diffIDs).map { layer, diffID in
                ImageLayer(
                    path: Self.path(of: layer.digest, beside: artifact.path),
                    size: layer.size,
                    diffID: diffID
                )
            }
        } catch {
            throw Failure.permanent(.unsupported, "the image \(artifact.shown) cannot be used: \(error)")
        }
        guard Platform.host.preference(for: config.platform) != nil else {
            throw Failure.permanent(
                .unsupported,
                "the image \(artifact.shown) is for \(config.platform), and this machine is \(Platform.host); push "
                    + "one for this machine"
            )
        }
    }

    /// `…/blobs/sha256/HEX`.
    static func path(of digest: Digest, beside path: String) -> String {
        let blobs = path.split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
        return blobs.joined(separator: "/") + "/\(digest.algorithm.rawValue)/\(digest.hex)"
    }

    /// A small blob of the store.
    static func read(_ path: String, limit: Int) throws(OCIError) -> [UInt8] {
        guard let bytes = readSmallFile(path, limit: limit + 1) else {
            throw .malformed("\(path) cannot be read: \(SystemError(errno).text)")
        }
        return bytes
    }
}
