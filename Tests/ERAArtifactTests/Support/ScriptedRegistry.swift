import ERACore
import ERAOCI

@testable import ERAArtifact

/// What a registry has: manifests by tag and digest, blobs by digest, all of one repository `team/app`.
struct RegistryContent: Sendable {
    var manifests: [String: (type: String, bytes: [UInt8])] = [:]
    var blobs: [String: [UInt8]] = [:]

    /// Adds a blob and returns its descriptor.
    mutating func blob(_ bytes: [UInt8], _ type: String, title: String? = nil) throws -> String {
        let digest = try sha256(bytes)
        blobs["\(digest)"] = bytes
        let annotations = title.map { #","annotations":{"org.opencontainers.image.title":"\#($0)"}"# } ?? ""
        return #"{"mediaType":"\#(type)","size":\#(bytes.count),"digest":"\#(digest)"\#(annotations)}"#
    }

    /// Adds a manifest or an index, under a tag too, and returns its digest.
    @discardableResult
    mutating func manifest(_ text: String, _ type: MediaType, tag: String? = nil) throws -> ERACore.Digest {
        let bytes = Array(text.utf8)
        let digest = try sha256(bytes)
        manifests["\(digest)"] = (type.rawValue, bytes)
        if let tag { manifests[tag] = (type.rawValue, bytes) }
        return digest
    }

    /// Adds an image of these layers, and returns its manifest's digest.
    @discardableResult
    mutating func image(_ layers: [[UInt8]], tag: String? = nil, diffIDs: Int? = nil) throws -> ERACore.Digest
    {
        let ids = try (0..<(diffIDs ?? layers.count)).map { "\"\(try sha256([UInt8($0)]))\"" }
        let config = try blob(
            Array(
                #"{"os":"linux","architecture":"amd64","rootfs":{"diff_ids":[\#(ids.joined(separator: ","))]}}"#
                    .utf8
            ),
            MediaType.imageConfig.rawValue
        )
        let parts = try layers.map { try blob($0, "application/vnd.oci.image.layer.v1.tar+gzip") }
        return try manifest(
            #"{"schemaVersion":2,"config":\#(config),"layers":[\#(parts.joined(separator: ","))]}"#,
            .imageManifest,
            tag: tag
        )
    }

    /// Answers as a registry does.
    func answer(_ request: String, _ connection: RawConnection) {
        let parts = path(request).split(separator: "/").map(String.init)
        if parts.count == 5, parts[3] == "manifests", let (type, bytes) = manifests[parts[4]] {
            connection.answer("200 OK", ["Content-Type: \(type)"], bytes)
        } else if parts.count == 5, parts[3] == "blobs", let bytes = blobs[parts[4]] {
            connection.answer("200 OK", ["ETag: \"\(parts[4])\""], bytes)
        } else {
            connection.answer("404 Not Found")
        }
    }
}

/// The path that a request asks for, with its query.
func path(_ request: String) -> String {
    request.split(separator: " ").dropFirst().first.map(String.init) ?? ""
}

extension RawServer {
    var host: String { "127.0.0.1:\(port)" }
}

extension Fixture {
    func options(insecure servers: RawServer...) -> FetchOptions {
        var options = FetchOptions()
        options.insecureRegistries = Set(servers.map(\.host))
        return options
    }
}
