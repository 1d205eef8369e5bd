internal import ERAContracts
internal import ERACore
internal import ERAOCI

/// An artifact of several files in the content store: where each belongs, and where its blob is.
struct StoredFiles: Sendable {
    /// The annotation by which ORAS says that it packed a directory.
    private static let unpackAnnotation = "io.deis.oras.content.unpack"

    /// By their places, in order.
    let files: [ArtifactFile]

    /// Reads the manifest, which the blobs are beside.
    ///
    /// - Throws: ``Failure``, permanent, for what cannot be laid out.
    init(_ artifact: StoredArtifact) throws {
        do throws(OCIError) {
            let text = try StoredImage.read(artifact.path, limit: OCILimits.manifestSizeLimit)
            guard case .manifest(let manifest) = try ManifestDocument(text),
                case .files(let found) = try manifest.content()
            else { throw .contradiction("the store holds something else in place of its manifest") }
            files = found.sorted { $0.key < $1.key }.map { title, blob in
                ArtifactFile(
                    place: title,
                    path: StoredImage.path(of: blob.digest, beside: artifact.path),
                    size: blob.size,
                    isDirectory: blob.annotations[Self.unpackAnnotation] == "true"
                )
            }
        } catch {
            throw Failure.permanent(.unsupported, "the artifact \(artifact.shown) cannot be used: \(error)")
        }
    }
}
