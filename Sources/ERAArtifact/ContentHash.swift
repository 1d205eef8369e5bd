import Crypto
import ERACore

/// The running digests of one content: sha256 always, and sha512 where that was declared.
struct ContentHash {
    private var sha256 = SHA256()
    private var sha512: SHA512?

    init(declared: ERACore.Digest.Algorithm? = nil) {
        switch declared {
        case .sha512: sha512 = SHA512()
        case .sha256, nil: sha512 = nil
        }
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        sha256.update(bufferPointer: bytes)
        sha512?.update(bufferPointer: bytes)
    }

    /// The digests so far; more bytes may follow.
    func digests() throws(InvalidValue) -> ContentDigests {
        ContentDigests(
            sha256: try ERACore.Digest("sha256:" + hexadecimal(sha256.finalize())),
            sha512: try sha512.map { (hash) throws(InvalidValue) in
                try ERACore.Digest("sha512:" + hexadecimal(hash.finalize()))
            }
        )
    }
}

extension ContentDigests {
    /// Those of a content that is in memory.
    init(of bytes: [UInt8], declared: ERACore.Digest.Algorithm? = nil) throws(InvalidValue) {
        var hash = ContentHash(declared: declared)
        bytes.withUnsafeBytes { hash.update($0) }
        self = try hash.digests()
    }
}

/// The sha256 of a short text, in hexadecimal: a file name for something that has none.
func hexadecimalSHA256(of text: String) -> String {
    hexadecimal(SHA256.hash(data: Array(text.utf8)))
}

private func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in bytes {
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
}
