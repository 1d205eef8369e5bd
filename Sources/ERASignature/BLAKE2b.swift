internal import CSodium

/// BLAKE2b with 64 bytes of output, fed piece by piece, by libsodium: swift-crypto has none.
///
/// Source: RFC 7693; minisign's "prehashed" signatures are over this hash.
struct BLAKE2b512: ~Copyable {
    static let byteCount = 64

    // The state needs an alignment of 64, which the heap of Swift's structs does not promise.
    private let state = UnsafeMutableRawPointer.allocate(
        byteCount: crypto_generichash_statebytes(),
        alignment: 64
    )

    init() throws(SignatureError) {
        // Idempotent and safe from several threads; it chooses the fastest code for this processor.
        guard sodium_init() >= 0, crypto_generichash_init(Self.opaque(state), nil, 0, Self.byteCount) == 0
        else {
            throw .hashUnavailable
        }
    }

    deinit { state.deallocate() }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        let pointer = start.assumingMemoryBound(to: UInt8.self)
        // It fails for no input: the length is the only parameter that could be wrong, and any is right.
        _ = crypto_generichash_update(Self.opaque(state), pointer, UInt64(bytes.count))
    }

    /// The hash of all that came in; it must be asked once, and be fed no more.
    mutating func finalize() -> [UInt8] {
        var hash = [UInt8](repeating: 0, count: Self.byteCount)
        _ = crypto_generichash_final(Self.opaque(state), &hash, Self.byteCount)
        return hash
    }

    private static func opaque(_ state: UnsafeMutableRawPointer) -> OpaquePointer { OpaquePointer(state) }
}
