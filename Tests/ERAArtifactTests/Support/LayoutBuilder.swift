import ERACore
import ERAOCI
import Foundation
import Glibc

@testable import ERAArtifact

/// A layout that a test makes, and makes wrong.
struct LayoutBuilder {
    /// The files by their paths.
    var files: [String: [UInt8]] = ["oci-layout": Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8)]
    private var entries: [String] = []

    static func path(_ digest: ERACore.Digest) -> String {
        "blobs/\(digest.algorithm.rawValue)/\(digest.hex)"
    }

    @discardableResult
    mutating func blob(_ bytes: [UInt8]) throws -> ERACore.Digest {
        let digest = try sha256(bytes)
        files[Self.path(digest)] = bytes
        return digest
    }

    /// Adds what a registry would have, and an entry that leads to it.
    mutating func add(_ content: RegistryContent, _ top: ERACore.Digest, name: String? = nil) throws {
        for bytes in content.blobs.values { try blob(bytes) }
        for (name, manifest) in content.manifests where name.contains(":") { try blob(manifest.bytes) }
        let type = content.manifests["\(top)"]?.type ?? MediaType.imageManifest.rawValue
        let size = content.manifests["\(top)"]?.bytes.count ?? 0
        let annotations = name.map { #","annotations":{"org.opencontainers.image.ref.name":"\#($0)"}"# } ?? ""
        entry(#"{"mediaType":"\#(type)","digest":"\#(top)","size":\#(size)\#(annotations)}"#)
    }

    /// Adds an image of one layer, and returns its manifest's digest.
    @discardableResult
    mutating func image(_ layer: [UInt8], name: String? = nil) throws -> ERACore.Digest {
        var content = RegistryContent()
        let digest = try content.image([layer])
        try add(content, digest, name: name)
        return digest
    }

    mutating func entry(_ text: String) {
        entries.append(text)
        let list = entries.joined(separator: ",")
        files["index.json"] = Array(#"{"schemaVersion":2,"manifests":[\#(list)]}"#.utf8)
    }

    func writeDirectory(_ path: String) throws {
        for (name, bytes) in files {
            let file = path + "/" + name
            try FileManager.default.createDirectory(
                atPath: String(file[..<(file.lastIndex(of: "/") ?? file.endIndex)]),
                withIntermediateDirectories: true
            )
            try write(bytes, to: file)
        }
    }

    /// In the order in which skopeo has it.
    var tar: [UInt8] {
        TarBuilder.tar { tar in
            tar.add("blobs/", type: "5", mode: 0o755)
            tar.add("blobs/sha256/", type: "5", mode: 0o755)
            for (name, bytes) in files.sorted(by: { $0.key < $1.key }) { tar.add(name, content: bytes) }
        }
    }
}

extension Fixture {
    /// The names in the store's index, with what they stand for.
    var names: [String?: ERACore.Digest] {
        get throws {
            Dictionary(
                try store.names().entries.map { ($0.name, $0.descriptor.digest) },
                uniquingKeysWith: { first, _ in first }
            )
        }
    }

    @discardableResult
    func bringIn(_ layout: LayoutBuilder, as name: String? = nil, isTar: Bool = false) async throws
        -> [ArtifactImport.Imported]
    {
        let path = directory + (isTar ? "/layout.tar" : "/layout")
        try? FileManager.default.removeItem(atPath: path)
        if isTar { try write(layout.tar, to: path) } else { try layout.writeDirectory(path) }
        return try await bringIn(path, as: name)
    }

    @discardableResult
    func bringIn(_ path: String, as name: String? = nil) async throws -> [ArtifactImport.Imported] {
        try await ArtifactImport(store).run(path, as: try name.map { try ImageReference($0) })
    }

    /// What this import has to fail with.
    func refusal(_ body: () async throws -> Void) async throws -> String? {
        do {
            try await body()
            return nil
        } catch let failure as Failure {
            return failure.message
        }
    }

    func has(_ digest: ERACore.Digest) throws -> Bool { try store.lookup(digest) != nil }
}
