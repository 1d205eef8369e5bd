extension Digest {
    /// A digest of bytes that were computed here.
    ///
    /// - Parameter bytes: As many as the algorithm gives: 32 for sha256, 64 for sha512.
    public init(_ algorithm: Algorithm, bytes: some Sequence<UInt8>) {
        var hex = ""
        for byte in bytes {
            hex += String(byte >> 4, radix: 16) + String(byte & 0xF, radix: 16)
        }
        precondition(hex.utf8.count == algorithm.digitCount, "a digest of another algorithm")
        self.algorithm = algorithm
        self.hex = hex
    }
}
