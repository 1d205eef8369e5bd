import ERACore

/// What a content hashed to.
struct ContentDigests: Equatable {
    var sha256: Digest
    var sha512: Digest?

    /// The one of the same kind as a declared digest.
    func matching(_ algorithm: Digest.Algorithm) -> Digest? {
        switch algorithm {
        case .sha256: sha256
        case .sha512: sha512
        }
    }
}

/// The content is not what was declared.
struct DigestMismatch: Error, Equatable {
    let declared: Digest
    let found: Digest
}
