import Crypto
import ERACore
import ERAOCI
import Foundation

@testable import ERAArtifact

/// Signs as `cosign --key` does, with an ECDSA key.
struct Signer: Sendable {
    private let key = P256.Signing.PrivateKey()
    let name: PartName

    init(_ name: String) { self.name = PartName(checked: name) }

    var pem: String { key.publicKey.pemRepresentation }
    var trusted: TrustPolicy.Key { TrustPolicy.Key(name: name, type: .cosign, place: .text(pem)) }

    /// What `artifact.signature` says to demand this key.
    var spec: SignatureSpec { SignatureSpec(type: .cosign, keys: [.text(pem)]) }

    func signature(of bytes: [UInt8]) throws -> String {
        try key.signature(for: Data(bytes)).derRepresentation.base64EncodedString()
    }

    /// The payload of `cosign sign`, with more in its `optional` where that is given.
    func payload(for image: ERACore.Digest, version: String? = nil) -> [UInt8] {
        let optional = version.map { #"{"version":"\#($0)"}"# } ?? "null"
        return Array(
            (#"{"critical":{"identity":{"docker-reference":"r.org/team/app"},"image":"#
                + #"{"docker-manifest-digest":"\#(image)"},"type":"cosign container image signature"},"#
                + #""optional":\#(optional)}"#).utf8
        )
    }

    /// A bundle as cosign 3 makes it for an image: an in-toto statement in an envelope.
    func bundle(for image: ERACore.Digest) throws -> [UInt8] {
        let type = "application/vnd.in-toto+json"
        let statement =
            #"{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"\#(image.hex)"}}],"#
            + #""predicateType":"https://sigstore.dev/cosign/sign/v1","predicate":{}}"#
        let signed = "DSSEv1 \(type.utf8.count) \(type) \(statement.utf8.count) \(statement)"
        return Array(
            (#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":"#
                + #"{"publicKey":{"hint":"x"}},"dsseEnvelope":{"payload":"\#(base64(statement))","#
                + #""payloadType":"\#(type)","signatures":[{"sig":"\#(try signature(of: Array(signed.utf8)))"}]}}"#)
                .utf8
        )
    }

    private func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }
}

extension RegistryContent {
    /// Signs an image as `cosign sign` does: a manifest under a tag that follows from the digest.
    mutating func sign(
        _ image: ERACore.Digest,
        _ signers: [Signer],
        payload: [UInt8]? = nil,
        version: String? = nil
    ) throws {
        let config = try blob(Array("{}".utf8), MediaType.imageConfig.rawValue)
        let layers = try signers.map { signer in
            let payload = payload ?? signer.payload(for: image, version: version)
            let layer = try blob(payload, "application/vnd.dev.cosign.simplesigning.v1+json")
            let annotation = #""dev.cosignproject.cosign/signature":"\#(try signer.signature(of: payload))""#
            return layer.dropLast() + #","annotations":{\#(annotation)}}"#
        }
        try manifest(
            #"{"schemaVersion":2,"config":\#(config),"layers":[\#(layers.joined(separator: ","))]}"#,
            .imageManifest,
            tag: "sha256-\(image.hex).sig"
        )
    }

    /// Signs an image by a referrer that holds a bundle; the index of referrers stands under this name.
    mutating func refer(to image: ERACore.Digest, _ signer: Signer, in index: String) throws {
        let type = "application/vnd.dev.sigstore.bundle.v0.3+json"
        let config = try blob(Array("{}".utf8), MediaType.emptyJSON.rawValue)
        let layer = try blob(try signer.bundle(for: image), type)
        let text =
            #"{"schemaVersion":2,"artifactType":"\#(type)","config":\#(config),"layers":[\#(layer)]}"#
        let digest = try manifest(text, .imageManifest)
        let entry =
            #"{"mediaType":"\#(MediaType.imageManifest)","size":\#(text.utf8.count),"digest":"\#(digest)","#
            + #""artifactType":"\#(type)"}"#
        try manifest(#"{"schemaVersion":2,"manifests":[\#(entry)]}"#, .imageIndex, tag: index)
    }
}

extension Fixture {
    /// Fetches once, under a policy.
    func fetch(
        _ artifact: ArtifactSpec,
        _ policy: TrustPolicy = .none,
        known: StoredArtifact? = nil,
        _ options: FetchOptions? = nil
    ) async throws -> StoredArtifact {
        try await fetching(
            options,
            trust: TrustSource {
                policy
            } keyText: {
                try text(of: $0)
            }
        ) { fetcher in
            try await fetcher.fetch(artifact, in: .default, known: known) { _ in }
        }
    }

    /// Fetches once, and returns the failure that this must end in.
    func failure(
        _ artifact: ArtifactSpec,
        _ policy: TrustPolicy = .none,
        known: StoredArtifact? = nil,
        _ options: FetchOptions? = nil
    ) async throws -> Failure? {
        do {
            _ = try await fetch(artifact, policy, known: known, options)
            return nil
        } catch let failure as Failure { return failure }
    }
}

/// The text of a file of a key, without any check of whose it is.
private func text(of path: String) throws -> String { String(decoding: try read(path), as: UTF8.self) }

/// Signs as `cosign sign-blob --key` does with an Ed25519 key: the bytes, and not their hash.
struct BytesSigner: Sendable {
    private let key = Curve25519.Signing.PrivateKey()

    /// What `artifact.signature` says to demand this key. Its form: RFC 8410, section 4.
    var spec: SignatureSpec {
        let prefix: [UInt8] = [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00]
        let der = Data(prefix + key.publicKey.rawRepresentation).base64EncodedString()
        let pem = "-----BEGIN PUBLIC KEY-----\n\(der)\n-----END PUBLIC KEY-----\n"
        return SignatureSpec(type: .cosign, keys: [.text(pem)])
    }

    func signature(of bytes: [UInt8]) throws -> String {
        try key.signature(for: Data(bytes)).base64EncodedString()
    }
}
