import ERACore
import ERAManifest
import ERAOCI

/// A single file as an artifact, so that a layout can hold and name it.
///
/// Source: OCI image specification 1.1, "Guidelines for Artifact Usage"; the form is that of ORAS.
enum FileArtifact {
    /// The type of an artifact that nobody said anything about. Source: ORAS, "Artifact concept".
    static let type = "application/vnd.unknown.artifact.v1"
    /// The configuration of what has none.
    static let emptyConfig = Array("{}".utf8)

    /// The manifest of a file; equal for equal files of equal titles.
    static func manifest(_ blob: ContentStore.Blob, title: String, config: ContentStore.Blob) -> [UInt8] {
        let value: JSONValue = [
            "schemaVersion": 2, "mediaType": .string(MediaType.imageManifest.rawValue),
            "artifactType": .string(type),
            "config": [
                "mediaType": .string(MediaType.emptyJSON.rawValue),
                "digest": .string(config.digest.description), "size": .integer(config.size.bytes),
            ],
            "layers": [
                [
                    "mediaType": "application/octet-stream", "digest": .string(blob.digest.description),
                    "size": .integer(blob.size.bytes),
                    "annotations": .object([ContentDescriptor.titleAnnotation: .string(title)]),
                ]
            ],
        ]
        return value.utf8Text(pretty: false)
    }
}

extension ContentStore {
    /// Makes an artifact of a file that is in the store.
    ///
    /// - Parameter title: What the file is called.
    /// - Returns: The artifact's manifest.
    /// - Throws: ``Failure``.
    func fileArtifact(_ blob: Blob, title: String) async throws -> ContentDescriptor {
        let config = try await put(FileArtifact.emptyConfig)
        let manifest = try await put(FileArtifact.manifest(blob, title: title, config: config))
        return ContentDescriptor(mediaType: .imageManifest, digest: manifest.digest, size: manifest.size)
    }

    /// Puts a small content into the store.
    func put(_ bytes: [UInt8]) async throws -> Blob {
        var hash = ContentHash()
        bytes.withUnsafeBytes { hash.update($0) }
        let digest = try hash.digests().sha256
        if let blob = try lookup(digest) { return blob }
        return try await ingest("small-" + digest.hex, declared: .sha256, resume: false) { ingest in
            try bytes.withUnsafeBytes { try ingest.write($0) }
            return try ingest.commit(expecting: digest)
        }
    }
}
