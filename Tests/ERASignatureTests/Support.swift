import ERACore
import Foundation
import Testing

@testable import ERASignature

/// The committed files of `Vectors/`; its README says who made them.
enum Vector {
    static func bytes(_ path: String) throws -> [UInt8] {
        let folder = try #require(Bundle.module.resourceURL).appending(path: "Vectors")
        return [UInt8](try Data(contentsOf: folder.appending(path: path)))
    }

    static func text(_ path: String) throws -> String {
        String(decoding: try bytes(path), as: UTF8.self)
    }

    static func key(_ path: String, _ scheme: SignatureSpec.Kind) throws -> TrustedKey {
        TrustedKey(name: path, key: try PublicKey(try text(path), scheme: scheme))
    }
}

/// The verdict on some content, as a fetcher asks for it.
func verdict(
    _ signature: [UInt8],
    on content: [UInt8],
    _ scheme: SignatureSpec.Kind,
    _ keys: TrustedKey...
) throws -> SignatureVerdict {
    let parsed = try DetachedSignature(signature, scheme: scheme)
    var hasher = try parsed.makeHasher(for: keys)
    try hasher.update(content)
    return try parsed.verify(hasher.finalize(), with: keys)
}

/// What the error is, without its texts.
enum Refusal: Equatable {
    case tooLarge, malformed, unsupported, noKey, unknownKey, wrongSignature, wrongNamespace, otherArtifact
    case refusedByPolicy, hashUnavailable

    init(_ error: SignatureError) {
        switch error {
        case .tooLarge: self = .tooLarge
        case .malformed: self = .malformed
        case .unsupported: self = .unsupported
        case .noKey: self = .noKey
        case .unknownKey: self = .unknownKey
        case .wrongSignature: self = .wrongSignature
        case .wrongNamespace: self = .wrongNamespace
        case .otherArtifact: self = .otherArtifact
        case .refusedByPolicy: self = .refusedByPolicy
        case .hashUnavailable: self = .hashUnavailable
        }
    }
}

/// How something is refused; nil where it is accepted.
func refusal(_ body: () throws -> SignatureVerdict) throws -> Refusal? {
    do {
        _ = try body()
        return nil
    } catch let error as SignatureError { return Refusal(error) }
}
