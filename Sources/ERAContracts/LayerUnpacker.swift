public import ERACore

/// Makes root file systems out of the layers of container images.
public protocol LayerUnpacker: Sendable {
    /// What names the root file system that these layers come to.
    ///
    /// Source: OCI image specification 1.1, "Layer ChainID".
    /// - Throws: ``Failure`` where there is no layer.
    func chainID(of layers: [ImageLayer]) throws -> Digest

    /// Makes `directory` hold what the layers come to, put onto each other, the lowest first.
    ///
    /// Works in a staging directory beside it and renames: afterwards it is whole, or not there.
    /// A directory that is there already is left alone. Each layer is checked against its `diffID`, so that
    /// a directory that is named after them holds what its name says, whoever asked for it first.
    /// - Parameter progress: Told that it has to wait for others, and then the bytes of the blobs read
    ///   so far, at most ten times a second.
    /// - Throws: ``Failure``: permanent `UnsafeArchive` or `DigestMismatch`, or the file system's error.
    func unpack(
        _ layers: [ImageLayer],
        into directory: String,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws
}

/// One layer of a container image, in the content store.
public struct ImageLayer: Hashable, Sendable {
    /// The blob: absolute.
    public var path: String
    /// Of the blob.
    public var size: ByteCount
    /// Of the archive within, uncompressed.
    public var diffID: Digest

    public init(path: String, size: ByteCount, diffID: Digest) {
        self.path = path
        self.size = size
        self.diffID = diffID
    }
}
