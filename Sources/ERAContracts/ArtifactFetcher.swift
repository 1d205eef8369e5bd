public import ERACore

/// Brings artifacts into the content store, verified, and keeps those that are pinned.
public protocol ArtifactFetcher: Sendable {
    /// What is wrong with what a spec says of its artifact, as far as the spec alone tells: a public key that
    /// is none. Reads nothing, waits for nothing.
    ///
    /// - Returns: Field path and message of each problem; empty when the artifact may be fetched.
    func problems(of artifact: ArtifactSpec) -> [SpecProblem]

    /// Makes sure that the artifact is in the content store and is what the spec says.
    ///
    /// Idempotent; several callers that want the same digest share one download. Cancelling the last caller
    /// cancels the download; what has arrived is kept for a resume.
    /// - Parameter namespace: Of the deployment: where a `pullSecret` is looked for.
    /// - Parameter known: What it was found to be before, for the same revision: a tag is not resolved again.
    /// - Parameter progress: Told that the download has to wait for others, and then the bytes received
    ///   so far, at most ten times a second.
    /// - Throws: ``Failure``, transient or permanent.
    func fetch(
        _ artifact: ArtifactSpec,
        in namespace: NamespaceName,
        known: StoredArtifact?,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> StoredArtifact

    /// As ``fetch(_:in:known:progress:)`` for a person, who wants to have what a tag means now: the registry
    /// is asked, although the store may have a name for it.
    func pull(
        _ artifact: ArtifactSpec,
        in namespace: NamespaceName,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> StoredArtifact

    /// Keeps exactly these digests whatever happens; everything else may be collected.
    ///
    /// Called with the union over all records, after each change of it.
    func pin(_ digests: Set<Digest>) async throws

    /// Removes what is neither pinned nor named nor younger than an hour, and what an aborted download left.
    ///
    /// - Parameter all: Do not wait for the hour.
    /// - Returns: The bytes that were freed.
    @discardableResult
    func collect(all: Bool) async throws -> ByteCount
}

/// Unpacks a verified archive, defending the host against what is inside.
public protocol ArtifactUnpacker: Sendable {
    /// Makes `directory` hold the archive's content, or the file itself under `name` for `raw`.
    ///
    /// Works in a staging directory beside it and renames: afterwards it is whole, or not there.
    /// A directory that is there already is left alone.
    /// - Parameter progress: Told that it has to wait for others, and then the bytes of the archive read
    ///   so far, at most ten times a second.
    /// - Throws: ``Failure``: permanent `UnsafeArchive`, or the file system's error.
    func unpack(
        _ path: String,
        name: String,
        format: ArtifactSpec.Format,
        into directory: String,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws

    /// Makes `directory` hold these files; it is whole or not there, as after
    /// ``unpack(_:name:format:into:progress:)``.
    ///
    /// - Throws: ``Failure``: permanent `UnsafeArchive` for places that lead out, or into each other; or the
    ///   file system's error.
    func layOut(
        _ files: [ArtifactFile],
        into directory: String,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws
}

/// One of the files that an artifact of several consists of.
public struct ArtifactFile: Hashable, Sendable {
    /// Where it belongs, relative to the others.
    public var place: String
    /// Absolute path of the verified blob.
    public var path: String
    public var size: ByteCount
    /// Whether it is an archive that brings a directory, with that directory's name in it.
    public var isDirectory: Bool

    public init(place: String, path: String, size: ByteCount, isDirectory: Bool = false) {
        self.place = place
        self.path = path
        self.size = size
        self.isDirectory = isDirectory
    }
}

extension ArtifactUnpacker {
    /// Unpacks for somebody who does not show how far it has come.
    public func unpack(_ path: String, name: String, format: ArtifactSpec.Format, into directory: String)
        async throws
    {
        try await unpack(path, name: name, format: format, into: directory) { _ in }
    }
}
